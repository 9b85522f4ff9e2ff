"""The warm process: imports once what notebooks need, then forks a kernel for each submission.

Actors. The *warm process* is ours; it runs inside bubblewrap, in one thread, keeps the right to make
namespaces, and never runs a student's code. For each request it forks an *attendant* (ours), which
makes namespaces of its own and forks the *kernel*, the first process of a new pid namespace. The
kernel mounts its private folders, gives up every right, installs the system-call filter, and only
then becomes an ipykernel that runs a student's code. The attendant waits for it, so that nothing of
a box is left when its first process is gone.

What a fork can see: the warm process's memory as it was (imports, no submission, no secret), a read-only
system, and mounts, processes, network, System V objects and a host name of its own.

Workers of one grader share the warm process: it listens on a SOCK_SEQPACKET socket in a folder of the
grader's. A request is one JSON packet with eight descriptors (five listening sockets, the wire, a
memfd with the submission's files, a memfd for what the box writes outside of the protocol). The answer
is a packet with the kernel's pidfd, by which the trusted side kills the whole box at once, or with the
reason for a failure. The request {} asks whether the warm process lives, and {"ended": PID} whether a
kernel got SIGKILL: that comes from outside of the box, for nobody in a pid namespace can send it to the
namespace's first process. When a worker's connection ends, so do its kernels; when the owner's does, all.

Where no namespaces can be made, the warm process is root's, of a container that keeps rules for what its
kernels may read; they are made by `box_confined`, and an answer brings two more descriptors: of a pipe that
ends when all of the box has gone, and the attendant's pidfd.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import sys
from collections import deque
from pathlib import Path
from typing import Any, NoReturn

sys.modules["debugpy"] = None  # type: ignore[assignment]
sys.path.insert(0, str(Path(__file__).parent))

import box_confined
import box_kernel
import box_landlock
import box_namespaces
import box_process
import box_seccomp
import box_user

_DESCRIPTORS = 8  # of a request
_REMEMBERED = 256  # kernels that were killed


def main() -> None:
    """Import, then answer requests until the owner is gone."""
    settings = json.loads(sys.argv[1])
    sys.argv[1:] = []
    rules = None
    if settings["rules"] is not None:
        opened = box_user.begin(settings["rules"])
        rules = [(fd, box_landlock.rule_for(fd, word)) for fd, word in opened]
    gc.disable()  # all that imports make stays, so looking through it again and again finds nothing
    for name in settings["imports"]:
        importlib.import_module(name)
    for name in settings["besides"]:
        with contextlib.suppress(Exception):  # the notebook that imports it hears the same
            importlib.import_module(name)
    if settings["imports"]:  # none for a trial of the wall
        import box_probe  # noqa: F401 - imported before any fork, so that no fork pays for it

        _draw_once()
        # What that imports and reads, lines of torch's files among it, a fork need not.
        if "numpy" in sys.modules:
            box_kernel.seed_all(0, "torch" in sys.modules)
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1 and settings["besides"]:  # once more without them
        again = json.dumps(settings | {"besides": []})
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:-1], again])
    if threads != 1:  # a fork of a process with threads can hang
        raise SystemExit(f"the warm process has {threads} threads; which import starts them?")
    if settings["rules"] is not None:
        os.close(settings["rules"])
    gc.freeze()  # the forks' collectors leave these pages alone, and so shared
    gc.enable()
    _Server(settings["listener"], settings["owner"], rules, settings["alive"]).run()


def _draw_once() -> None:
    """Fill matplotlib's caches (fonts, glyphs, the parser of formulas), which takes a fork 60 ms."""
    if "matplotlib" not in sys.modules:
        return
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.set_title("$0.5$ and a word")
    axes.plot([0, 1], label="a line")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")


class _Server:
    """Answers requests one after the other, and remembers whose kernels run."""

    def __init__(
        self, listener: int, owner: int, rules: list[tuple[int, bytes]] | None, alive: int
    ) -> None:
        """Serve.

        Args:
            rules: for files that every kernel may use where there are no namespaces (`box_landlock`), each
                with the descriptor that it is about.
            alive: a descriptor that whoever has something of a box to end or remove holds open; or -1.
        """
        self._rules = rules
        self._alive = alive
        self._lifeline, self._held = (
            os.pipe()
        )  # of which attendants see that this process has ended
        self._listener = socket.socket(fileno=listener)
        self._owner = socket.socket(fileno=owner)
        self._workers: set[socket.socket] = set()
        # By attendant: its worker, its kernel's pidfd and pid, and where that has one its user id.
        self._kernels: dict[int, tuple[socket.socket, int, int, int | None]] = {}
        self._killed: deque[int] = deque(maxlen=_REMEMBERED)  # kernels' pids
        self._child_ended, wake = socket.socketpair()
        wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.detach(), warn_on_full_buffer=False)

    def run(self) -> None:
        """Serve until the owner is gone."""
        while True:
            watched = [self._owner, self._child_ended, self._listener, *self._workers]
            ready, _, _ = select.select(watched, [], [])
            for end in ready:
                if end is self._owner:
                    return
                if end is self._child_ended:
                    end.recv(4096)
                    self._reap()
                elif end is self._listener:
                    with contextlib.suppress(
                        OSError
                    ):  # the worker waits until there is room for it
                        self._workers.add(end.accept()[0])
                elif not self._answer_one(end):
                    self._drop(end)

    def _answer_one(self, worker: socket.socket) -> bool:
        try:
            packet, fds, _flags, _address = socket.recv_fds(worker, 1 << 20, 16)
        except ConnectionError:
            return False
        if not packet:
            return False
        try:
            request = json.loads(packet)
            pidfds: list[int] = []
            if "ended" in request:
                answer = self._how_it_ended(request["ended"])
            elif request:
                answer, pidfds = self._fork(worker, request, fds)
            else:
                answer = packet
        except OSError as error:  # no process or descriptor to be had: this box's trouble alone
            answer, pidfds = box_process.failure(error), []
        finally:
            for fd in fds:
                os.close(fd)
        try:
            socket.send_fds(worker, [answer], pidfds)
        except ConnectionError:
            return False
        finally:
            for pidfd in pidfds[1:]:
                os.close(pidfd)
        return True

    def _how_it_ended(self, kernel: int) -> bytes:
        if any(pid == kernel for _worker, _pidfd, pid, _user in self._kernels.values()):
            return b'{"killed": null}'
        return json.dumps({"killed": kernel in self._killed}).encode()

    def _fork(
        self, worker: socket.socket, request: dict[str, Any], fds: list[int]
    ) -> tuple[bytes, list[int]]:
        if len(fds) != _DESCRIPTORS:  # the system drops those for which there is no room
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                attendant = os.fork()
                if attendant == 0:
                    if self._rules is None:
                        _attend(request, fds, theirs)
                    held = [self._lifeline, self._alive, *(fd for fd, _rule in self._rules)]
                    box_process.close_all_but({0, 1, 2, *fds, theirs.fileno(), *held})
                    box_confined.attend(request, fds, theirs, self._rules, self._lifeline)
            answer, pidfds, _flags, _address = socket.recv_fds(ours, 4096, 2)
        if pidfds:
            said = json.loads(answer)
            kernel = said["pid"]
            self._kernels[attendant] = (worker, pidfds[0], kernel, said.get("user"))
            if self._rules is not None:
                pidfds.append(os.pidfd_open(attendant))
            if kernel in self._killed:  # an older one's
                self._killed.remove(kernel)
        return answer or b'{"error": "the box was not made"}', pidfds

    def _drop(self, worker: socket.socket) -> None:
        self._workers.discard(worker)
        worker.close()
        for owner, pidfd, _pid, _user in self._kernels.values():
            if owner is worker:
                box_process.kill(pidfd)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                attendant, status = found
                if attendant in self._kernels:
                    _worker, pidfd, kernel, user = self._kernels.pop(attendant)
                    # Gone already, unless it was the attendant that somebody killed.
                    box_process.kill(pidfd)
                    os.close(pidfd)
                    if user is not None and os.WIFSIGNALED(status):
                        box_user.end_user_elsewhere(user)  # the next grader removes its folder
                    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == box_process.KILLED:
                        self._killed.append(kernel)


def _attend(request: dict[str, Any], fds: list[int], report: socket.socket) -> NoReturn:
    """The attendant: namespaces, the kernel's first process, its pidfd, then wait."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    box_process.close_all_but({0, 1, 2, *fds, report.fileno()})  # no other worker's connection
    try:
        box_user.die_with_parent()
        box_namespaces.unshare()
        ready, go = os.pipe()
        kernel = os.fork()
        if kernel == 0:
            os.close(go)
            # The attendant holds our pidfd before anything of a student runs; if it is gone, so are we.
            if not os.read(ready, 1):
                os._exit(0)
            os.close(ready)
            _become_kernel(request, fds, report)
        pidfd = os.pidfd_open(kernel)
        os.close(ready)
        os.write(go, b"1")
        os.close(go)
        for fd in fds:
            os.close(fd)
        if request["kernel"] is None:
            _pid, status = os.waitpid(kernel, 0)
            report.send(json.dumps({"status": status}).encode())
        else:
            socket.send_fds(report, [json.dumps({"pid": kernel}).encode()], [pidfd])
            os.close(pidfd)
            report.close()
            _pid, status = os.waitpid(kernel, 0)
            # Within a pid namespace nobody can do this to its first process.
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                os._exit(box_process.KILLED)
    except BaseException as error:
        box_process.report_failure(report, error)
    os._exit(0)


def _become_kernel(request: dict[str, Any], fds: list[int], report: socket.socket) -> NoReturn:
    try:
        report.close()
        box_process.redirect_standard_streams(fds[7])
        os.setsid()  # where the system shares processor time by session, no more than a sibling gets
        wall = request["wall"]
        box_namespaces.mount(wall)
        os.chdir("/work")
        box_process.drop_rights(wall["user"])
        if not wall["own_proc"]:
            box_landlock.scope()
        if request["kernel"] is None:  # a trial of the wall
            box_seccomp.install_filter()
            os._exit(0)
        box_process.unpack(fds[6], "/work")
        box_kernel.set_limits(request["limits"])
        box_seccomp.install_filter()
        box_process.close_all_but({0, 1, 2, *fds[:6]})
        box_process.run(request, fds)
    except BaseException as error:
        box_process.say_and_exit(error)
    os._exit(0)


if __name__ == "__main__":
    main()
