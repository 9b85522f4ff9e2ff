"""The machine's warm process, from the trusted side: starts it once, has kernels forked from it.

`guest/box_warm.py` tells how it works on the other side. Where such a process cannot be had (a system
that takes the rights away which it needs inside bubblewrap), every kernel gets a bubblewrap of its
own and pays for its imports: slower, and walled no worse.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import logging
import os
import signal
import socket
import subprocess
import tarfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from autograder.errors import BoxFailed
from autograder.sandbox import wall
from autograder.sandbox.kernel import BoxedKernel, KernelPlan, new_ends, resource_limits, start_cold
from autograder.sandbox.settings import BoxSettings

log = logging.getLogger("autograder.sandbox")


def start_kernel(settings: BoxSettings, plan: KernelPlan) -> BoxedKernel:
    """A kernel in its box: forked from the warm process, or started from nothing.

    Raises:
        BoxUnavailable: when no wall can be built here.
        BoxFailed: when it broke twice.
    """
    if settings.warm and warm_trouble() is None:
        with contextlib.suppress(BoxFailed):
            return _warm_process(settings, plan.data).fork(settings, plan)
        dead = _warm_processes.pop(_key(settings, plan.data), None)  # a fresh one, once
        if dead is not None:
            dead.close()
        return _warm_process(settings, plan.data).fork(settings, plan)
    return start_cold(settings, plan)


@cache
def warm_trouble() -> str | None:
    """Why kernels cannot be forked from a warm process here; None if they can."""
    settings = BoxSettings()
    settings.warm_imports = []
    try:
        process = WarmProcess(settings, None)
    except BoxFailed as error:
        return str(error)
    try:
        return process.trial(settings)
    finally:
        process.close()


class WarmProcess:
    """One process in bubblewrap that has imported what notebooks need."""

    def __init__(self, settings: BoxSettings, data: Path | None) -> None:
        """Start it and wait for its imports.

        Raises:
            BoxUnavailable: when the wall cannot be built here.
            BoxFailed: when it does not start; the message has its last words.
        """
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(settings.start_wall_s)
        options = {"control": theirs.fileno(), "imports": list(settings.warm_imports)}
        layout = wall.WallLayout(settings, data, warm=True)
        self._log = os.memfd_create("warm")
        with theirs, contextlib.ExitStack() as stack:
            inherited = [*layout.open_files(stack), theirs.fileno()]
            self._process = subprocess.Popen(
                [*layout.command(), wall.python_in_box(), "/box/box_warm.py", json.dumps(options)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={},
            )
        said, _fds = self._receive()
        if not said.get("ready"):
            words = os.pread(self._log, 4000, 0).decode(errors="replace").strip()
            self.close()
            raise BoxFailed(
                f"The warm process did not start: {said.get('error') or words or 'it said nothing'}."
            )

    def fork(self, settings: BoxSettings, plan: KernelPlan) -> BoxedKernel:
        """A kernel in a box of its own, ready some hundredths of a second later.

        Raises:
            BoxFailed: when the process is gone or the fork failed.
        """
        with new_ends() as ends, wall.memory_file(_tar(plan.files)) as files:
            request = {
                "kernel": plan.options(ends.key),
                "wall": _wall_options(settings),
                "limits": resource_limits(settings),
            }
            fds = [listener.fileno() for listener in ends.listeners]
            said, pidfds = self._request(request, [*fds, ends.their_wire.fileno(), files, ends.log])
            if len(pidfds) != 1:
                raise BoxFailed(f"A box could not be made: {said.get('error', 'no answer')}.")
            return ends.kernel(pidfds[0])

    def trial(self, settings: BoxSettings) -> str | None:
        """Build the wall around nothing; what went wrong, or None."""
        with wall.memory_file("") as words:
            fds = [words] * 8
            request = {"kernel": None, "wall": _wall_options(settings), "limits": {}}
            try:
                said, _fds = self._request(request, fds)
            except BoxFailed as error:
                return str(error)
            if said.get("status") == 0:
                return None
            text = os.pread(words, 2000, 0).decode(errors="replace").strip()
            return str(said.get("error") or text or said)

    def close(self) -> None:
        """End it, and every kernel that was forked from it."""
        self._control.close()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._log)

    def _request(self, request: dict[str, Any], fds: list[int]) -> tuple[dict[str, Any], list[int]]:
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(request).encode()], fds)
            except OSError as error:
                raise BoxFailed(f"The warm process is gone ({error.strerror}).") from None
            return self._receive()

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        try:
            packet, fds, _flags, _address = socket.recv_fds(self._control, 2**16, 4)
        except OSError:
            packet, fds = b"", []
        return (json.loads(packet) if packet else {}), fds


_warm_processes: dict[tuple[object, ...], WarmProcess] = {}
_starting = threading.Lock()


def _key(settings: BoxSettings, data: Path | None) -> tuple[object, ...]:
    return (os.getpid(), data, settings.threads, settings.disk_mib, tuple(settings.warm_imports))


def _warm_process(settings: BoxSettings, data: Path | None) -> WarmProcess:
    with _starting:
        key = _key(settings, data)
        if key not in _warm_processes:
            _warm_processes[key] = WarmProcess(settings, data)
        return _warm_processes[key]


@atexit.register
def close_warm_processes() -> None:
    """End the warm processes of this process, and their kernels."""
    for key in [key for key in _warm_processes if key[0] == os.getpid()]:
        _warm_processes.pop(key).close()


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
