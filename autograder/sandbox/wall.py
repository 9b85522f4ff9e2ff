"""The wall around a kernel: one bubblewrap command line.

Two forms, by who starts it:

- *as root*: bubblewrap builds the namespaces with root's own rights, keeps only the right to change
  its user, and `setpriv` drops to an unprivileged id before Python starts. No user namespace is
  needed, so it works where a system restricts those. Student code is never the host's root.
- *as an ordinary user*: bubblewrap builds everything inside a user namespace, in which the student's
  code cannot make another one.

Inside there is no network, no process but the box's own, a read-only system and Python environment,
and no file of the course's: the environment is bound under a neutral path, and what in it tells of
the kit (its package, its metadata, scripts with absolute paths) is covered.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from autograder import plain_data
from autograder.errors import BoxUnavailable
from autograder.sandbox.gpu import find_gpu
from autograder.sandbox.settings import BUBBLEWRAP, LANDLOCK, BoxSettings

GUEST = Path(__file__).parent.parent / "guest"
ENVIRONMENT = "/opt/python"  # where the Python environment appears in the box
WORK = "/work"
DATA = "/data"

_IDS = 1000
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime")


class WallLayout:
    """What is in a box, as bubblewrap's arguments."""

    def __init__(
        self,
        settings: BoxSettings,
        data: Path | None,
        warm: bool = False,
        own_proc: bool = True,
    ) -> None:
        """Plan a box.

        Args:
            data: a folder of training data, bound read-only to /data.
            own_proc: whether it gets a /proc of its own, or sees the container's, read-only.
            warm: for the process from which kernels are forked. It keeps the right to make
                namespaces and to drop to another user, and never runs a student's code.
        """
        self._settings = settings
        self._data = data
        self._warm = warm
        self._own_proc = own_proc
        self._texts: dict[str, int] = {}
        self._filter = -1
        self._files: list[str] = []

    def open_files(self, stack: contextlib.ExitStack) -> list[int]:
        """Open what bubblewrap reads from descriptors; to be inherited, and closed by `stack`."""
        passwd, group = _passwd_text(self._settings)
        texts = {"/etc/passwd": passwd, "/etc/group": group}
        if _in_venv():
            texts[f"{ENVIRONMENT}/pyvenv.cfg"] = _pyvenv_text()
        self._texts = {path: stack.enter_context(memory_file(text)) for path, text in texts.items()}
        inherited = list(self._texts.values())
        if not self._warm:
            # bubblewrap's own process in the box, which a student's code could write into, gets it too.
            self._filter = stack.enter_context(memory_file(_system_call_filter()))
            inherited.append(self._filter)
        return inherited

    def add_file(self, fd: int, name: str) -> None:
        """Put a copy of what can be read from `fd` into the work folder."""
        self._files += ["--perms", "0666", "--file", str(fd), f"{WORK}/{name}"]

    def command(self) -> list[str]:
        """The command that runs a program behind the wall; the program's own command follows it."""
        size = str(self._settings.disk_mib * 2**20)
        command = [_tool("bwrap"), "--unshare-ipc", "--unshare-pid", "--unshare-net"]
        command += ["--unshare-uts", "--unshare-cgroup-try"]
        # Engines let only those change it who have rights outside of a user namespace.
        command += ["--hostname", "box"] if self._own_proc else []
        command += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        rights = ["CAP_SYS_ADMIN", "CAP_SETPCAP"] if self._warm else []
        if as_root():
            # The warm process ends the kernels of a lost worker, which are another user's.
            rights += ["CAP_SETUID", "CAP_SETGID", "CAP_KILL" if self._warm else "CAP_SETPCAP"]
        else:
            command += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
            # That needs a /proc/sys that can be written; the filter refuses user namespaces besides.
            command += ["--disable-userns"] if self._own_proc else []
        for right in rights:
            command += ["--cap-add", right]
        for folder in ("/etc", "/opt", "/box"):
            command += ["--perms", "0755", "--dir", folder]
        proc = ("--proc", "/proc") if self._own_proc else ("--ro-bind", "/proc", "/proc")
        command += [*_system_binds(), *proc, "--dev", "/dev"]
        for folder in ("/dev/shm", "/tmp", WORK):
            command += ["--perms", "1777", "--size", size, "--tmpfs", folder]
        if self._settings.gpu is not None:
            command += find_gpu(self._settings.gpu).binds()
        command += _python_binds()
        for path, fd in self._texts.items():
            command += ["--perms", "0444", "--ro-bind-data", str(fd), path]
        for file in guest_files():
            command += ["--ro-bind", str(file), f"/box/{file.name}"]
        if self._data is not None:
            command += ["--ro-bind", str(self._data), DATA]
        command += [*self._files, "--remount-ro", "/", "--remount-ro", "/dev"]
        if self._filter >= 0:
            command += ["--seccomp", str(self._filter)]
        command += ["--chdir", WORK, "--clearenv"]
        for name, value in environment(self._settings, self._data).items():
            command += ["--setenv", name, value]
        command += ["--"]
        if as_root() and not self._warm:
            user = str(box_user(self._settings))
            command += [_tool("setpriv"), "--reuid", user, "--regid", user, "--clear-groups"]
            command += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]
        return command


def python_in_box() -> str:
    """The interpreter's path inside the box."""
    return f"{ENVIRONMENT}/bin/python3" if _in_venv() else sys.executable


def box_user(settings: BoxSettings) -> int:
    """The unprivileged id that students' code gets when the kit is started by root.

    It differs between graders that run side by side, so that limits on processes are not shared.
    """
    return settings.user_id + os.getpid() % _IDS


def _passwd_text(settings: BoxSettings) -> tuple[str, str]:
    # All ids of this machine's graders, for workers with different ones share a warm process.
    ids = [settings.user_id + number for number in range(_IDS)] if as_root() else [65534]
    people = [f"student:x:{number}:{number}:student:{WORK}:/bin/sh\n" for number in ids]
    groups = [f"student:x:{number}:\n" for number in ids]
    return "".join(people), "".join(groups)


def _pyvenv_text() -> str:
    """pyvenv.cfg without the path at which the environment was made."""
    return f"home = {Path(_base_python()).parent}\ninclude-system-site-packages = false\n"


def guest_files() -> list[Path]:
    """What of the kit's own is in a box."""
    return [*sorted(GUEST.glob("box_*.py")), Path(plain_data.__file__)]


@cache
def check_bubblewrap(gpu: int | None = None, own_proc: bool = True) -> str:
    """`forms.check_wall` for one of bubblewrap's forms.

    Args:
        own_proc: as for `WallLayout`.
    """
    probe = "import os; print(os.getuid(), os.path.exists('/box/box_boot.py'))"
    done = _run_inside(probe, gpu, own_proc)
    words = done.stdout.split()
    if done.returncode != 0 or len(words) != 2 or words[0] == "0" or words[1] != "True":
        raise BoxUnavailable(_why_not(done.stderr.strip()))
    if as_root():
        return f"bubblewrap, built by root; students' code runs as user {words[0]}"
    form = "bubblewrap in a user namespace; students' code runs as your user, without your files"
    return form if own_proc else f"{form}, and sees the names of this container's processes"


def packages_inside(form: str = BUBBLEWRAP) -> dict[str, str]:
    """The packages that notebooks can import, with their versions.

    They are those of the Python environment itself: a box has nothing of PYTHONPATH, and no user's own.

    Args:
        form: of the wall, one that can be built.

    Raises:
        BoxUnavailable: when the wall cannot be built here.
    """
    probe = (
        "import json; from importlib import metadata\n"
        "print(json.dumps({found.name: found.version for found in metadata.distributions()}))"
    )
    if form == LANDLOCK:  # which has them at the same places as outside
        command = [sys.executable, "-I", "-c", probe]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env={}
        )
    else:
        done = _run_inside(probe, own_proc=form == BUBBLEWRAP)
    if done.returncode != 0:
        raise BoxUnavailable(_why_not(done.stderr.strip()))
    packages: dict[str, str] = json.loads(done.stdout)
    return packages


def is_inside(file: Path) -> bool:
    """Whether a file of a Python package is there in a box."""
    return any(file.is_relative_to(root) for root in (sys.prefix, sys.base_prefix, *SYSTEM))


def _run_inside(
    code: str, gpu: int | None = None, own_proc: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a few lines of ours behind the wall, in one of bubblewrap's forms."""
    layout = WallLayout(BoxSettings(gpu=gpu), data=None, own_proc=own_proc)
    with contextlib.ExitStack() as stack:
        inherited = layout.open_files(stack)
        return subprocess.run(
            [*layout.command(), python_in_box(), "-I", "-c", code],
            pass_fds=inherited,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class memory_file:
    """A descriptor from which a text can be read, closed at the end of the block."""

    def __init__(self, text: str | bytes) -> None:
        self._text = text.encode() if isinstance(text, str) else text

    def __enter__(self) -> int:
        self._fd = os.memfd_create("file", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        view = memoryview(self._text)
        while view:
            view = view[os.write(self._fd, view) :]
        os.lseek(self._fd, 0, os.SEEK_SET)
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, _SEALS)  # no box makes it larger
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _system_call_filter() -> bytes:
    """The filter that `box_seccomp` puts on a kernel; the guest's files are no part of a package."""
    found = runpy.run_path(str(GUEST / "box_seccomp.py"))
    try:
        return bytes(found["filter_bytes"]())
    except OSError as error:
        raise BoxUnavailable(_why_not(str(error))) from None


def _why_not(said: str) -> str:
    if as_root():
        repair = (
            "In a container, start it with --cap-add SYS_ADMIN --cap-add NET_ADMIN (Docker: and "
            "--security-opt seccomp=unconfined) or --privileged, or grade on the host."
        )
    elif _in_container():
        repair = (
            "This container does not let ordinary users build it: start it with --privileged, or grade on "
            "the host; docs/runners.md has what else serves."
        )
    else:
        repair = (
            "This system does not let ordinary users build it (Ubuntu 24.04 restricts user namespaces "
            "by AppArmor): start the command with sudo, which drops to an unprivileged user by itself, "
            "or allow it with `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
        )
    return f"The wall around students' code cannot be built here, so nothing is graded. {repair} ({said})"


def as_root() -> bool:
    return os.geteuid() == 0


def _in_container() -> bool:
    """Whether an engine says so: Docker and Podman by a file, others by a variable, Kubernetes by its own."""
    files = ("/.dockerenv", "/run/.containerenv")
    variables = ("container", "KUBERNETES_SERVICE_HOST")
    return any(map(os.path.exists, files)) or any(name in os.environ for name in variables)


def _tool(name: str) -> str:
    found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin")
    if found is None:
        package = {"bwrap": "bubblewrap", "setpriv": "util-linux"}[name]
        raise BoxUnavailable(
            f"The program `{name}` is missing, so the wall around students' code cannot be built and "
            f"nothing is graded. Install it: sudo apt-get install {package}"
        )
    return found


def _in_venv() -> bool:
    return sys.prefix != sys.base_prefix


def _base_python() -> str:
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def _system_binds() -> Iterator[str]:
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for name in ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _python_binds() -> Iterator[str]:
    base = Path(sys.base_prefix)
    if not base.is_relative_to("/usr"):
        # At its own path: an interpreter built with a shared library finds it by absolute path.
        for parent in reversed(base.parents[:-1]):
            yield from ("--perms", "0755", "--dir", str(parent))
        yield from ("--ro-bind", str(base), str(base))
    site = Path(sysconfig.get_path("purelib"))
    if _in_venv():
        yield from ("--ro-bind", sys.prefix, ENVIRONMENT)
        yield from ("--tmpfs", f"{ENVIRONMENT}/bin")
        yield from ("--symlink", _base_python(), f"{ENVIRONMENT}/bin/python3")
        inside = Path(ENVIRONMENT) / site.relative_to(sys.prefix)
    else:
        inside = site
    for entry in sorted(site.iterdir()):
        if "autograder" not in entry.name:
            continue
        if entry.is_dir():
            yield from ("--tmpfs", str(inside / entry.name))
        else:
            yield from ("--ro-bind", "/dev/null", str(inside / entry.name))


def environment(settings: BoxSettings, data: Path | None) -> Mapping[str, str]:
    """The environment of what runs behind the wall."""
    threads = str(settings.threads)
    variables = {
        "PATH": f"{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": WORK,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "IPYTHONDIR": "/tmp/ipython",
        "JUPYTER_RUNTIME_DIR": "/tmp/jupyter",
        "TORCHINDUCTOR_CACHE_DIR": "/tmp/inductor",
        "XDG_CACHE_HOME": "/tmp/cache",
    }
    if data is not None:
        variables["COURSE_DATA"] = DATA
    if settings.gpu is not None:
        # Where NVIDIA's libraries lie on some machines, as in most containers; of that, what boxes see.
        places = os.environ.get("LD_LIBRARY_PATH", "").split(":")
        seen = [place for place in places if place.startswith("/usr/") and ".." not in place]
        variables |= {"LD_LIBRARY_PATH": ":".join(seen)} if seen else {}
    return variables
