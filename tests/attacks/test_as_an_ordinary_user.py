"""The attacks once more, tried by a grader that is no root: the other form of the wall."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "12345"
ROOT = Path(__file__).parent.parent.parent
# What is about the wall. Forged answers are judged the same behind each, and of the disruptions only these end
# otherwise for an ordinary user; the rest is about the driver.
FILES = ("attacks_on_the_wall", "leaks_between_boxes", "in_flight", "disruption")
SELECTED = (
    "not disruption or fork_bomb or doubly_forked or stops_itself or kills_all or crashes "
    "or hides_from or many_parts or catches_every or fills_folders or memory_of_page_tables"
)
# $1: the base Python, $2: the folder above it that others may not enter, $3: a place to hold it.
_LAY_OPEN = (
    'mount --bind "$1" "$3" && mount -t tmpfs -o mode=755 tmpfs "$2" && mkdir -p "$1" && '
    'mount --bind "$3" "$1" && shift 3 && exec "$@"'
)


def closed_folder_above(path: Path) -> Path | None:
    """The uppermost folder on the way to a path that other users may not enter."""
    for folder in reversed((path, *path.parents)):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may enter; those of pytest's are closed."""
    with tempfile.TemporaryDirectory(prefix="a", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="these tests run as an ordinary user already")
def test_attacks_are_held_for_an_ordinary_user(open_folder: Path) -> None:
    for needed in (ROOT, Path(sys.prefix)):
        if closed_folder_above(needed) and sys.prefix != sys.base_prefix:
            pytest.skip(
                f"{closed_folder_above(needed)} is closed to other users, and {needed} in it"
            )
    for tool in ("setpriv", "unshare", "mount"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing")
    home, hold = open_folder / "home", open_folder / "hold"
    home.mkdir()
    hold.mkdir()
    os.chown(home, int(USER), int(USER))
    base = Path(sys.base_prefix)
    command = [
        "setpriv",
        "--reuid",
        USER,
        "--regid",
        USER,
        "--clear-groups",
        "--inh-caps=-all",
        "env",
        "-i",
    ]
    command += [
        f"HOME={home}",
        f"PATH={os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE=1",
        "LANG=C.UTF-8",
    ]
    closed = closed_folder_above(base)
    if closed is not None:
        inside = ["unshare", "-m", "--propagation", "private", "sh", "-c", _LAY_OPEN, "sh"]
        command = [*inside, str(base), str(closed), str(hold), *command]
    tried = subprocess.run(
        [*command, sys.executable, "-c", "print(7)"], capture_output=True, text=True
    )
    if tried.stdout != "7\n":
        pytest.skip(f"Python does not start for another user here: {tried.stderr.strip()}")
    check = "from autograder.sandbox import check_wall; print(check_wall())"
    wall = subprocess.run(
        [*command, sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True
    )
    if "BoxUnavailable" in wall.stderr:
        pytest.skip(f"no wall for an ordinary user here: {wall.stderr.strip().splitlines()[-1]}")
    assert "as your user" in wall.stdout, wall.stderr
    pytest_ = [sys.executable, "-m", "pytest", "-q", "--no-header", "-rs", "--tb=short"]
    pytest_ += [f"tests/attacks/test_{name}.py" for name in FILES]
    pytest_ += ["-p", "no:cacheprovider", f"--basetemp={home}/tests", "-k", SELECTED]
    done = subprocess.run([*command, *pytest_], cwd=ROOT, capture_output=True, text=True)
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 220
