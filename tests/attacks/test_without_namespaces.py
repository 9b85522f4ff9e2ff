"""The attacks once more, behind the form of the wall for containers that allow no namespaces.

It needs no container: as root it can be built on any host whose kernel has Landlock. Where the interpreter lies
in a folder that is closed to other users, a private mount namespace opens the way to it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.test_isolation import where_the_way_is_open

ROOT = Path(__file__).parent.parent.parent
# Of the disruptions those that end by other means than behind the other forms.
SELECTED = (
    "is_held and warm or daemon or kills_all or catches_every or fills_folders or many_files or without_a_name "
    "or folder_in_folder or nobody_may_read or memory_in_sockets or test_warm_imports"
)


def behind_landlock(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command where every box is one without namespaces."""
    environment = {**os.environ, "AUTOGRADER_WALL": "landlock", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        where_the_way_is_open(command, [ROOT, Path(sys.prefix), Path(sys.base_prefix)], ROOT),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module", autouse=True)
def _where_it_can_be_built() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give each box a user of its own")
    if "AUTOGRADER_WALL" in os.environ:
        pytest.skip("these tests run behind one form already")
    check = "from autograder.sandbox import check_wall; print(check_wall(weakest='landlock'))"
    done = behind_landlock([sys.executable, "-c", check])
    if done.returncode != 0:
        pytest.skip(f"it cannot be built here: {done.stderr.strip().splitlines()[-1]}")
    assert "without namespaces" in done.stdout


def test_attacks_are_held_or_known() -> None:
    """And a warm process that starts anew, without modules that start threads, knows the rules."""
    files = (
        "attacks/test_attacks_on_the_wall",
        "attacks/test_disruption",
        "sandbox/test_warm_imports",
    )
    pytest_ = [sys.executable, "-m", "pytest", *(f"tests/{name}.py" for name in files)]
    pytest_ += ["-q", "--no-header", "-rs", "--tb=short", "-p", "no:cacheprovider", "-k", SELECTED]
    done = behind_landlock(pytest_)
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 97
