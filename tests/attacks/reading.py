"""Reading what a student must not see, and reaching what is not the box's own."""

from __future__ import annotations

from autograder.sandbox.settings import BUBBLEWRAP_PROC, LANDLOCK
from tests.attacks.attack import Attack

_HAS = """
halves = [half.encode() for half in at["halves"]]
def has(text):
    start = text.find(halves[0])
    while start >= 0:
        if text[start + len(halves[0]) :].startswith(halves[1]):
            return True
        start = text.find(halves[0], start + 1)
    return False
"""
NOT_MOUNTED = "the mounts: no file of the course's is in the box"
OWN_PIDS = "a pid namespace with a /proc of its own"
OWN_NET = "a network namespace with nothing in it"
FILTER = "the system-call filter"


def _read(name: str, key: str, open_to: tuple[str, ...] = ()) -> Attack:
    body = f"{_HAS}\nreturn has(Path(at[{key!r}]).read_bytes())"
    return Attack(name, body, NOT_MOUNTED, refused="ENOENT", open_to=open_to)


READING = [
    _read("read_hidden_tests", "hidden_tests"),
    _read("read_gradebook", "gradebook"),
    _read("read_course_secret", "secret"),
    _read("read_source_with_solutions", "solutions"),
    _read("read_other_submission", "other_submission"),
    _read("read_host_shared_memory", "shared_memory", (LANDLOCK,)),
    Attack(
        "search_disk_for_canary",
        _HAS
        + """
tops = [at["folder"]]  # all that is the tests' own, where nothing holds this
if "AUTOGRADER_BOX" in os.environ:
    tops += ["/tmp", "/work", "/home", "/root", "/var", "/mnt", "/srv", "/opt", "/data", "/dev/shm"]
for top in tops:
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in ("python", ".git", ".venv", ".pyenv", "lib")]
        for name in files[:200]:
            path = Path(folder, name)
            if top == "/work" and "autograder" not in str(path) and at["folder"] not in str(path):
                continue
            try:
                if path.is_file() and path.stat().st_size < 10**5 and has(path.read_bytes()):
                    return str(path)
            except OSError:  # a link into a folder that is closed to this user
                pass
""",
        NOT_MOUNTED,
    ),
    Attack(
        "import_kit",
        "import autograder.grading\nreturn autograder.grading.__file__",
        "an empty folder over the kit's package",
    ),
    Attack("list_kit_folder", "return os.listdir(at['kit'])", NOT_MOUNTED, refused="ENOENT"),
    Attack(
        "read_kit_metadata",
        """
        import importlib.metadata
        return importlib.metadata.metadata("autograder-kit")["Name"]
        """,
        "empty folders over all that is named autograder in the environment",
    ),
    Attack(
        "read_host_environment",
        f"{_HAS}\nreturn has(json.dumps(dict(os.environ)).encode())",
        "bubblewrap's --clearenv",
    ),
    Attack(
        "read_environ_of_processes",
        _HAS
        + """
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        if has(Path(path).read_bytes()):
            return path
    except OSError:
        pass
""",
        OWN_PIDS,
    ),
    Attack(
        "read_cmdline_of_processes",
        _HAS
        + """
for path in glob.glob("/proc/[0-9]*/cmdline"):
    try:
        if has(Path(path).read_bytes()):
            return path
    except OSError:
        pass
""",
        OWN_PIDS,
        open_to=(BUBBLEWRAP_PROC,),
    ),
    Attack(
        "list_host_home",
        "return set(at['home_holds']) & set(os.listdir(at['home']))",
        NOT_MOUNTED,
        may_fail=True,
    ),
    Attack(
        "read_etc_shadow",
        "return Path('/etc/shadow').read_text()",
        "/etc is made of a few harmless files",
        plain="root",
        refused="ENOENT",
    ),
    Attack(
        "see_network_interfaces",
        """
        lines = Path("/proc/net/dev").read_text().splitlines()[2:]
        return [line.split(":")[0].strip() for line in lines if line.split(":")[0].strip() != "lo"]
        """,
        OWN_NET,
        may_fail=True,
    ),
    Attack(
        "connect_to_host_tcp",
        """
        with socket.create_connection(("127.0.0.1", at["tcp_port"]), 3) as connection:
            return connection.getpeername()
        """,
        OWN_NET,
    ),
    Attack(
        "reach_the_internet_by_udp",
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("192.0.2.1", 53))  # sends nothing: a datagram socket needs only a route
            return s.getsockname()
        """,
        OWN_NET,
        may_fail=True,
        refused="ENETUNREACH",
    ),
    Attack(
        "connect_to_host_abstract_socket",
        """
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("\\0" + at["name"])
            return s.getpeername()
        """,
        OWN_NET,
        refused="ECONNREFUSED",
    ),
    Attack(
        "connect_to_host_unix_socket",
        """
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(at["unix_path"])
            return s.getpeername()
        """,
        NOT_MOUNTED,
        refused="FileNotFoundError",
    ),
    Attack(
        "connect_to_a_unix_socket_that_is_open_to_all",
        """
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(at["open_unix_path"])
            return s.getpeername()
        """,
        NOT_MOUNTED,
        refused="FileNotFoundError",
        open_to=(LANDLOCK,),
    ),
    Attack(
        "learn_that_a_file_is_there",
        "return os.stat(at['hidden_tests']).st_size",
        NOT_MOUNTED,
        refused="ENOENT",
        open_to=(LANDLOCK,),
    ),
    Attack(
        "watch_others_open_files",
        """
        watch = checked(libc.inotify_init1(0))
        return checked(libc.inotify_add_watch(watch, os.fsencode(at["folder"]), 0xFFF)) + 1
        """,
        f"{NOT_MOUNTED}; without mounts {FILTER}",
        refused="E",
    ),
    Attack(
        "attach_system_v_memory",
        """
        if not at["shm_key"]:
            raise OSError(errno.ENOSYS, "no System V memory on this machine")
        return syscall("shmget", at["shm_key"], 0, 0o444) + 1
        """,
        f"an IPC namespace; {FILTER}",
        refused="EPERM",
    ),
    Attack(
        "use_the_user_keyring",
        """
        return syscall("add_key", b"user", at["name"].encode(), b"x", 1, -2)  # the process's keyring
        """,
        FILTER,
        refused="EPERM",
        may_fail=True,
    ),
    Attack(
        "read_victims_memory",
        _HAS
        + """
with open(f"/proc/{at['victim']}/mem", "rb", 0) as memory:
    memory.seek(at["address"])
    return has(memory.read(64))
""",
        OWN_PIDS,
        refused="ENOENT",
        may_fail=True,
    ),
    Attack(
        "process_vm_readv_of_victim",
        _HAS
        + """
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

buffer = ctypes.create_string_buffer(64)
here = Part(ctypes.addressof(buffer), 64)
there = Part(at["address"], 64)
checked(libc.process_vm_readv(at["victim"], ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
return has(buffer.raw)
""",
        f"{OWN_PIDS}; {FILTER}",
        refused="EPERM",
        may_fail=True,
    ),
    Attack(
        "ptrace_victim",
        """
        checked(libc.ptrace(16, at["victim"], 0, 0))  # PTRACE_ATTACH
        os.waitpid(at["victim"], 0x40000000)
        return libc.ptrace(17, at["victim"], 0, 0) == 0
        """,
        f"{OWN_PIDS}; {FILTER}",
        refused="EPERM",
        may_fail=True,
    ),
    Attack(
        "steal_descriptor_by_pidfd_getfd",
        _HAS
        + """
stolen = syscall("pidfd_getfd", os.pidfd_open(at["victim"]), at["victim_fd"], 0)
return has(os.pread(stolen, 100, 0))
""",
        f"{OWN_PIDS}; {FILTER}",
        may_fail=True,
    ),
    Attack(
        "pidfd_getfd_at_all",
        "return syscall('pidfd_getfd', os.pidfd_open(os.getpid()), 0, 0) + 1",
        FILTER,
        refused="EPERM",
        may_fail=True,
    ),
    Attack(
        "signal_host_process",
        "os.kill(outside(at['victim']), signal.SIGUSR1)\nreturn True",
        OWN_PIDS,
        refused="ESRCH",
    ),
    Attack(
        "signal_the_grader",
        "os.kill(outside(at['test_process']), 0)\nreturn True",
        OWN_PIDS,
        refused="ESRCH",
    ),
    Attack(
        "compare_with_host_process",
        "return syscall('kcmp', os.getpid(), at['victim'], 1, 0, 0) + 1",
        f"{OWN_PIDS}; {FILTER}",
        refused="EPERM",
        may_fail=True,
    ),
    Attack(
        "see_foreign_processes",
        """
        own = {os.getpid()}
        for path in glob.glob("/proc/[0-9]*"):
            status = Path(path, "status")
            fields = dict(line.split(":\\t", 1) for line in status.read_text().splitlines() if ":\\t" in line)
            if fields["Name"].strip() == "bwrap":  # a cold box's first process
                own.add(int(fields["Pid"]))
            elif int(fields["Pid"]) not in own and int(fields["PPid"]) not in own:
                return fields["Name"]
        """,
        OWN_PIDS,
        open_to=(BUBBLEWRAP_PROC,),
    ),
    Attack(
        "write_into_an_unfiltered_process_above",
        """
        above = os.getppid()
        filtered = "Seccomp:\\t0" not in Path(f"/proc/{above}/status").read_text()
        with open(f"/proc/{above}/maps") as maps, open(f"/proc/{above}/mem", "r+b", 0) as memory:
            memory.seek(int(maps.readline().split("-")[0], 16))
            return len(memory.read(16)) if not filtered else 0
        """,
        f"{OWN_PIDS}: the warm process is no process here; a cold box's first process has the filter",
        may_fail=True,
    ),
    Attack(
        "read_inherited_descriptors",
        _HAS
        + """
for name in os.listdir("/proc/self/fd"):
    try:
        if has(os.pread(int(name), 10**6, 0)):
            return name
    except OSError:
        pass
""",
        "every descriptor but the six of the kernel's is closed before it starts",
    ),
    Attack(
        "reopen_inherited_files_of_the_host",
        """
        for name in os.listdir("/proc/self/fd"):
            try:
                path = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
            own = ("/dev/", "/proc/", "/work", "/tmp/ip", "/memfd:", "/tmp/autograder-user-")
            if path.startswith("/") and not path.startswith(own):
                return path
        """,
        "every descriptor but the six of the kernel's is closed before it starts",
    ),
    Attack(
        "read_kernel_log",
        """
        buffer = ctypes.create_string_buffer(1000)
        return checked(libc.klogctl(3, buffer, 1000))
        """,
        FILTER,
        plain="root",
        refused="EPERM",
        may_fail=True,
    ),
    Attack(
        "read_kernel_addresses",
        """
        lines = Path("/proc/kallsyms").read_text().splitlines()[:50]
        return any(int(line.split()[0], 16) for line in lines)
        """,
        "an unprivileged user (kptr_restrict)",
        plain="root",
        may_fail=True,
    ),
    Attack(
        "read_physical_memory",
        "return os.open('/proc/kcore', os.O_RDONLY) or os.open('/dev/mem', os.O_RDONLY)",
        "an unprivileged user; a /dev with a few devices",
        plain="",
        why="reading the machine's memory is not safe to show",
        refused="E",
    ),
]
