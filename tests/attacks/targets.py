"""What the attacks aim at: canaries, listeners and processes that the test plants on the host.

A canary's content never stands in what an attack is told; it gets two halves and looks for them side by
side. Everything is made by the test, belongs to its user, and is gone when it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import autograder

_VICTIM = """
import ctypes, os, signal, sys, time
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(2**64 - 1), 0, 0, 0)  # PR_SET_PTRACER, anyone
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
canary = ctypes.create_string_buffer(sys.argv[1].encode())
held = open(sys.argv[2])
print(ctypes.addressof(canary), held.fileno(), flush=True)
time.sleep(1000)
"""

_FILES = {
    "hidden_tests": "graders/tiny/test_tiny.py",
    "gradebook": "gradebook.db",
    "secret": ".autograder/secret",
    "solutions": "source/tiny/tiny.ipynb",
    "other_submission": "submitted/somebody/tiny/tiny.ipynb",
}


@dataclass
class Targets:
    """The planted targets: `at` is what attacks are told, `canary` what they must not get."""

    canary: str
    at: dict[str, Any]
    inherited: list[int] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)


@contextlib.contextmanager
def planted(folder: Path) -> Iterator[Targets]:
    """Plant all targets below a folder and on the host, and take them away again."""
    halves = [secrets.token_hex(12), secrets.token_hex(12)]
    canary = "".join(halves)
    name = f"attack-{secrets.token_hex(6)}"
    python_and_above = (base := Path(sys.base_prefix), *base.parents)
    at: dict[str, Any] = {
        "halves": halves,
        "name": name,
        "folder": str(folder),
        "kit": str(Path(autograder.__file__).parent),
        "home": str(Path.home()),
        "home_holds": [p.name for p in Path.home().iterdir() if p not in python_and_above],
        "uid": os.getuid(),
        "mount_point": str(folder / "mount"),
        "copy": str(folder / "copy"),
        "test_process": os.getpid(),
    }
    for key, path in _FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(canary)
        at[key] = str(file)
    for key in ("mount_point", "copy"):
        Path(at[key]).mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_closed_folder(folder))
        stack.enter_context(_environment("ATTACK_CANARY", canary))
        at["tcp_port"] = stack.enter_context(_listener(socket.AF_INET, ("127.0.0.1", 0)))[1]
        stack.enter_context(_listener(socket.AF_UNIX, f"\0{name}"))
        at["unix_path"] = f"{folder}/listening"
        stack.enter_context(_listener(socket.AF_UNIX, at["unix_path"]))
        at["open_unix_path"] = f"{folder}/listening-to-all"
        stack.enter_context(_listener(socket.AF_UNIX, at["open_unix_path"]))
        Path(at["open_unix_path"]).chmod(0o777)
        shared = Path(f"/dev/shm/{name}")
        shared.write_text(canary)
        stack.callback(shared.unlink)
        at["shared_memory"] = str(shared)
        at["shm_key"] = stack.enter_context(_system_v(canary))
        victim = stack.enter_context(_victim(canary, at["secret"]))
        at["victim"], at["address"], at["victim_fd"] = victim
        descriptor = os.open(at["hidden_tests"], os.O_RDONLY)
        stack.callback(os.close, descriptor)
        yield Targets(canary, at, [descriptor], [victim[0]])


@contextlib.contextmanager
def _closed_folder(folder: Path) -> Iterator[None]:
    """A link into a folder that an ordinary user may not enter, as any machine has some."""
    closed = folder / "closed"
    closed.mkdir()
    (closed / "file").write_text("")
    (folder / "a_link").symlink_to(closed / "file")
    closed.chmod(0)
    try:
        yield
    finally:
        closed.chmod(0o700)


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


@contextlib.contextmanager
def _listener(family: int, address: Any) -> Iterator[Any]:
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind(address)
        listener.listen(64)
        yield listener.getsockname()


@contextlib.contextmanager
def _system_v(text: str) -> Iterator[int]:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    key = secrets.randbits(30) + 1
    segment = libc.shmget(key, 4096, 0o1000 | 0o666)  # IPC_CREAT
    if segment < 0:
        yield 0
        return
    address = libc.shmat(segment, None, 0)
    ctypes.memmove(address, text.encode(), len(text))
    libc.shmdt(ctypes.c_void_p(address))
    try:
        yield key
    finally:
        libc.shmctl(segment, 0, None)  # IPC_RMID


@contextlib.contextmanager
def _victim(canary: str, path: str) -> Iterator[tuple[int, int, int]]:
    with subprocess.Popen(
        [sys.executable, "-c", _VICTIM, canary, path], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address, descriptor = map(int, process.stdout.readline().split())
            yield process.pid, address, descriptor
        finally:
            process.kill()
