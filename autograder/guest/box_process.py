"""What the processes of a box do on their way, in every form of the wall: streams, rights, files."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import signal
import socket
import sys
import tarfile
from typing import Any, NoReturn

import box_kernel

_libc = ctypes.CDLL(None, use_errno=True)

# From <sys/prctl.h>.
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 24, 38, 4
_CLOSE_RANGE = 436  # of the system's tables, on every processor
KILLED = 9  # exit status of an attendant whose kernel got SIGKILL from outside


def run(request: dict[str, Any], fds: list[int]) -> None:
    """Become the kernel that a request wants."""
    box_kernel.run_kernel(request["kernel"] | {"fds": fds[:5], "wire": fds[5]})


def say_and_exit(error: BaseException) -> NoReturn:
    sys.stderr.write(f"box: {type(error).__name__}: {error}\n")
    sys.stderr.flush()
    os._exit(70)


def drop_rights(user: int | None) -> None:
    """No capability, no other group, and (started by root) an unprivileged user, for good."""
    check("no_new_privs", _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    check("capset", _libc.capset(header, (ctypes.c_uint32 * 6)()))
    # A change of user makes a process undumpable, and its /proc/self root's; nothing in it is secret.
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def unpack(fd: int, folder: str) -> None:
    with open(fd, "rb") as stream:
        content = stream.read()
    if content:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            # Not by an argument: Python 3.11.2, which is Debian 12's, has none.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)


def redirect_standard_streams(log: int) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(log, 1)
    os.dup2(log, 2)


def close_all_but(kept: set[int]) -> None:
    above = sorted(kept)
    # To ask which is the last takes longer than the rest, and many a Python has no call that need not know.
    first, most = ctypes.c_long(above[-1] + 1), ctypes.c_long(2**32 - 1)
    if (
        _libc.syscall(ctypes.c_long(_CLOSE_RANGE), first, most, ctypes.c_long(0)) != 0
    ):  # before Linux 5.9
        last = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208
        os.closerange(above[-1] + 1, last + 1)
    for low, high in zip([-1, *above], above, strict=False):
        if low + 1 < high:  # closerange(0, 0) of Python 3.11 closes all
            os.closerange(low + 1, high)


def kill(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def report_failure(report: socket.socket, error: BaseException) -> None:
    with contextlib.suppress(OSError):
        report.send(failure(error))


def failure(error: BaseException) -> bytes:
    return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()


def check(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
