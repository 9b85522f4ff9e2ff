"""A warm process as its owner holds it, and a connection to one: what of `warm` is about a single one."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.errors import BoxFailed
from autograder.sandbox import confined, in_flight, wall
from autograder.sandbox.folders import new_folder
from autograder.sandbox.kernel import BoxedKernel, Confined, KernelPlan, new_ends, resource_limits
from autograder.sandbox.settings import BUBBLEWRAP, LANDLOCK, BoxSettings

_SOCKET, _LOG, _FORM = "forks", "log", "form"
_LOOKS, _LOOK_AGAIN_S = 100, 0.02
_ENDING_S = 20.0  # how long what the boxes of a closed process leave is waited for


class WarmProcess:
    """One process behind the wall that imports what notebooks need, as its owner holds it."""

    def __init__(
        self,
        settings: BoxSettings,
        data: Path | None,
        form: str,
        imports: Sequence[str],
        besides: Sequence[str],
    ) -> None:
        """Start it, without waiting for its imports.

        Args:
            form: of the wall.
            imports: the modules that it imports.
            besides: those that it imports besides, where they are there and start no thread.

        Raises:
            BoxUnavailable: when the wall cannot be built here.
        """
        in_flight.allow_more_than_a_box()  # it sends kernels' pidfds
        self.form = form
        self._layout = (
            confined.ConfinedLayout(settings, data)
            if form == LANDLOCK
            else wall.WallLayout(settings, data, warm=True, own_proc=form == BUBBLEWRAP)
        )
        self.folder = new_folder("warm")
        (self.folder / _FORM).write_text(form)
        self._ended, alive = os.pipe()  # which ends when all that it had to end and remove has gone
        self._owner, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = self._start(imports, besides, theirs, alive)
        except BaseException:
            self._owner.close()
            os.close(self._ended)
            self._remove_folders()
            raise
        finally:
            os.close(alive)

    def _start(
        self, imports: Sequence[str], besides: Sequence[str], owner: socket.socket, alive: int
    ) -> subprocess.Popen[bytes]:
        layout = self._layout
        with contextlib.ExitStack() as stack:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.enter_context(listener)
            listener.bind(str(self.folder / _SOCKET))
            listener.listen(256)
            log = stack.enter_context((self.folder / _LOG).open("wb"))
            inherited = [*layout.open_files(stack), owner.fileno(), listener.fileno()]
            options: dict[str, Any] = {
                "listener": listener.fileno(),
                "owner": owner.fileno(),
                "imports": list(imports),
                "besides": list(besides),
                "alive": alive,
            }
            if isinstance(layout, confined.ConfinedLayout):
                inherited.append(alive)
                command = layout.command()
                options |= {"rules": layout.rules}
                environment = layout.environment()
            else:
                command = [*layout.command(), wall.python_in_box(), "/box/box_warm.py"]
                options |= {"rules": None}
                environment = {}
            return subprocess.Popen(
                [*command, json.dumps(options)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=isinstance(layout, confined.ConfinedLayout),
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
        select.select([self._ended], [], [], _ENDING_S)
        os.close(self._ended)
        self._remove_folders()

    def _remove_folders(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(self._layout, confined.ConfinedLayout):
            shutil.rmtree(self._layout.folder, ignore_errors=True)


class WarmLink:
    """A connection to a warm process. Kernels that were forked through it end with it."""

    def __init__(self, folder: Path, settings: BoxSettings, form: str) -> None:
        self.folder = folder
        self.form = form
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
                "kernel": plan.options(ends.key, settings, self.form),
                "wall": self._wall(settings),
                "limits": resource_limits(settings),
            }
            fds = [listener.fileno() for listener in ends.listeners]
            said, pidfds = self._request(request, [*fds, ends.their_wire.fileno(), files, ends.log])
            if not pidfds:
                raise BoxFailed(f"A box could not be made: {said.get('error', 'no answer')}.")
            kernel = ends.kernel(pidfds[0])
            kernel.form = self.form
            if self.form == LANDLOCK:
                ended, attendant = pidfds[1:]
                kernel.confined = Confined(attendant, said["user"], Path(said["folder"]), ended)
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
            request = {"kernel": None, "wall": self._wall(self._settings), "limits": {}}
            said, _fds = self._request(request, [words] * 8)
            if said.get("status") == 0:
                return None
            text = os.pread(words, 2000, 0).decode(errors="replace").strip()
            return str(said.get("error") or text or said)

    def _wall(self, settings: BoxSettings) -> dict[str, Any]:
        if self.form == LANDLOCK:
            return confined.options(settings, closed=self.folder / _FORM)
        return {
            "user": wall.box_user(settings) if wall.as_root() else None,
            "disk_bytes": settings.disk_mib * 2**20,
            "files": settings.disk_files,
            "own_proc": self.form == BUBBLEWRAP,
        }

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


def form_at(folder: Path) -> str:
    """The form of the wall that a warm process builds, by its address."""
    return (folder / _FORM).read_text()


def try_fork(settings: BoxSettings, form: str) -> str | None:
    """Start a warm process without imports and have it build a wall; what went wrong, or None.

    Raises:
        BoxUnavailable: when not even the process can be started.
    """
    try:
        process = WarmProcess(settings, None, form, [], [])
    except BoxFailed as error:
        return str(error)
    link = WarmLink(process.folder, settings, form)
    try:
        return link.trial()
    except BoxFailed as error:
        return str(error)
    finally:
        link.close()
        process.close()


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
