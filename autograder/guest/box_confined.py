"""The attendant and the kernel of a box without namespaces: a user id of its own, Landlock, the filter."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
from typing import Any, NoReturn

import box_kernel
import box_landlock
import box_process
import box_seccomp
import box_user


def attend(
    request: dict[str, Any],
    fds: list[int],
    report: socket.socket,
    rules: list[tuple[int, bytes]],
    lifeline: int,
) -> NoReturn:
    """The attendant of a box that is a user id: see `box_user`."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        box_user.adopt()
        killed_before = box_user.killed_by_the_system()
        wall = request["wall"]
        claim = box_user.Claim(wall["base"], wall["first_user"], wall["users"])
        try:
            ready, go = os.pipe()
            kernel = os.fork()
            if kernel == 0:
                _become_kernel(request, fds, report, rules, claim, (ready, go))
            own = box_user.own_rules(claim.folder, kernel)  # held open, or those of /proc wear off
            os.close(ready)
            os.write(go, b"1")
            os.close(go)
            pidfd = os.pidfd_open(kernel)
            ended, until_then = os.pipe()  # which no process of the box holds
            for fd in fds:
                os.close(fd)
            if request["kernel"] is not None:
                told = {"pid": kernel, "user": claim.user, "folder": str(claim.folder)}
                socket.send_fds(report, [json.dumps(told).encode()], [pidfd, ended])
                report.close()
            os.close(ended)
            status = box_user.watch_over(kernel, lifeline)
            del own
        finally:
            claim.end()
        os.close(until_then)  # which is told here, since this process itself takes a while to end
        if request["kernel"] is None:
            report.send(json.dumps({"status": status}).encode())
        # A student's code can kill itself like this, but not have the system count it as killed for memory.
        elif os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            os._exit(box_process.KILLED if box_user.killed_by_the_system() > killed_before else 0)
    except BaseException as error:
        box_process.report_failure(report, error)
    os._exit(0)


def _become_kernel(
    request: dict[str, Any],
    fds: list[int],
    report: socket.socket,
    rules: list[tuple[int, bytes]],
    claim: box_user.Claim,
    gate: tuple[int, int],
) -> NoReturn:
    try:
        os.close(gate[1])
        if not os.read(gate[0], 1):  # the attendant is gone
            os._exit(0)
        report.close()
        box_process.redirect_standard_streams(fds[7])
        os.setsid()
        box_kernel.set_limits(request["limits"])  # while it may
        work, wall = claim.folder / "work", request["wall"]
        os.environ.update(
            {name: text.format(box=claim.folder) for name, text in wall["environment"].items()}
        )
        tempfile.tempdir = None  # as it was when imports asked
        box_process.drop_rights(claim.user)
        box_user.die_with_parent()
        try:
            os.chdir(work)
        except PermissionError:
            raise OSError(
                f"{wall['base']}, the temporary folder, is closed to other users, and students' code runs as "
                "one: set TMPDIR to another one, such as /tmp"
            ) from None
        os.umask(0o077)
        if request["kernel"] is not None:
            box_process.unpack(fds[6], str(work))
        own = box_user.own_rules(claim.folder, os.getpid())
        shared = (rule for _fd, rule in rules)
        box_landlock.confine([*shared, *(box_landlock.rule_for(fd, word) for fd, word in own)])
        if request["kernel"] is None:
            box_user.see()
            box_seccomp.install_filter(shared=True)
            box_user.try_out(wall["trial"])
            os._exit(0)
        box_process.close_all_but({0, 1, 2, *fds[:6]})
        box_seccomp.install_filter(shared=True)
        box_process.run(request, fds)
    except BaseException as error:
        box_process.say_and_exit(error)
    os._exit(0)
