"""Getting out of the box, and getting rights that the box took away."""

from __future__ import annotations

from tests.attacks.attack import Attack

FILTER = "the system-call filter"
NO_RIGHTS = "no capability is left, and none can come back (no_new_privs)"
READ_ONLY = "read-only mounts"
PLAIN_USER = "an unprivileged user"
DEVICES = "a /dev with a few devices"
UNSAFE = "not safe to show on a host that others use"

_MACHINE_CODE = """
if not X86:
    raise OSError(errno.ENOSYS, "x86-64 only")
def call():
    import mmap
    page = mmap.mmap(-1, 4096, prot=7)
    page.write({code!r})
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_long)(address)()
answer = in_child(call)
if answer < 0:
    raise OSError(-answer, os.strerror(-answer))
return answer
"""


def _write(path: str, plain: str = "", why: str = UNSAFE, wall: str = READ_ONLY) -> Attack:
    name = "write_" + path.strip("/").replace("/", "_").replace("-", "_")
    body = f"os.close(os.open({path!r}, os.O_WRONLY))\nreturn True"
    return Attack(name, body, f"{wall}; {PLAIN_USER}", plain, why, refused="E")


def _socket(name: str, family: int, kind: int, protocol: int, plain: str = "root") -> Attack:
    body = f"socket.socket({family}, {kind}, {protocol}).close()\nreturn True"
    return Attack(name, body, f"{FILTER}; {NO_RIGHTS}", plain, may_fail=True)


ESCAPING = [
    Attack(
        "mount_tmpfs",
        "return mount(b'tmpfs', at['mount_point'] if os.access(at['mount_point'], os.W_OK) else place('/work'), b'tmpfs')",
        f"{FILTER}; {NO_RIGHTS}",
        "userns",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "uncover_by_umount",
        """
        refusals = []
        for path in (at["mount_point"], place("/opt/python/bin"), "/proc/sys", place("/work"), "/tmp", "/dev/shm", "/"):
            try:
                checked(libc.umount2(os.fsencode(path), 2))
                return path
            except OSError as error:
                refusals.append(error)
        raise refusals[-1]
        """,
        f"{FILTER}; {NO_RIGHTS}",
        "userns",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "remount_system_writable",
        "return mount(None, '/usr', None, 4096 | 32)  # MS_BIND, MS_REMOUNT",
        f"{FILTER}; {NO_RIGHTS}",
        "",
        UNSAFE,
        refused="EPERM",
    ),
    Attack(
        "mount_by_new_calls",
        "return syscall('fsopen', b'tmpfs', 0) + 1",
        f"{FILTER}; {NO_RIGHTS}",
        "userns",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "open_tree_clone",
        "return syscall('open_tree', -100, b'/', 1) + 1",
        f"{FILTER}; {NO_RIGHTS}",
        "userns",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "pivot_root",
        "return syscall('pivot_root', b'.', b'.') == 0",
        f"{FILTER}; {NO_RIGHTS}",
        "",
        UNSAFE,
        refused="EPERM",
    ),
    Attack(
        "chroot",
        "os.chroot('/tmp')\nreturn True",
        f"{FILTER}; {NO_RIGHTS}",
        "userns",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "unshare_user_namespace",
        "return in_child(lambda: checked(libc.unshare(0x10000000)) == 0)",
        FILTER,
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "clone_user_namespace",
        """
        def clone():
            child = syscall("clone", 0x10000000 | int(signal.SIGCHLD), 0, 0, 0, 0)
            if child == 0:
                os._exit(0)
            return child
        return in_child(clone)
        """,
        FILTER,
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "clone3_user_namespace",
        """
        def clone():
            child = syscall("clone3", struct.pack("8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)
            if child == 0:
                os._exit(0)
            return child
        return in_child(clone)
        """,
        FILTER,
        may_fail=True,
        refused="ENOSYS",
    ),
    Attack(
        "join_namespaces",
        """
        refusals = []
        for path in glob.glob("/proc/[0-9]*/ns/*"):
            try:
                with open(path) as space:
                    checked(libc.setns(space.fileno(), 0))
                return path
            except OSError as error:
                refusals.append(error)
        raise refusals[-1]
        """,
        f"{FILTER}; no foreign process whose namespace could be named",
        "userns",
        may_fail=True,
        refused="E",
    ),
    Attack(
        "become_root",
        "return in_child(lambda: os.setuid(0) or os.getuid() == 0)",
        NO_RIGHTS,
        "root",
        refused="E",
    ),
    Attack(
        "setuid_programs",
        """
        for command in (["su", "-c", "id -u"], ["sudo", "-n", "id", "-u"], ["pkexec", "id", "-u"],
                        ["newgrp", "root"], ["mount", "-t", "tmpfs", "x", "/work"]):
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
            except FileNotFoundError:
                continue
            if done.stdout.strip() == "0":
                return command
        """,
        f"{NO_RIGHTS}; mounts are nosuid",
        "root",
        may_fail=True,
    ),
    Attack(
        "run_without_no_new_privs",
        "return 'NoNewPrivs:\\t0' in Path('/proc/self/status').read_text()",
        NO_RIGHTS,
    ),
    Attack(
        "run_without_filter",
        "return 'Seccomp:\\t0' in Path('/proc/self/status').read_text()",
        FILTER,
        may_fail=True,
    ),
    Attack(
        "hold_a_capability",
        """
        held = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Cap")]
        return [line for line in held if int(line.split()[1], 16)]
        """,
        NO_RIGHTS,
    ),
    Attack(
        "take_capabilities_back",
        """
        header = struct.pack("Ii", 0x20080522, 0)
        return syscall("capset", header, struct.pack("6I", 2**21, 2**21, 0, 0, 0, 0)) == 0
        """,
        NO_RIGHTS,
        "userns",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "be_a_known_user_of_the_host",
        "return os.getuid() in (0, at['uid']) and [p for p in Path('/proc/self/uid_map').read_text().split()][1] == str(at['uid'])",
        "root's students are another user; an ordinary user's are nobody in a user namespace",
        "",
        "a plain process is the user by definition; an ordinary user's box shares the id behind its map",
    ),
    Attack(
        "io_uring",
        "return syscall('io_uring_setup', 8, ctypes.create_string_buffer(256)) + 1",
        FILTER,
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "bpf",
        "return syscall('bpf', 0, struct.pack('IIIII', 2, 4, 4, 1, 0).ljust(128, b'\\0'), 128) + 1",
        FILTER,
        "root",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "perf_events",
        "return syscall('perf_event_open', struct.pack('IIQ', 1, 112, 0).ljust(112, b'\\0'), 0, -1, -1, 0) + 1",
        FILTER,
        "root",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "userfaultfd",
        "return syscall('userfaultfd', 1) + 1",
        FILTER,
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "join_a_keyring",
        "return in_child(lambda: syscall('keyctl', 1, b'attack'))",
        FILTER,
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "personality_without_randomisation",
        "return in_child(lambda: checked(libc.personality(0x0040000)) + 1)",
        FILTER,
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "int80_system_calls",
        _MACHINE_CODE.format(code=b"\xb8\x14\x00\x00\x00\xcd\x80\x48\x98\xc3"),  # getpid of i386
        f"{FILTER}: another architecture's call kills",
        may_fail=True,
        refused="SIGSYS",
    ),
    Attack(
        "x32_system_calls",
        _MACHINE_CODE.format(code=b"\xb8\x27\x00\x00\x40\x0f\x05\xc3"),  # getpid of x32
        FILTER,
        may_fail=True,
        refused="ENOSYS",
    ),
    _write("/proc/sys/kernel/core_pattern"),
    _write("/proc/sys/user/max_user_namespaces"),
    _write("/proc/sys/kernel/hostname"),
    _write("/proc/sysrq-trigger"),
    _write("/dev/mem", wall=DEVICES),
    _write("/dev/kmsg", wall=DEVICES),
    Attack(
        "make_a_device",
        """
        os.mknod(place("/work/disk"), 0o60666, os.makedev(254, 0))
        return True
        """,
        NO_RIGHTS,
        "",
        UNSAFE,
        refused="EPERM",
    ),
    Attack(
        "open_by_handle",
        """
        handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
        number = ctypes.c_int()
        checked(libc.name_to_handle_at(-100, b"/", handle, ctypes.byref(number), 0))
        root = os.open("/", os.O_RDONLY)
        return checked(libc.open_by_handle_at(root, handle, 0)) + 1
        """,
        f"{FILTER}; {NO_RIGHTS}",
        "root",
        may_fail=True,
        refused="EPERM",
    ),
    _socket("raw_socket", 2, 3, 1),
    _socket("packet_socket", 17, 3, 0),
    _socket("vsock", 40, 1, 0, "process"),
    _socket("kernel_crypto_socket", 38, 5, 0, "process"),
    _socket("netlink_of_devices", 16, 3, 15, "process"),  # all but NETLINK_ROUTE
    _socket("netlink_of_generic_families", 16, 3, 16, "process"),
    Attack(
        "type_into_a_terminal",
        """
        for path in ("/dev/tty", "/dev/console", "/dev/pts/0", "/dev/tty1"):
            try:
                terminal = os.open(path, os.O_RDWR)
            except OSError:
                continue
            fcntl.ioctl(terminal, 0x5412, b"x")  # TIOCSTI
            return path
        raise OSError(errno.ENXIO, "no terminal")
        """,
        "a session of its own without a terminal",
        "",
        "the tests have no terminal, and another's is not to be typed into",
        refused="E",
    ),
    Attack(
        "reach_control_groups",
        "return os.listdir('/sys/fs/cgroup') and os.listdir('/sys/kernel') or os.listdir('/sys')",
        "no /sys in the box",
        may_fail=True,
        refused="ENOENT",
    ),
    Attack(
        "load_a_module",
        "return syscall('init_module', b'', 0, b'') == 0",
        f"{FILTER}; {NO_RIGHTS}",
        "",
        UNSAFE,
        refused="EPERM",
    ),
    Attack(
        "load_a_kernel",
        "return syscall('kexec_load', 0, 0, 0, 0) == 0",
        f"{FILTER}; {NO_RIGHTS}",
        "",
        UNSAFE,
        refused="EPERM",
    ),
    Attack(
        "change_the_clock",
        "return time.clock_settime(time.CLOCK_REALTIME, time.time()) is None",
        f"{FILTER}; {NO_RIGHTS}",
        "",
        UNSAFE,
        refused="EPERM",
    ),
    Attack(
        "rename_the_host",
        "return checked(libc.sethostname(b'attack', 6)) == 0",
        f"{NO_RIGHTS}; a UTS namespace",
        "",
        UNSAFE,
        refused="EPERM",
    ),
    Attack(
        "raise_a_limit",
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        resource.setrlimit(resource.RLIMIT_NPROC, (hard + 1, hard + 1))
        return True
        """,
        NO_RIGHTS,
        "root",
        may_fail=True,
        refused="not allowed to raise maximum limit",
    ),
    Attack(
        "take_the_processor_for_oneself",
        "return in_child(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) is None)",
        NO_RIGHTS,
        "root",
        may_fail=True,
        refused="EPERM",
    ),
    Attack(
        "plant_a_setuid_program",
        """
        folder = at["copy"] if os.access(at["copy"], os.W_OK) else place("/work")
        program = Path(folder, "id")
        program.write_bytes(Path("/usr/bin/id").read_bytes())
        os.chown(program, 0, 0)
        program.chmod(0o4755)
        return subprocess.run([program, "-u"], capture_output=True, text=True).stdout.strip() == "0"
        """,
        f"{NO_RIGHTS}; mounts are nosuid",
        "root",
        refused="E",
    ),
]


def _tamper(name: str, path: str) -> Attack:
    body = f"""
    copy = Path(at["copy"])
    path = Path(str(copy) + {path!r}) if os.access(copy, os.W_OK) else Path(place({path!r}))
    if os.access(copy, os.W_OK):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with open(path, "a") as file:
        file.write("# attack")
    return True
    """
    return Attack(name, body, f"{READ_ONLY}; {PLAIN_USER}", refused="E")


TAMPERING = [
    _tamper("write_python_environment", "/opt/python/lib/attack.pth"),
    _tamper("write_system", "/usr/lib/attack"),
    _tamper("write_probe_code", "/box/box_probe.py"),
    _tamper("write_training_data", "/data/labels"),
    _tamper("write_root_folder", "/attack"),
    Attack(
        "write_passwd",
        """
        path = at["copy"] + "/passwd" if os.access(at["copy"], os.W_OK) else "/etc/passwd"
        with open(path, "a") as file:
            file.write("root2::0:0::/:/bin/sh")
        return True
        """,
        READ_ONLY,
        refused="E",
    ),
    Attack(
        "replace_an_installed_module",
        """
        path = Path(at["copy"], "json.py") if os.access(at["copy"], os.W_OK) else Path(json.__file__)
        if os.access(at["copy"], os.W_OK):
            path.touch()
        other = path.with_suffix(".new")
        other.write_text("")
        other.replace(path)
        return True
        """,
        READ_ONLY,
        refused="EROFS",
    ),
    Attack(
        "rename_a_folder_away",
        """
        path = at["copy"] + "/a" if os.access(at["copy"], os.W_OK) else place("/opt/python")
        if os.access(at["copy"], os.W_OK):
            os.mkdir(path)
        os.rename(path, path + "-away")
        return True
        """,
        READ_ONLY,
        refused="E",
    ),
]
