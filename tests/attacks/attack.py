"""What an attack is, and how it is tried: in a box, and where it is safe in a plain process.

An attack is the body of a function `attack(at)`, written as a student would write it. `at` tells it all
that a student could ever find out: paths, ports, process ids. It *worked* if it returns something true,
and was *held* if it raises or returns nothing. The same text runs in a cell of a boxed notebook and in a
plain process beside the planted targets, so that "held" means the wall and not a mistake in the attack.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.sandbox import Box


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: says what a success would be.
        body: of `def attack(at)`.
        wall: what holds it, for the README's table.
        plain: where it is shown to work: in a plain "process", in a plain process made "root" of a user
            namespace ("userns"), in a process of the host's "root"; or empty, and then `why` tells why not.
        may_fail: whether a machine may refuse it even there (old kernels, sysctls, containers).
        refused: text that the refusal must hold, such as the name of an error number.
        open_to: forms of the wall that do not hold it, as docs/security.md says; there it must work.
    """

    name: str
    body: str
    wall: str
    plain: str = "process"
    why: str = ""
    may_fail: bool = False
    refused: str = ""
    open_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tried:
    """How an attack ended somewhere."""

    worked: bool
    said: str


PRELUDE = '''
import ctypes, errno, fcntl, glob, json, os, platform, re, resource, select, signal, socket
import struct, subprocess, sys, time, traceback
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
PLACES = {}  # what lies elsewhere in a box without mounts of its own
if "autograder-user-" in os.getcwd():
    PLACES = {"/opt/python": sys.prefix, "/data": os.environ.get("COURSE_DATA", "/data"), "/work": os.getcwd()}
    PLACES["/box"] = str(Path(sys.modules["box_probe"].__file__).parent)
X86 = platform.machine() == "x86_64"
NUMBERS = {  # x86-64, generic
    "pivot_root": (155, 41), "init_module": (175, 105), "finit_module": (313, 273),
    "kexec_load": (246, 104), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "perf_event_open": (298, 241), "bpf": (321, 280), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "clone3": (435, 435), "open_tree": (428, 428),
    "fsopen": (430, 430), "mount_setattr": (442, 442), "pidfd_getfd": (438, 438),
    "kcmp": (312, 272), "clone": (56, 220), "capset": (126, 91), "shmget": (29, 194),
}


def checked(result):
    if result is None or result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(name, *arguments):
    libc.syscall.restype = ctypes.c_long
    made = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(libc.syscall(ctypes.c_long(NUMBERS[name][0 if X86 else 1]), *made))


def place(path):
    """Where in this box lies what a path names in others."""
    for there, here in PLACES.items():
        if path == there or path.startswith(there + "/"):
            return here + path.removeprefix(there)
    return path


def outside(pid):
    """A process's number, if it is none of the box's own: in a namespace of its own these are small, too."""
    if "AUTOGRADER_BOX" in os.environ and not PLACES and (pid == 1 or not libc.tgkill(os.getpid(), pid, 0)):
        raise ProcessLookupError(errno.ESRCH, "in here that is the box's own")
    return pid


def mount(source, target, kind, flags=0, data=b""):
    return checked(libc.mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), data)) == 0


def in_child(action):
    """Run something that may kill or change its process; its answer, or how it was killed."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = action()
        except BaseException as error:
            said = describe(error)
            os.write(theirs, ("E" + said).encode())
            os._exit(0)
        os.write(theirs, ("R" + json.dumps(said)).encode())
        os._exit(0)
    os.close(theirs)
    _pid, status = os.waitpid(child, 0)
    with open(ours, "rb") as stream:
        said = stream.read().decode()
    if os.WIFSIGNALED(status):
        raise RuntimeError("killed by " + signal.Signals(os.WTERMSIG(status)).name)
    if said[:1] == "E":
        raise RuntimeError(said[1:])
    return json.loads(said[1:]) if said else None


def describe(error):
    name = errno.errorcode.get(getattr(error, "errno", None) or 0, "")
    return f"{type(error).__name__} {name} {error}"[:200]


def try_it(attack, at):
    try:
        found = attack(at)
    except BaseException as error:
        return {"worked": False, "said": describe(error)}
    return {"worked": bool(found), "said": str(found)[:200]}
'''

_PLAIN = """
def as_root_of_a_namespace(at):
    user, group = os.getuid(), os.getgid()
    checked(libc.unshare(0x10000000 | 0x00020000))  # CLONE_NEWUSER, CLONE_NEWNS
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    checked(libc.mount(None, b"/", None, ctypes.c_ulong(16384 | 1 << 18), None))
    mount(b"tmpfs", at["mount_point"], b"tmpfs")

work = json.loads(sys.stdin.readline())
at = work["at"]
for name, body, where in work["attacks"]:
    space = dict(globals())
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        signal.alarm(20)
        try:
            exec(body, space)
            if where == "userns":
                as_root_of_a_namespace(at)
            said = try_it(space["attack"], at)
        except BaseException as error:
            said = {"worked": False, "said": "not tried: " + describe(error)}
        os.write(theirs, json.dumps(said).encode())
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as stream:
        said = stream.read().decode() or '{"worked": false, "said": "it died"}'
    os.waitpid(child, 0)
    print(json.dumps([name, json.loads(said)]), flush=True)
"""


def source_of(attack: Attack) -> str:
    return "def attack(at):\n" + textwrap.indent(textwrap.dedent(attack.body).strip(), "    ")


def cells_of(attacks: Sequence[Attack], at: Mapping[str, Any]) -> list[str]:
    """A notebook that tries attacks, each in a cell of its own."""
    told = f"at = json.loads({json.dumps(at)!r})"
    cells = [f"{PRELUDE}\n{told}"]
    for attack in attacks:
        report = "print('TRIED', json.dumps(try_it(attack, at)))"
        cells.append(f"{source_of(attack)}\n{report}")
    return cells


def tried_in_box(box: Box, attacks: Sequence[Attack]) -> dict[str, Tried]:
    """Run the cells of `cells_of` in a box that was made with them."""
    runs = box.run_cells()
    assert runs[0].status == "ok", (runs[0].message, runs[0].outputs)
    found = {}
    for attack, run in zip(attacks, runs[1:], strict=True):
        lines = "".join(output.get("text", "") for output in run.outputs).splitlines()
        said = [line[6:] for line in lines if line.startswith("TRIED ")]
        assert said, f"{attack.name} said nothing: {run}"
        found[attack.name] = Tried(**json.loads(said[-1]))
    return found


def tried_plainly(
    attacks: Sequence[Attack], at: Mapping[str, Any], inherited: Sequence[int] = ()
) -> dict[str, Tried]:
    """Run attacks in plain processes, where nothing holds them."""
    work = {
        "at": dict(at),
        "attacks": [(attack.name, source_of(attack), attack.plain) for attack in attacks],
    }
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + _PLAIN],
        input=json.dumps(work) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        pass_fds=list(inherited),
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
    return {name: Tried(**tried) for name, tried in said}
