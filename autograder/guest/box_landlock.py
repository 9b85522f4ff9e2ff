"""Landlock: what a process that has no rights of its own can give up on top, for good and for its children.

Where a container lets nobody make namespaces, this is what keeps a kernel from the container's files, from
TCP, and from signalling, tracing or meeting (at an abstract socket) any process that it did not start.
A process under Landlock may not trace one outside of its own domain, so the files in /proc of others which
tell of memory, environment and descriptors are closed to it, too.

Numbers and names are those of the kernel's include/uapi/linux/landlock.h and, of the three system calls, of
its tables (the same on every processor). What each version of the interface brought stands in the kernel's
document userspace-api/landlock: 4 brought TCP, 5 ioctl on devices, 6 the scopes.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
NEEDED = (
    6  # the first version that scopes signals: an older one would leave the grader in their reach
)

# LANDLOCK_ACCESS_FS_…, as bits of handled_access_fs.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (
    1 << bit for bit in range(6)
)
_MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO = (1 << bit for bit in (7, 8, 9, 10))
_MAKE_SYM, _REFER, _TRUNCATE, _IOCTL_DEV = (1 << bit for bit in (12, 13, 14, 15))
_ALL_FILES = (1 << 16) - 1
_OF_A_FILE = (
    _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
)  # of one that is no folder
_TCP = 0b11  # LANDLOCK_ACCESS_NET_BIND_TCP, …_CONNECT_TCP
_SCOPES = 0b11  # LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, …_SIGNAL

# What may be done below a path, by the word for it.
RIGHTS = {
    "list": _READ_DIR,
    "read": _READ_DIR | _READ_FILE,
    "run": _READ_DIR | _READ_FILE | _EXECUTE,
    "device": _READ_DIR | _READ_FILE | _WRITE_FILE | _IOCTL_DEV,
    # Files that have a name which is known, and no list of names: what locks and queues are made of.
    "shared": _READ_FILE | _WRITE_FILE | _TRUNCATE | _MAKE_REG | _REMOVE_FILE,
    "own": _READ_DIR | _READ_FILE | _WRITE_FILE | _TRUNCATE | _EXECUTE | _REFER
    | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM,
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def version() -> int:
    """The version of the interface that this kernel has; 0 where it has none, or none is let through."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def rule_for(descriptor: int, word: str) -> bytes:
    """A rule as `confine` takes it, good for as long as its descriptor is open.

    Args:
        descriptor: of a path; O_PATH serves. A rule for a file of /proc holds as long as somebody keeps
            such a descriptor of it open.
        word: one of `RIGHTS`.
    """
    rights = RIGHTS[word]
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _OF_A_FILE
    return struct.pack("=Qi", rights, descriptor)  # landlock_path_beneath_attr, which is packed


def confine(rules: Iterable[bytes]) -> None:
    """Take every file away but those below some paths, TCP, and all that `scope` does.

    Args:
        rules: made by `rule_for`.

    Raises:
        OSError: when the kernel is too old, or refuses.
    """
    _restrict(_ALL_FILES, _TCP, rules)


def scope() -> None:
    """No signal to, no trace of and no abstract socket of a process outside, without a rule on files.

    Raises:
        OSError: as for `confine`.
    """
    _restrict(0, 0, ())


def _restrict(files: int, tcp: int, rules: Iterable[bytes]) -> None:
    if version() < NEEDED:
        raise OSError(
            f"Landlock of version {NEEDED} is needed (Linux 6.12); this is version {version()}"
        )
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - the older threads would stay outside
        raise OSError("Landlock is for a process with one thread, and this one has more")
    attributes = struct.pack("QQQ", files, tcp, _SCOPES)
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for rule in rules:
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _call(number: int, *arguments: int | bytes) -> int:
    made = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *made)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
