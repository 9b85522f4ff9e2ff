"""The machine's warm process, from the trusted side: starts it once, has kernels forked from it.

`autograder/guest/box_warm.py` tells how it works on the other side. A grader starts one for all of
its workers: the process that owns it tells them its address, and they connect (`join`). Where such a process
cannot be had (a system that takes the rights away which it needs inside bubblewrap), every kernel
gets a bubblewrap of its own and pays for its imports: slower, and walled no worse.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from autograder.errors import BoxFailed
from autograder.sandbox import in_flight, wall
from autograder.sandbox.folders import new_folder
from autograder.sandbox.kernel import BoxedKernel, KernelPlan, new_ends, resource_limits, start_cold
from autograder.sandbox.settings import BoxSettings

_SOCKET, _LOG = "forks", "log"
_LOOKS, _LOOK_AGAIN_S = 100, 0.02


def start_kernel(settings: BoxSettings, plan: KernelPlan) -> BoxedKernel:
    """A kernel in its box: forked from the warm process, or started from nothing.

    Raises:
        BoxUnavailable: when no wall can be built here.
        BoxFailed: when it broke twice.
    """
    key = _key(settings, plan.data)
    if settings.warm and (key in _links or warm_trouble() is None):
        with contextlib.suppress(BoxFailed):
            return _link(settings, plan.data).fork(settings, plan)
        _forget(key)  # a fresh one, once
        return _link(settings, plan.data).fork(settings, plan)
    return start_cold(settings, plan)


def address(settings: BoxSettings, data: Path | None) -> Path | None:
    """Where this process's warm process takes requests; None where there can be none.

    Does not wait for its imports.

    Raises:
        BoxUnavailable: when no wall can be built here.
    """
    if not settings.warm or warm_trouble() is not None:
        return None
    return _own(settings, data).folder


def join(settings: BoxSettings, data: Path | None, folder: Path) -> None:
    """Have kernels of this process forked from another process's warm process, at its address."""
    key = _key(settings, data)
    with _starting:
        if key not in _links or _links[key].folder != folder:
            _forget(key)
            _links[key] = WarmLink(folder, settings)


@cache
def warm_trouble() -> str | None:
    """Why kernels cannot be forked from a warm process here; None if they can."""
    settings = BoxSettings()
    settings.warm_imports = []
    try:
        process = WarmProcess(settings, None)
    except BoxFailed as error:
        return str(error)
    link = WarmLink(process.folder, settings)
    try:
        return link.trial()
    except BoxFailed as error:
        return str(error)
    finally:
        link.close()
        process.close()


class WarmProcess:
    """One process in bubblewrap that imports what notebooks need, as its owner holds it."""

    def __init__(self, settings: BoxSettings, data: Path | None) -> None:
        """Start it, without waiting for its imports.

        Raises:
            BoxUnavailable: when the wall cannot be built here.
        """
        in_flight.allow_more_than_a_box()  # it sends kernels' pidfds
        self.folder = new_folder("warm")
        self._owner, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = self._start(settings, data, theirs)
        except BaseException:
            self._owner.close()
            shutil.rmtree(self.folder)
            raise

    def _start(
        self, settings: BoxSettings, data: Path | None, owner: socket.socket
    ) -> subprocess.Popen[bytes]:
        layout = wall.WallLayout(settings, data, warm=True)
        with contextlib.ExitStack() as stack:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.enter_context(listener)
            listener.bind(str(self.folder / _SOCKET))
            listener.listen(256)
            log = stack.enter_context((self.folder / _LOG).open("wb"))
            inherited = [*layout.open_files(stack), owner.fileno(), listener.fileno()]
            options = {
                "listener": listener.fileno(),
                "owner": owner.fileno(),
                "imports": list(settings.warm_imports),
                "besides": list(settings.warm_besides),
            }
            return subprocess.Popen(
                [*layout.command(), wall.python_in_box(), "/box/box_warm.py", json.dumps(options)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={},
            )

    @property
    def alive(self) -> bool:
        """Whether it runs, and can still be reached: somebody may have emptied the temporary folder."""
        return self._process.poll() is None and (self.folder / _SOCKET).exists()

    def close(self) -> None:
        """End it, and every kernel that was forked from it."""
        self._owner.close()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class WarmLink:
    """A connection to a warm process. Kernels that were forked through it end with it."""

    def __init__(self, folder: Path, settings: BoxSettings) -> None:
        self.folder = folder
        self._settings = settings
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False

    def fork(self, settings: BoxSettings, plan: KernelPlan) -> BoxedKernel:
        """A kernel in a box of its own, ready some hundredths of a second later.

        Raises:
            BoxFailed: when the process is gone or the fork failed.
        """
        with new_ends() as ends, wall.memory_file(_tar(plan.files)) as files:
            request = {
                "kernel": plan.options(ends.key, settings),
                "wall": _wall_options(settings),
                "limits": resource_limits(settings),
            }
            fds = [listener.fileno() for listener in ends.listeners]
            said, pidfds = self._request(request, [*fds, ends.their_wire.fileno(), files, ends.log])
            if len(pidfds) != 1:
                raise BoxFailed(f"A box could not be made: {said.get('error', 'no answer')}.")
            kernel = ends.kernel(pidfds[0])
            kernel.parent_is_gone = self.is_gone
            kernel.was_killed = functools.partial(self.was_killed, said["pid"])
            return kernel

    def is_gone(self) -> bool:
        """Whether the warm process has ended, or the connection: then so have its kernels."""
        try:
            return self._closed or "error" in self._request({}, [])[0]
        except BoxFailed:
            return True

    def was_killed(self, kernel: int) -> bool:
        """Whether a kernel that is gone got SIGKILL from outside of its box.

        Args:
            kernel: its pid as the warm process counts.

        Raises:
            BoxFailed: when the warm process is gone.
        """
        for _ in range(_LOOKS):
            killed = self._request({"ended": kernel}, [])[0].get("killed")
            if killed is not None:
                return bool(killed)
            time.sleep(_LOOK_AGAIN_S)  # it has just ended
        return False

    def trial(self) -> str | None:
        """Build the wall around nothing; what went wrong, or None.

        Raises:
            BoxFailed: when the process is gone.
        """
        with os.fdopen(os.memfd_create("words"), "rb") as log:
            words = log.fileno()
            request = {"kernel": None, "wall": _wall_options(self._settings), "limits": {}}
            said, _fds = self._request(request, [words] * 8)
            if said.get("status") == 0:
                return None
            text = os.pread(words, 2000, 0).decode(errors="replace").strip()
            return str(said.get("error") or text or said)

    def close(self) -> None:
        """Drop the connection; the warm process ends the kernels that came from it."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._closed = True

    def _request(self, request: dict[str, Any], fds: list[int]) -> tuple[dict[str, Any], list[int]]:
        with self._lock:
            try:
                if self._closed:
                    raise OSError("the connection was closed")
                if self._socket is None:
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    self._socket.settimeout(self._settings.start_wall_s)
                    self._socket.connect(str(self.folder / _SOCKET))
                socket.send_fds(self._socket, [json.dumps(request).encode()], fds)
                # The first answer comes when the warm process has made its imports.
                packet, received, _flags, _address = socket.recv_fds(self._socket, 2**16, 4)
                if not packet:
                    raise ConnectionResetError("it said nothing")
            except OSError as error:
                # An answer that comes late would be taken for the next request's.
                self._close()
                raise BoxFailed(self._gone(str(error))) from None
        return json.loads(packet), received

    def _gone(self, why: str) -> str:
        words = ""
        with contextlib.suppress(OSError):
            words = (self.folder / _LOG).read_bytes()[-4000:].decode(errors="replace").strip()
        return f"The warm process did not answer: {words or why}."


_processes: dict[tuple[object, ...], WarmProcess] = {}  # this process's own
_links: dict[tuple[object, ...], WarmLink] = {}
_starting = threading.RLock()


def _key(settings: BoxSettings, data: Path | None) -> tuple[object, ...]:
    built = (settings.threads, settings.disk_mib, settings.gpu)
    imports = (tuple(settings.warm_besides), tuple(settings.warm_imports))
    return (os.getpid(), data, *built, *imports)


def _own(settings: BoxSettings, data: Path | None) -> WarmProcess:
    with _starting:
        key = _key(settings, data)
        if key in _processes and not _processes[key].alive:
            _forget(key)
        if key not in _processes:
            _processes[key] = WarmProcess(settings, data)
        return _processes[key]


def _link(settings: BoxSettings, data: Path | None) -> WarmLink:
    with _starting:
        key = _key(settings, data)
        if key not in _links:
            _links[key] = WarmLink(_own(settings, data).folder, settings)
        return _links[key]


def _forget(key: tuple[object, ...]) -> None:
    with _starting:
        link, process = _links.pop(key, None), _processes.pop(key, None)
        if link is not None:
            link.close()
        if process is not None:
            process.close()


@atexit.register
def close_warm_processes() -> None:
    """End the warm processes of this process, and their kernels."""
    for key in {*_processes, *_links}:
        if key[0] == os.getpid():
            _forget(key)


def _wall_options(settings: BoxSettings) -> dict[str, Any]:
    return {
        "user": wall.box_user(settings) if wall.as_root() else None,
        "disk_bytes": settings.disk_mib * 2**20,
        "files": settings.disk_files,
    }


def _tar(files: Mapping[str, bytes]) -> bytes:
    if not files:
        return b""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
