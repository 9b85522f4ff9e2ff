"""A box without namespaces: nothing of it is left, whoever is killed.

Tried in a mount namespace of its own, as in `tests/attacks/test_without_namespaces.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.test_isolation import REPOSITORY, where_the_way_is_open

# Kills one of its own processes, named by its argument, while a box with three others runs, and says what is left.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from autograder.errors import BoxFailed
from autograder.guest import box_user
from autograder.sandbox import BoxSettings, open_box, warm
from autograder.sandbox.watchdog import pid_of

BUSY = (
    "import ctypes, os, signal, subprocess, sys, time\\n"
    "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\\n"
    "for _ in range(2): subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\\n"
    "os.fork() or os.fork() or (os.setsid(), time.sleep(1000))\\n"
    "open('/dev/shm/left-by-' + str(os.getuid()), 'w').close()"
)
settings = BoxSettings(wall="landlock", warm_imports=["ipykernel.kernelapp", "ipykernel.ipkernel"])
opened = open_box(settings, [BUSY])
box = opened.__enter__()
assert box.run_cells()[0].status == "ok"
confined = box._driver._kernel.confined
user, folder = confined.user, confined.folder
shared = Path(f"/dev/shm/left-by-{user}")
found = [len(list(box_user.processes_of(user))) >= 4, folder.is_dir(), shared.exists()]
assert all(found), found
who = sys.argv[1]
if who == "nobody":
    box.close()
elif who == "attendant":
    os.kill(pid_of(confined.attendant), signal.SIGKILL)
elif who == "warm process":
    next(iter(warm._processes.values()))._process.kill()
elif who == "kernel":
    signal.pidfd_send_signal(box._driver._kernel.pidfd, signal.SIGKILL)
elif who == "grader":
    print(user, folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
until = time.monotonic() + 20
while list(box_user.processes_of(user)) and time.monotonic() < until:
    time.sleep(0.05)
if who != "nobody":
    box.close()
left = [*box_user.processes_of(user)]
if who == "attendant":  # who would have removed them; the next grader does
    assert folder.is_dir()
    box_user.sweep(str(folder.parent))
until = time.monotonic() + 10
while folder.exists() and time.monotonic() < until:
    time.sleep(0.05)
warm.close_warm_processes()
print("left", left, folder.exists(), shared.exists(), list(folder.parent.glob("*/box-*")))
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="a", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def run(program: str, *arguments: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    paths = [REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)]
    done = subprocess.run(
        where_the_way_is_open([sys.executable, "-c", program, *arguments], paths, REPOSITORY),
        env={**os.environ, "TMPDIR": str(temporary), "AUTOGRADER_WALL": "landlock"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "BoxUnavailable" in done.stderr:
        pytest.skip(f"it cannot be built here: {done.stderr.strip().splitlines()[-1]}")
    return done


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give each box a user of its own")
@pytest.mark.parametrize("who", ["nobody", "kernel", "attendant", "warm process"])
def test_nothing_is_left_when_one_is_killed(who: str, temporary: Path) -> None:
    done = run(PROGRAM, who, temporary=temporary)
    assert "left [] False False []" in done.stdout, done.stdout + done.stderr[-3000:]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give each box a user of its own")
def test_nothing_is_left_when_the_grader_is_killed(temporary: Path) -> None:
    done = run(PROGRAM, "grader", temporary=temporary)
    user, folder = done.stdout.split()
    look = (
        "import sys, time\nfrom pathlib import Path\nfrom autograder.guest import box_user\n"
        "until = time.monotonic() + 20\n"
        "left = lambda: [*box_user.processes_of(int(sys.argv[1]))] or Path(sys.argv[2]).exists()\n"
        "while left() and time.monotonic() < until: time.sleep(0.05)\n"
        "print('left', left(), Path('/dev/shm/left-by-' + sys.argv[1]).exists())"
    )
    done = run(look, user, folder, temporary=temporary)
    assert "left False False" in done.stdout, done.stdout + done.stderr[-3000:]
