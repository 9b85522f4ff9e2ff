"""When a box is closed, or its grader is killed, nothing of it is left."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
import pytest

from autograder.errors import BoxFailed, BoxUnavailable
from autograder.sandbox import BoxSettings, check_wall, folders, open_box, wall, warm
from autograder.sandbox.kernel import KernelPlan
from autograder.sandbox.settings import BUBBLEWRAP, BUBBLEWRAP_PROC, LANDLOCK
from autograder.sandbox.warm_process import WarmLink
from tests.sandbox.here import FORM, needs

LIGHT = ["ipykernel.kernelapp", "ipykernel.ipkernel", "IPython"]
BUSY = "import subprocess, sys\n" + "\n".join(
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])" for _ in range(3)
)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def descendants() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of the test's own, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # boxes that are users of their own have theirs in it
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_closed_box_leaves_no_process_and_no_folder(warm: bool, short: Path) -> None:
    settings = BoxSettings(warm=warm, warm_imports=LIGHT)
    with open_box(settings, ["1"]) as box:  # the warm process stays for the next box
        box.run_cells()
    before, descriptors = descendants(), open_descriptors()
    with open_box(settings, [BUSY]) as box:
        assert box.run_cells()[0].status == "ok"
        assert len(descendants() - before) >= 4
        assert list(short.rglob("box-*"))
    gone_by = time.monotonic() + 20
    while descendants() - before and time.monotonic() < gone_by:
        time.sleep(0.05)
    assert descendants() - before == set()
    assert list(short.rglob("box-*")) == []
    assert open_descriptors() <= descriptors


GRADER = """
import sys
from autograder.sandbox import BoxSettings, open_box

settings = BoxSettings(wall={form!r}, warm=sys.argv[1] == "warm", warm_imports={light!r})
with open_box(settings, [{busy!r}]) as box:
    box.run_cells()
    print("running", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("form", ["warm", "cold"])
def test_a_killed_grader_takes_its_boxes_with_it(form: str, short: Path) -> None:
    code = GRADER.format(form=FORM, light=LIGHT, busy=BUSY)
    grader = subprocess.Popen(
        [sys.executable, "-c", code, form],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(short)},
    )
    assert grader.stdout is not None
    assert grader.stdin is not None
    assert grader.stdout.readline() == b"running\n"
    family = psutil.Process(grader.pid).children(recursive=True)
    assert len(family) >= 5
    grader.send_signal(signal.SIGKILL)
    grader.wait()
    _gone, alive = psutil.wait_procs(family, timeout=20)
    grader.stdin.close()
    grader.stdout.close()
    assert alive == []
    # What only a living process could have removed, the next one does; and leaves its neighbour's.
    assert len(list(short.glob("*"))) == 1
    neighbour = folders.new_folder("box").parent
    assert set(short.glob("*")) == {neighbour}
    assert folders.sweep() == []
    assert neighbour.is_dir()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_worker_that_ends_leaves_no_folder(method: str) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as workers:
        folder = workers.submit(folders.new_folder, "box").result()
    assert not folder.parent.exists()


def test_a_folder_that_another_user_made_to_look_like_ours_is_left(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    (target / "kept").mkdir(parents=True)
    (short / "autograder-run-link").symlink_to(target)
    foreign = short / "autograder-run-foreign"
    foreign.mkdir()
    with monkeypatch.context() as somebody_else:
        somebody_else.setattr(os, "geteuid", lambda: foreign.stat().st_uid + 1)
        assert folders.sweep() == []
    assert folders.sweep() == [foreign]
    assert (target / "kept").is_dir()


@pytest.mark.parametrize("late", [False, True], ids=["before it is locked", "after it is opened"])
def test_a_new_folder_that_another_grader_sweeps_away_is_made_again(
    late: bool, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two graders start at the same moment: to the second one the first one's folder looks left behind."""
    take = folders._take
    swept: list[Path] = []

    def overtaken(folder: Path) -> int | None:
        if swept:
            return take(folder)
        swept.append(folder)
        held = take(folder) if late else None
        folder.rmdir()
        return held if late else take(folder)

    monkeypatch.setattr(folders, "_take", overtaken)
    folder = folders.new_folder("box")
    assert folder.is_dir()
    assert swept[0] != folder.parent
    assert list(short.iterdir()) == [folder.parent]
    assert folders.sweep() == [], "it is held"


@pytest.mark.parametrize("late", [False, True], ids=["before it is opened", "after it is held"])
def test_what_two_graders_sweep_away_at_once_is_no_trouble_to_either(
    late: bool, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind = short / "autograder-run-left"
    left_behind.mkdir()
    take = folders._take

    def by_another(folder: Path) -> int | None:
        held = take(folder) if late else None
        left_behind.rmdir()
        return held if late else take(folder)

    with monkeypatch.context() as other:
        other.setattr(folders, "_take", by_another)
        assert folders.sweep() == ([left_behind] if late else [])
    assert list(short.iterdir()) == []
    assert folders.new_folder("box").is_dir()


def test_a_temporary_folder_too_deep_for_sockets_is_named(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = short / ("d" * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(BoxUnavailable, match=r"too long for sockets.*TMPDIR"):
        folders.new_folder("box")


def test_a_box_that_was_never_run_leaves_nothing(tmp_path: Path) -> None:
    before = descendants()
    with open_box(BoxSettings(warm=False), ["1"]):
        pass
    assert descendants() == before
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_ours_closes_the_box() -> None:
    settings = BoxSettings(warm=True, warm_imports=LIGHT)
    with open_box(settings, ["1"]) as box:
        box.run_cells()
    before = descendants()
    with contextlib.suppress(ZeroDivisionError), open_box(settings, ["1"]) as box:
        box.run_cells()
        raise ZeroDivisionError
    gone_by = time.monotonic() + 20
    while descendants() - before and time.monotonic() < gone_by:
        time.sleep(0.05)
    assert descendants() - before == set()


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """`check_bubblewrap` without what it remembers from before."""
    monkeypatch.setattr(wall, "check_bubblewrap", wall.check_bubblewrap.__wrapped__)
    return monkeypatch


def broken_tool(folder: Path, script: str) -> str:
    tool = folder / "bwrap"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return str(tool)


@needs(BUBBLEWRAP, BUBBLEWRAP_PROC, why="it needs no bubblewrap")
def test_without_bubblewrap_there_is_no_box(anew: pytest.MonkeyPatch) -> None:
    anew.setattr(shutil, "which", lambda *_args, **_kwargs: None)
    with pytest.raises(BoxUnavailable, match="sudo apt-get install bubblewrap"):
        wall.check_bubblewrap()
    settings = BoxSettings(warm=False)
    with (
        pytest.raises(BoxUnavailable, match="sudo apt-get install"),
        open_box(settings, ["1"]) as box,
    ):
        box.run_cells()


BROKEN = {
    "it refuses": ("echo 'No permissions to create new namespace' >&2; exit 1", "No permissions"),
    "it does nothing": ("exit 0", "cannot be built"),
    "it builds no wall": ('exec echo "0 True"', "cannot be built"),
    "it runs the program outside": (
        'while [ "$1" != "--" ]; do shift; done; shift; exec "$@"', "cannot be built"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("script", "said"), BROKEN.values(), ids=BROKEN)
def test_a_bubblewrap_that_fails_makes_no_box(
    script: str, said: str, tmp_path: Path, anew: pytest.MonkeyPatch
) -> None:
    tool = broken_tool(tmp_path, script)
    real = wall._tool
    anew.setattr(wall, "_tool", lambda name: tool if name == "bwrap" else real(name))
    with pytest.raises(BoxUnavailable, match=said) as error:
        wall.check_bubblewrap()
    assert "nothing is graded" in str(error.value)


def test_a_warm_process_that_cannot_import_is_our_failure_by_name() -> None:
    settings = BoxSettings(warm_imports=["no_such_module"])
    with pytest.raises(BoxFailed, match="no_such_module"), open_box(settings, ["1"]) as box:
        box.run_cells()


def test_a_warm_process_that_was_killed_is_replaced() -> None:
    settings = BoxSettings(warm_imports=[*LIGHT, "json"])
    before = descendants()
    with open_box(settings, ["1"]) as box:
        box.run_cells()
    for pid in descendants() - before:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    with open_box(settings, ["1"]) as box:
        assert box.run_cells()[0].status == "ok"


def test_this_machine_says_which_wall_it_has() -> None:
    assert FORM.partition("-")[0] in check_wall(weakest=FORM).lower()


WORKER = """
import sys
from pathlib import Path
from autograder.sandbox import BoxSettings, open_box, warm

settings = BoxSettings(wall={form!r}, warm_imports={light!r})
warm.join(settings, None, Path(sys.argv[1]))
with open_box(settings, [{busy!r}]) as box:
    box.run_cells()
    print("running", len(warm._processes), flush=True)
    sys.stdin.read()
"""


def test_workers_share_a_warm_process_and_one_that_is_killed_takes_only_its_own_boxes() -> None:
    settings = BoxSettings(warm_imports=LIGHT)
    address = warm.address(settings, None)
    assert address is not None
    code = WORKER.format(form=FORM, light=LIGHT, busy=BUSY)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"running 0\n", "none has a warm process of its own"
    with open_box(settings, ["x = 1"]) as box:
        box.run_cells()
        both = box_processes()
        workers[0].kill()
        workers[0].wait()
        gone_by = time.monotonic() + 20
        while len(box_processes()) > len(both) - 4 and time.monotonic() < gone_by:
            time.sleep(0.05)
        assert len(both) - len(box_processes()) in (4, 5), "the killed worker's, and no other's"
        assert box.ask("def get(x):\n    return x", "get", {"x": "x"}, {}) == 1
    assert warm.address(settings, None) == address, "it lives on"
    for worker in workers:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.close()
        worker.stdout.close()
        worker.wait()


def the_warm_process() -> psutil.Process:
    """The one of LIGHT: below bubblewrap's two processes where it makes the wall."""
    (process,) = (p for key, p in warm._processes.items() if list(LIGHT) == list(key[-1]))  # type: ignore[call-overload]
    if FORM == LANDLOCK:
        return psutil.Process(process._process.pid)
    (inner,) = psutil.Process(process._process.pid).children()
    (python,) = inner.children()
    return python


GET = "def get(x):\n    return x"


def test_a_warm_process_that_ends_is_our_failure_and_the_next_probe_is_answered() -> None:
    settings = BoxSettings(warm_imports=LIGHT)
    with open_box(settings, ["x = 1"]) as box:
        box.run_cells()
        process = the_warm_process()
        family = [process, *process.children(recursive=True)]
        process.kill()
        psutil.wait_procs(family, timeout=20)
        with pytest.raises(BoxFailed, match="warm process"):
            box.ask(GET, "get", {"x": "x"}, {})
        assert box.ask(GET, "get", {"x": "x"}, {}) == 1
    with open_box(settings, ["import time; print(1, flush=True); time.sleep(60)"]) as box:
        killer = threading.Timer(1.5, the_warm_process().kill)
        killer.start()
        with pytest.raises(BoxFailed, match="warm process"):
            box.run_cells()


def test_a_warm_process_without_a_descriptor_left_makes_no_box_and_keeps_the_others() -> None:
    settings = BoxSettings(warm_imports=LIGHT)
    with open_box(settings, ["x = 1"]) as box:
        box.run_cells()
        python = the_warm_process()
        worker = WarmLink(warm._link(settings, None).folder, settings, FORM)
        assert not worker.is_gone()
        usual, most = python.rlimit(psutil.RLIMIT_NOFILE)
        python.rlimit(psutil.RLIMIT_NOFILE, (3, most))
        with pytest.raises(BoxFailed, match="Too many open files"):
            worker.fork(settings, KernelPlan())
        worker.close()
        assert box.ask(GET, "get", {"x": "x"}, {}) == 1
        assert the_warm_process() == python
        python.rlimit(psutil.RLIMIT_NOFILE, (usual, most))
        with open_box(settings, ["1"]) as another:
            assert another.run_cells()[0].status == "ok"
        assert the_warm_process() == python


def test_a_kernel_ends_with_the_process_that_waits_for_it() -> None:
    settings = BoxSettings(warm_imports=LIGHT)
    with open_box(settings, ["x = 1"]) as box:
        box.run_cells()
        (attendant,) = the_warm_process().children()
        (kernel,) = attendant.children()
        attendant.kill()
        _gone, alive = psutil.wait_procs([kernel], timeout=20)
        assert alive == []


def box_processes() -> set[int]:
    """The processes of all boxes, and what stands between them and the warm process."""
    (process,) = (p for key, p in warm._processes.items() if list(LIGHT) == list(key[-1]))  # type: ignore[call-overload]
    return {child.pid for child in psutil.Process(process._process.pid).children(recursive=True)}
