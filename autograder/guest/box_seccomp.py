"""The system calls that student code does not get, as a seccomp filter.

The namespaces take away what there is to reach; this takes away the kernel's rarely used doors, in
which most escapes were found: making namespaces, mounting, tracing, keyrings, BPF, io_uring, modules.
A filter cannot be taken off again and is inherited by every child.

The filter is classic BPF, put together by hand: one comparison a system call, one look at the flags
of `clone`, at the family of `socket` and at the option of `setsockopt` (see seccomp(2) and the
kernel's seccomp_filter document).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

# Numbers from the kernel's tables: x86-64 (arch/x86/entry/syscalls/syscall_64.tbl) and the generic
# table that aarch64 uses (include/uapi/asm-generic/unistd.h).
_DENIED = {
    "x86_64": {
        "ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155, "chroot": 161,
        "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167,
        "swapoff": 168, "reboot": 169, "init_module": 175, "delete_module": 176, "quotactl": 179,
        "lookup_dcookie": 212, "clock_settime": 227, "kexec_load": 246, "add_key": 248,
        "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
        "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313,
        "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425,
        "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
        "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438,
        "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
        "memfd_create": 319, "memfd_secret": 447, "shmget": 29, "semget": 64, "msgget": 68,
    },
    "aarch64": {
        "ptrace": 117, "syslog": 116, "personality": 92, "pivot_root": 41, "chroot": 51,
        "acct": 89, "settimeofday": 170, "mount": 40, "umount2": 39, "swapon": 224,
        "swapoff": 225, "reboot": 142, "init_module": 105, "delete_module": 106, "quotactl": 60,
        "clock_settime": 112, "kexec_load": 104, "add_key": 217, "request_key": 218,
        "keyctl": 219, "unshare": 97, "perf_event_open": 241, "fanotify_init": 262,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273,
        "kexec_file_load": 294, "bpf": 280, "userfaultfd": 282, "io_uring_setup": 425,
        "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
        "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438,
        "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
        "memfd_create": 279, "memfd_secret": 447, "shmget": 194, "semget": 190, "msgget": 186,
    },
}  # fmt: skip
_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_SOCKET = {"x86_64": 41, "aarch64": 198}
_SETSOCKOPT = {"x86_64": 54, "aarch64": 208}
_SOL_SOCKET, _SO_SNDBUF = 1, 7

# What a box shares with its surroundings where it has no namespaces of its own: message queues, and word of
# which files others open (inotify, which Landlock does not govern).
_SHARED = {
    "x86_64": {"mq_open": 240, "mq_unlink": 241, "inotify_init": 253, "inotify_init1": 294},
    "aarch64": {"mq_open": 180, "mq_unlink": 181, "inotify_init1": 26},
}
_PRCTL = {"x86_64": 157, "aarch64": 167}
_PR_SET_DUMPABLE = 4  # of the kernel's include/uapi/linux/prctl.h

# CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}
_NEW_NAMESPACE = (
    0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
)
_FAMILIES = (1, 2, 10)  # unix, inet and inet6; the network namespace is empty anyway
_NETLINK, _NETLINK_ROUTE = 16, 0  # by which C libraries list interfaces
_FAMILIES_SHARED = (1,)  # where there is no network namespace

_KILL = 0x80000000  # SECCOMP_RET_KILL_PROCESS
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_LOAD, _EQUAL, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets in struct seccomp_data.
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1, _ARGUMENT_2 = 0, 4, 16, 24, 32

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


def install_filter(shared: bool = False) -> None:
    """Take the system calls away from this process and all that it starts, for good.

    Args:
        shared: as for `filter_bytes`.

    Raises:
        OSError: when the kernel refuses the filter, or this processor is not known.
    """
    program = filter_bytes(shared)
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    filter_ = Program(len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the system-call filter was refused")


def filter_bytes(shared: bool = False) -> bytes:
    """The filter as the system takes it: an array of struct sock_filter.

    Args:
        shared: whether the box shares its surroundings' namespaces. Then it gets no socket but unix ones,
            no message queue, no word of others' files, and may not hide its memory from the watchdog.

    Raises:
        OSError: when this processor is not known.
    """
    machine = platform.machine()
    if machine not in _ARCH:
        raise OSError(errno.ENOSYS, f"no system-call filter for {machine}")
    return b"".join(struct.pack("HBBI", *part) for part in _program(machine, shared))


def _program(machine: str, shared: bool) -> list[tuple[int, int, int, int]]:
    """Instructions as (code, jump if true, jump if false, operand); jumps count instructions."""
    part = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCH[machine]),
        (_RETURN, 0, 0, _KILL),  # another architecture's calls have other numbers
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":  # the x32 calls are the same ones under other numbers
        part += [(_GREATER_EQUAL, 0, 1, 0x40000000), _error(errno.ENOSYS)]
    denied = _DENIED[machine]
    families: tuple[int, ...] = _FAMILIES
    route = [(_EQUAL, 0, 2, _NETLINK), (_LOAD, 0, 0, _ARGUMENT_2), (_EQUAL, 1, 0, _NETLINK_ROUTE)]
    if shared:
        denied, families, route = denied | _SHARED[machine], _FAMILIES_SHARED, []
    for number in sorted(denied.values()):
        part += [(_EQUAL, 0, 1, number), _error(errno.EPERM)]
    # clone3 keeps its flags in memory, where a filter cannot look: C libraries fall back to clone.
    part += [(_EQUAL, 0, 1, _CLONE3), _error(errno.ENOSYS)]
    part += [(_EQUAL, 0, 4, _CLONE[machine]), (_LOAD, 0, 0, _ARGUMENT_0)]
    part += [(_ANY_BIT, 0, 1, _NEW_NAMESPACE), _error(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    # What lies in a socket is no process's memory: the watchdog counts sockets of the usual size.
    part += [(_EQUAL, 0, 6, _SETSOCKOPT[machine]), (_LOAD, 0, 0, _ARGUMENT_1)]
    part += [(_EQUAL, 0, 3, _SOL_SOCKET), (_LOAD, 0, 0, _ARGUMENT_2)]
    part += [(_EQUAL, 0, 1, _SO_SNDBUF), _error(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    if shared:
        part += [(_EQUAL, 0, 4, _PRCTL[machine]), (_LOAD, 0, 0, _ARGUMENT_0)]
        part += [(_EQUAL, 0, 1, _PR_SET_DUMPABLE), _error(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    to_end = len(families) + len(route)
    part += [(_EQUAL, 0, to_end + 2, _SOCKET[machine]), (_LOAD, 0, 0, _ARGUMENT_0)]
    part += [(_EQUAL, to_end - number, 0, family) for number, family in enumerate(families)]
    part += [*route, _error(errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    return part


def _error(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERRNO | number)
