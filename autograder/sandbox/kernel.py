"""One ipykernel behind the wall: its process, its five sockets, and the wire for probes.

The trusted side binds and listens on the sockets in a folder of its own and hands the listening
descriptors to the kernel, so nothing is shared through the file system and the student's code cannot
swap a socket for something else. The submission's files go in as copies.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autograder.sandbox import wall
from autograder.sandbox.settings import BoxSettings

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
BASELINE_MIB = 1024  # private memory that an idle kernel with torch maps without using it


class BoxedKernel:
    """A kernel process behind the wall. Use as a context manager, or call `kill`."""

    def __init__(
        self,
        settings: BoxSettings,
        files: Mapping[str, bytes] | None = None,
        data: Path | None = None,
        graded: bool = True,
    ) -> None:
        """Start the kernel; it answers some seconds later.

        Args:
            files: relative names and contents for the work folder.
            data: a folder of training data, read-only at /data.
            graded: whether the kernel's environment says that it is being graded.

        Raises:
            BoxUnavailable: when the wall cannot be built here.
        """
        self.key = secrets.token_hex(32)
        self.folder = Path(tempfile.mkdtemp(prefix="box-"))
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in kill
        with contextlib.ExitStack() as stack:
            listeners = {name: self._listen(number) for number, name in enumerate(CHANNELS, 1)}
            for listener in listeners.values():
                stack.callback(listener.close)
            self.wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.callback(theirs.close)
            passwd, group = wall.passwd_text(settings)
            passwd_fd = stack.enter_context(wall.memory_file(passwd))
            group_fd = stack.enter_context(wall.memory_file(group))
            config_fd = stack.enter_context(wall.memory_file(wall.pyvenv_text()))
            command = wall.wall_command(
                settings, data=data, passwd_fd=passwd_fd, group_fd=group_fd, config_fd=config_fd
            )
            if graded:
                at = command.index("--clearenv") + 1
                command[at:at] = ["--setenv", "AUTOGRADER_BOX", "1"]
            file_fds, with_files = self._file_arguments(files or {}, stack)
            at = command.index("--remount-ro")
            command[at:at] = with_files
            options = {
                "fds": {name: listener.fileno() for name, listener in listeners.items()},
                "wire": theirs.fileno(),
                "key": self.key,
                "limits": _resource_limits(settings),
            }
            inherited = [listener.fileno() for listener in listeners.values()]
            inherited += [theirs.fileno(), passwd_fd, group_fd, config_fd, *file_fds]
            self.process = subprocess.Popen(
                [*command, wall.python_in_box(), "/box/box_boot.py", json.dumps(options)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={},
            )

    def endpoint(self, channel: str) -> str:
        """Where a client connects to for a channel of the Jupyter protocol."""
        return f"ipc://{self.folder}/kernel-{CHANNELS.index(channel) + 1}"

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        """The end of what the box's processes wrote outside of the protocol, for staff."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 2000))
        return self._log.read().decode(errors="replace").strip()

    def kill(self) -> None:
        """End every process of the box at once and remove its sockets."""
        # bubblewrap is told to die with its child and the other way round: all processes of the pid
        # namespace go when its first one does.
        self.process.kill()
        self.process.wait()
        self.wire.close()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> BoxedKernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _listen(self, number: int) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.folder / f"kernel-{number}"))
        listener.listen(16)
        return listener

    @staticmethod
    def _file_arguments(
        files: Mapping[str, bytes], stack: contextlib.ExitStack
    ) -> tuple[list[int], list[str]]:
        descriptors, arguments = [], []
        for name, content in files.items():
            fd = stack.enter_context(wall.memory_file(content))
            descriptors.append(fd)
            arguments += ["--perms", "0666", "--file", str(fd), f"{wall.WORK}/{name}"]
        return descriptors, arguments


def _resource_limits(settings: BoxSettings) -> dict[str, int]:
    mib = 2**20
    return {
        "RLIMIT_DATA": (settings.memory_mib + BASELINE_MIB) * mib,
        "RLIMIT_FSIZE": settings.disk_mib * mib,
        "RLIMIT_NPROC": settings.processes,
        "RLIMIT_NOFILE": settings.open_files,
        "RLIMIT_CORE": 0,
    }
