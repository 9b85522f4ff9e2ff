"""Opens a box, has a cell look for everything that should not be there, and prints what it found.

Run as a program by `test_isolation`, also as an unprivileged user: spy.py COURSE PORT {warm,cold}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SPY = """
import ctypes, glob, importlib.metadata, importlib.util, json, os, socket, stat, sys

NEEDLE, PORT = {needle!r}, {port}


def attempt(what, *args):
    try:
        return str(what(*args))[:200] or "done"
    except BaseException as error:
        return type(error).__name__


def write(path):
    with open(path, "a") as stream:
        return stream.write("x") and "written"


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(3)
        return client.connect(address)


def syscall(number, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    return "done" if libc.syscall(number, *args) >= 0 else os.strerror(ctypes.get_errno())


def holds_needle(path):
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as stream:
            return NEEDLE.encode() in stream.read(2**22)
    except OSError:
        return False


packages = next(path for path in sys.path if path.endswith("site-packages"))
texts = [
    *glob.glob("/proc/[0-9]*/*"), *glob.glob("/proc/*"), *glob.glob("/proc/net/*"),
    *glob.glob("/box/**", recursive=True), *glob.glob("/etc/**", recursive=True),
    *glob.glob("/opt/*/*"), *glob.glob("/opt/*/bin/*"), *glob.glob("/opt/*/share/**", recursive=True),
    *glob.glob(packages + "/*"), *glob.glob(packages + "/*-info/*"),
    *glob.glob("/work/*"), *glob.glob("/tmp/*"),
]
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
base = os.path.dirname(os.__file__)
found = {{
    "uid": os.getuid(),
    "ids": status["Uid"].split() + status["Gid"].split(),
    "groups": status["Groups"].split(),
    "caps": [int(status[key], 16) for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privs": status["NoNewPrivs"],
    "seccomp": status["Seccomp"],
    "interfaces": [name for _, name in socket.if_nameindex()],
    "network": {{
        "outside": attempt(connect, socket.AF_INET, ("192.0.2.1", 80)),
        "host": attempt(connect, socket.AF_INET, ("127.0.0.1", PORT)),
        "abstract": attempt(connect, socket.AF_UNIX, "\\0autograder-test-" + str(PORT)),
        "resolver": attempt(socket.getaddrinfo, "example.org", 80),
    }},
    "processes": [
        open(path).read().split("\\0")[:3] for path in glob.glob("/proc/[0-9]*/cmdline")
    ],
    "environment": dict(os.environ),
    "root": sorted(os.listdir("/")),
    "writes": {{
        path: attempt(write, path)
        for path in (
            "/x", "/usr/x", "/etc/x", "/etc/passwd", "/box/x", "/box/box_probe.py", "/opt/x",
            sys.prefix + "/x", packages + "/x.pth", base + "/x.py", "/dev/x", "/data/x",
            "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
            "/proc/1/oom_adj", "/root/x", "/home/x", "/var/x", "/run/x", NEEDLE + "/x",
        )
    }},
    "own_writes": {{path: attempt(write, path) for path in ("/work/x", "/tmp/x", "/dev/shm/x", "x")}},
    "reads": {{
        path: attempt(lambda path: open(path).read(), path)
        for path in ("/etc/shadow", "/proc/kcore", NEEDLE + "/course_config.py", "/proc/kmsg")
    }},
    "needle_in": sorted({{path for path in texts if holds_needle(path)}}),
    "needle_in_names": [text for text in [*sys.path, *os.environ.values()] if NEEDLE in text],
    "course": attempt(os.listdir, NEEDLE),
    "homes": [attempt(os.listdir, "/home"), os.path.expanduser("~")],
    "kit": [
        importlib.util.find_spec("autograder") is not None,
        any("autograder" in (d.metadata["Name"] or "") for d in importlib.metadata.distributions()),
    ],
    "kit_files": [path for path in texts if "grader" in path and holds_needle(path)],
    "submission": sorted(os.listdir("/work")),
    "helper": open("/work/sub/helper.py").read(),
    "hostname": socket.gethostname(),
    "syscalls": {{
        "unshare": syscall(272, 0x10000000),
        "mount": syscall(165, b"none", b"/tmp", b"tmpfs", 0, None),
        "ptrace": syscall(101, 16, 1, 0, 0),
        "keyctl": syscall(250, 0, -4, 0),
        "add_key": syscall(248, b"user", b"k", b"v", 1, -4),
        "bpf": syscall(321, 0, None, 0),
        "io_uring_setup": syscall(425, 1, None),
        "clone with a user namespace": syscall(56, 0x10000011, 0, 0, 0, 0),
        "setuid to root": syscall(105, 0),
        "shmget": syscall(29, 1234, 4096, 0o1600),
    }},
    "setuid_programs": [
        path for path in ("/usr/bin/su", "/usr/bin/mount", "/usr/bin/sudo")
        if os.path.exists(path) and not os.statvfs(path).f_flag & os.ST_NOSUID
    ],
    "descriptors": sorted(
        attempt(os.readlink, path).split(":")[0] for path in glob.glob("/proc/self/fd/*")
    ),
}}
print("FOUND" + json.dumps(found))
"""


def look(course: Path, port: int, warm: bool) -> dict[str, Any]:
    """What the spy finds in a box."""
    from autograder.sandbox import BoxSettings, open_box
    from tests.sandbox.here import FORM

    light = ["ipykernel.kernelapp", "ipykernel.ipkernel"]
    settings = BoxSettings(wall=FORM, warm=warm, warm_imports=light)
    data = course / "data"
    code = SPY.format(needle=str(course), port=port)
    with open_box(settings, [code], {"sub/helper.py": b"x = 1", "a.txt": b"a"}, data) as box:
        (run,) = box.run_cells()
    text = "".join(output.get("text", "") for output in run.outputs)
    assert run.status == "ok", run
    found: dict[str, Any] = json.loads(text.partition("FOUND")[2].splitlines()[0])
    return found


if __name__ == "__main__":
    print(json.dumps(look(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "warm")))
