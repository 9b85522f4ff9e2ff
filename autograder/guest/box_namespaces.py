"""The namespaces and mounts that a forked kernel makes for itself, inside the warm process's bubblewrap."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from box_process import check

_libc = ctypes.CDLL(None, use_errno=True)

# From <sched.h> and <sys/mount.h>.
_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_MS_REC, _MS_PRIVATE = 16384, 1 << 18


def unshare() -> None:
    """Have this process's next child be the first one of mount, process, IPC, network, host name and
    control group namespaces of its own.
    """
    check("unshare", _libc.unshare(_NEW))


def mount(wall: dict[str, Any]) -> None:
    """Private folders over what the forks would share, and this pid namespace's own /proc."""
    nothing = _MS_NOSUID | _MS_NODEV
    size = wall["disk_bytes"]
    check("private", _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    for folder in ("/work", "/tmp", "/dev/shm"):
        options = f"mode=1777,size={size},nr_inodes={wall['files']}"
        check(folder, _libc.mount(b"tmpfs", folder.encode(), b"tmpfs", nothing, options.encode()))
    pts = b"newinstance,ptmxmode=0666,mode=620"
    check("/dev/pts", _libc.mount(b"devpts", b"/dev/pts", b"devpts", _MS_NOSUID | _MS_NOEXEC, pts))
    if not wall["own_proc"]:  # the container's, as its host name: it lets nobody make others
        return
    check("sethostname", _libc.sethostname(b"box", 3))
    check("/proc", _libc.mount(b"proc", b"/proc", b"proc", nothing | _MS_NOEXEC, None))
    for path in ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"):
        if Path(path).exists():
            name = path.encode()
            check(path, _libc.mount(name, name, None, _MS_BIND | _MS_REC, None))
            flags = _MS_BIND | _MS_REMOUNT | _MS_RDONLY | nothing | _MS_NOEXEC
            check(path, _libc.mount(None, name, None, flags, None))
