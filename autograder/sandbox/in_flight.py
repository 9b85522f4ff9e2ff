"""How many descriptors a user has on their way through sockets, as far as the system tells.

Linux counts them by user, and refuses a process's next one when the count is over that process's
RLIMIT_NOFILE. Root's boxes have users of their own. An ordinary user's boxes share the grader's: one
of them can use the count up, and then no other's answer comes through. That is not their doing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
from pathlib import Path


def allow_more_than_a_box() -> None:
    """Raise this process's limit as far as it may, so that no box can use up the grader's own part."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def used_up(open_files: int) -> bool:
    """Whether a box with this limit could send no descriptor now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, Path(os.devnull).open("rb") as any_file:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(open_files, hard), hard))
        try:
            socket.send_fds(ours, [b"x"], [any_file.fileno()])
        except OSError as error:
            return error.errno == errno.ETOOMANYREFS
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return False
