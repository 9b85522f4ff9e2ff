"""What a student's code finds in its box, as root and as an ordinary user, warm and cold.

As root the kit drops to an unprivileged user by itself. The ordinary user's wall is tried by dropping
to one here; where the interpreter lies in root's closed home, as on many CI machines, a private mount
namespace opens the way to it, and only to it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autograder
from autograder.sandbox.forms import ONLY
from autograder.sandbox.settings import BUBBLEWRAP, BUBBLEWRAP_PROC
from autograder.sandbox.wall import as_root
from tests.sandbox.here import FORM, needs

pytestmark = needs(
    BUBBLEWRAP,
    BUBBLEWRAP_PROC,
    why="a box sees the container's own folders, of which it can read few: tests/attacks try that",
)

REPOSITORY = Path(autograder.__file__).parent.parent
USER = "63123"  # an id without an account
Found = dict[str, Any]


@pytest.fixture(scope="module")
def course() -> Iterator[Path]:
    """A folder that every user may read, so that only the wall keeps it from the box."""
    folder = Path(tempfile.mkdtemp(prefix="course-"))
    folder.chmod(0o755)
    (folder / "course_config.py").write_text("SECRET = 5")
    (folder / "data").mkdir()
    (folder / "data" / "train.bin").write_text("images")
    os.environ["AUTOGRADER_TEST_COURSE"] = str(folder)  # the host's environment names it
    yield folder
    del os.environ["AUTOGRADER_TEST_COURSE"]
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A service of the host's, on loopback and on an abstract socket of the same number."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        number: int = server.getsockname()[1]
        abstract.bind(f"\0autograder-test-{number}")
        abstract.listen()
        yield number


def open_the_way(paths: list[Path]) -> str:
    """Shell commands that let any user reach these folders, in a mount namespace of one's own."""
    closed = {
        parent for path in paths for parent in path.parents if not parent.stat().st_mode & 0o001
    }
    roots = {parent for parent in closed if not closed & set(parent.parents)}
    lines = []
    for root in sorted(roots):
        inside = [path for path in paths if path.is_relative_to(root)]
        stage = "/mnt" if Path("/mnt").is_dir() else "/srv"
        lines.append(f"mount -t tmpfs -o mode=755 none {stage}")
        for number, path in enumerate(inside):
            lines += [
                f"mkdir {stage}/{number}",
                f"mount --bind {shlex.quote(str(path))} {stage}/{number}",
            ]
        lines.append(f"mount -t tmpfs -o mode=755 none {shlex.quote(str(root))}")
        for number, path in enumerate(inside):
            place = shlex.quote(str(path))
            lines += [f"mkdir -p {place}", f"mount --bind {stage}/{number} {place}"]
        lines.append(f"umount -R {stage}")
    return "\n".join(lines)


def where_the_way_is_open(command: list[str], paths: list[Path], folder: Path) -> list[str]:
    """A command to be run in a folder, where any user can reach these others: as it is, if they can already."""
    way = open_the_way(paths)
    script = f"set -e\n{way}\ncd {shlex.quote(str(folder))}\nexec {shlex.join(command)}"
    if not way:
        return ["bash", "-c", script]
    return ["unshare", "--mount", "--propagation", "private", "bash", "-c", script]


def as_ordinary_user(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    program = Path(__file__).with_name("spy.py")
    command = [sys.executable, str(program), *arguments]
    names = ("PATH", "AUTOGRADER_TEST_COURSE", ONLY)
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {"PYTHONPATH": str(REPOSITORY), "TMPDIR": "/tmp"}
    if as_root():
        paths = [REPOSITORY, Path(sys.prefix), Path(sys.base_prefix), program.parent]
        drop = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"]
        command = where_the_way_is_open(
            [*drop, *command], list(dict.fromkeys(paths)), folder=Path("/")
        )
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module", params=["warm", "cold", "user-warm", "user-cold"])
def found(request: pytest.FixtureRequest, course: Path, port: int) -> Found:
    form = str(request.param)
    if not form.startswith("user"):
        from tests.sandbox.spy import look

        return look(course, port, form == "warm")
    done = as_ordinary_user([str(course), str(port), form.removeprefix("user-")])
    if done.returncode != 0 and "BoxUnavailable" in done.stderr:
        pytest.skip(
            f"this system lets no ordinary user build a wall: {done.stderr.splitlines()[-1]}"
        )
    assert done.returncode == 0, done.stderr
    result: Found = json.loads(done.stdout)
    return result


def test_code_runs_as_nobody_and_cannot_become_more(found: Found) -> None:
    assert found["uid"] not in (0, os.getuid() if as_root() else 0)
    assert set(found["ids"]) == {str(found["uid"])}
    assert found["groups"] in ([], [str(found["uid"])], ["65534"])
    assert found["caps"] == [0] * 5
    assert found["no_new_privs"] == "1"
    assert found["seccomp"] == "2"
    assert found["setuid_programs"] == []


def test_there_is_no_network_and_no_service_of_the_host(found: Found) -> None:
    assert found["interfaces"] in ([], ["lo"])
    assert found["network"]["outside"] in ("OSError", "TimeoutError")
    assert found["network"]["host"] in ("ConnectionRefusedError", "OSError")
    assert found["network"]["abstract"] == "ConnectionRefusedError"
    assert found["network"]["resolver"] == "gaierror"


@needs(BUBBLEWRAP, why="it shows the container's processes, as docs/security.md says")
def test_no_process_but_the_boxs_own_is_seen(found: Found) -> None:
    assert 1 <= len(found["processes"]) <= 3
    for command in found["processes"]:
        assert Path(command[0]).name in ("python3", "bwrap", "python3.11"), command
        assert "pytest" not in " ".join(command)


def test_the_environment_is_the_boxs_own(found: Found) -> None:
    names = set(found["environment"])
    assert not names & {
        "PYTHONPATH",
        "PYTEST_CURRENT_TEST",
        "SSH_AUTH_SOCK",
        "VIRTUAL_ENV",
        "LS_COLORS",
    }
    assert found["environment"]["HOME"] == "/work"
    assert found["environment"]["AUTOGRADER_BOX"] == "1"
    assert found["homes"] == ["FileNotFoundError", "/work"]
    assert found["hostname"] == "box" or FORM == BUBBLEWRAP_PROC


def test_nothing_outside_its_own_folders_can_be_written(found: Found) -> None:
    assert [path for path, said in found["writes"].items() if said == "written"] == []
    assert set(found["own_writes"].values()) == {"written"}


def test_secrets_of_the_system_cannot_be_read(found: Found) -> None:
    assert set(found["reads"].values()) <= {"FileNotFoundError", "PermissionError", "OSError"}


def test_no_file_of_the_courses_is_there_but_its_data(found: Found) -> None:
    assert found["course"] == "FileNotFoundError"
    assert found["needle_in_names"] == []
    places = {path.rpartition("/")[2] for path in found["needle_in"]}
    # The kernel names the folder from which /data is mounted; the words are all that it tells. The
    # command of a cold box's first process does the same.
    assert places <= {"mountinfo", "mounts", "mountstats", "cmdline"}, found["needle_in"]
    allowed = {"bin", "box", "data", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc"}
    allowed |= {"sbin", "tmp", "usr", "work", Path(sys.base_prefix).parts[1]}
    assert set(found["root"]) <= allowed


def test_the_kit_is_not_there(found: Found) -> None:
    assert found["kit"] == [False, False]
    assert found["kit_files"] == []


def test_the_submissions_files_are_there(found: Found) -> None:
    assert {"a.txt", "sub"} <= set(found["submission"])
    assert found["helper"] == "x = 1"


def test_dangerous_system_calls_are_refused(found: Found) -> None:
    refused = {"Operation not permitted", "Function not implemented", "Permission denied"}
    refused.add("Invalid argument")  # there is no root to become in a user namespace
    assert {name for name, said in found["syscalls"].items() if said not in refused} == set()


def test_no_descriptor_leads_to_a_file_outside(found: Found) -> None:
    for target in found["descriptors"]:
        inside = ("/dev/null", "/memfd", "socket", "pipe", "anon_inode", "/proc", "FileNotFound")
        assert target.startswith(inside) or target.startswith(("/tmp", "/dev/")), found[
            "descriptors"
        ]


def test_two_boxes_share_nothing() -> None:
    """What one submission leaves behind, another one that runs beside or after it does not find."""
    from autograder.sandbox import BoxSettings, open_box

    leave = (
        "import glob, os, socket\n"
        "for folder in ('/tmp', '/work', '/dev/shm'): open(folder + '/left', 'w').close()\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('\\0left'); s.listen()\n"
        "os.environ['LEFT'] = 'x'; import torch; torch.left = 1"
    )
    look_for = (
        "import glob, os, socket, torch\n"
        "assert not glob.glob('/tmp/left') + glob.glob('/work/left') + glob.glob('/dev/shm/left')\n"
        "assert 'LEFT' not in os.environ and not hasattr(torch, 'left')\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "assert s.connect_ex('\\0left') == 111\n"
        f"assert len([p for p in os.listdir('/proc') if p.isdigit()]) <= 2 or {FORM != BUBBLEWRAP}"
    )
    settings = BoxSettings()
    with open_box(settings, [leave]) as first, open_box(settings, [look_for]) as second:
        assert first.run_cells()[0].status == "ok"
        assert second.run_cells()[0].message == ""
    with open_box(settings, [look_for]) as third:
        assert third.run_cells()[0].message == ""


def test_boxes_made_by_threads_outlive_the_threads() -> None:
    """bubblewrap dies with the thread that started it, and so would everything forked from it."""
    from autograder.sandbox import BoxSettings, open_box

    settings = BoxSettings(warm_imports=["ipykernel.kernelapp", "ipykernel.ipkernel", "IPython"])
    results: list[str] = []

    def run() -> None:
        with open_box(settings, ["1"]) as box:
            results.append(box.run_cells()[0].status)

    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert results == ["ok", "ok"]
