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
"""

from __future__ import annotations

import contextlib
import ctypes
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
import tarfile
from collections import deque
from pathlib import Path
from typing import Any, NoReturn

sys.modules["debugpy"] = None  # type: ignore[assignment]
sys.path.insert(0, str(Path(__file__).parent))

import box_kernel
import box_seccomp

_libc = ctypes.CDLL(None, use_errno=True)

# From <sched.h>, <sys/mount.h> and <sys/prctl.h>.
_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 24, 38, 4
_DESCRIPTORS = 8  # of a request
_KILLED = 9  # exit status of an attendant whose kernel got SIGKILL
_REMEMBERED = 256  # kernels that were killed
_CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


def main() -> None:
    """Import, then answer requests until the owner is gone."""
    settings = json.loads(sys.argv[1])
    sys.argv[1:] = []
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
        os.execv(sys.executable, [sys.executable, sys.argv[0], again])
    if threads != 1:  # a fork of a process with threads can hang
        raise SystemExit(f"the warm process has {threads} threads; which import starts them?")
    gc.collect()
    gc.freeze()  # the forks' collectors leave these pages alone, and so shared
    gc.enable()
    _Server(settings["listener"], settings["owner"]).run()


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

    def __init__(self, listener: int, owner: int) -> None:
        self._listener = socket.socket(fileno=listener)
        self._owner = socket.socket(fileno=owner)
        self._workers: set[socket.socket] = set()
        # By attendant: its worker, and its kernel's pidfd and pid.
        self._kernels: dict[int, tuple[socket.socket, int, int]] = {}
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
            answer, pidfds = _failure(error), []
        finally:
            for fd in fds:
                os.close(fd)
        try:
            socket.send_fds(worker, [answer], pidfds)
        except ConnectionError:
            return False
        return True

    def _how_it_ended(self, kernel: int) -> bytes:
        if any(pid == kernel for _worker, _pidfd, pid in self._kernels.values()):
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
                    _attend(request, fds, theirs)
            answer, pidfds, _flags, _address = socket.recv_fds(ours, 4096, 1)
        if pidfds:
            kernel = json.loads(answer)["pid"]
            self._kernels[attendant] = (worker, pidfds[0], kernel)
            if kernel in self._killed:  # an older one's
                self._killed.remove(kernel)
        return answer or b'{"error": "the box was not made"}', pidfds

    def _drop(self, worker: socket.socket) -> None:
        self._workers.discard(worker)
        worker.close()
        for owner, pidfd, _pid in self._kernels.values():
            if owner is worker:
                _kill(pidfd)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                attendant, status = found
                if attendant in self._kernels:
                    _worker, pidfd, kernel = self._kernels.pop(attendant)
                    _kill(pidfd)  # gone already, unless it was the attendant that somebody killed
                    os.close(pidfd)
                    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == _KILLED:
                        self._killed.append(kernel)


def _attend(request: dict[str, Any], fds: list[int], report: socket.socket) -> NoReturn:
    """The attendant: namespaces, the kernel's first process, its pidfd, then wait."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _close_all_but({0, 1, 2, *fds, report.fileno()})  # no other worker's connection
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _check("unshare", _libc.unshare(_NEW))
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
                os._exit(_KILLED)
    except BaseException as error:
        _report(report, error)
    os._exit(0)


def _become_kernel(request: dict[str, Any], fds: list[int], report: socket.socket) -> NoReturn:
    try:
        report.close()
        _redirect_standard_streams(fds[7])
        os.setsid()  # where the system shares processor time by session, no more than a sibling gets
        wall = request["wall"]
        _check("sethostname", _libc.sethostname(b"box", 3))
        _mount(wall)
        os.chdir("/work")
        _drop_rights(wall["user"])
        if request["kernel"] is None:  # a trial of the wall
            box_seccomp.install_filter()
            os._exit(0)
        _unpack(fds[6])
        box_kernel.set_limits(request["limits"])
        box_seccomp.install_filter()
        options = request["kernel"] | {
            "fds": dict(zip(_CHANNELS, fds[:5], strict=True)),
            "wire": fds[5],
        }
        _close_all_but({0, 1, 2, *fds[:6]})
        box_kernel.run_kernel(options)
    except BaseException as error:
        sys.stderr.write(f"box: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(70)
    os._exit(0)


def _mount(wall: dict[str, Any]) -> None:
    """Private folders over what the forks would share, and this pid namespace's own /proc."""
    nothing = _MS_NOSUID | _MS_NODEV
    size = wall["disk_bytes"]
    _check("private", _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    for folder in ("/work", "/tmp", "/dev/shm"):
        options = f"mode=1777,size={size},nr_inodes={wall['files']}"
        _check(folder, _libc.mount(b"tmpfs", folder.encode(), b"tmpfs", nothing, options.encode()))
    pts = b"newinstance,ptmxmode=0666,mode=620"
    _check("/dev/pts", _libc.mount(b"devpts", b"/dev/pts", b"devpts", _MS_NOSUID | _MS_NOEXEC, pts))
    _check("/proc", _libc.mount(b"proc", b"/proc", b"proc", nothing | _MS_NOEXEC, None))
    for path in ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"):
        if Path(path).exists():
            name = path.encode()
            _check(path, _libc.mount(name, name, None, _MS_BIND | _MS_REC, None))
            flags = _MS_BIND | _MS_REMOUNT | _MS_RDONLY | nothing | _MS_NOEXEC
            _check(path, _libc.mount(None, name, None, flags, None))


def _drop_rights(user: int | None) -> None:
    """No capability, no other group, and (started by root) an unprivileged user, for good."""
    _check("no_new_privs", _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    _check("capset", _libc.capset(header, (ctypes.c_uint32 * 6)()))
    # A change of user makes a process undumpable, and its /proc/self root's; nothing in it is secret.
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def _unpack(fd: int) -> None:
    with open(fd, "rb") as stream:
        content = stream.read()
    if content:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            # Not by an argument: Python 3.11.2, which is Debian 12's, has none.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall("/work")


def _redirect_standard_streams(log: int) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _close_all_but(kept: set[int]) -> None:
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) not in kept:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.close(int(path.name))


def _kill(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _report(report: socket.socket, error: BaseException) -> None:
    with contextlib.suppress(OSError):
        report.send(_failure(error))


def _failure(error: BaseException) -> bytes:
    return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()


def _check(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
