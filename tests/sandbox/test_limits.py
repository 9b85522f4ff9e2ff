"""Limits: what a cell or a probe does to its kernel costs only itself, and the grader nothing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import BadReply, LimitHit, NameMissing, StudentFault, StudentRaised
from autograder.grading import Student
from autograder.sandbox import Box, BoxSettings, CellRun, driver, open_box, watchdog
from autograder.sandbox.watchdog import Watchdog
from tests.memory import PeakMemory

STUBBORN = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException:
        pass
"""
HOG = """
held = []
while True:
    held.append(bytearray(64 * 2**20))
    held[-1][::4096] = b'x' * len(held[-1][::4096])
"""
FLOOD = """
import sys
for _ in range(200):
    print('x' * 2**20)
"""
DISPLAYS = """
from IPython.display import display
for n in range(5_000):
    display(n)
"""
CELLS = {
    "first": "x = [1]",
    "endless": "while True: pass",
    "second": "x.append(2)",
    "stubborn": STUBBORN,
    "third": "x.append(3)",
    "exit": "x.append('lost'); import os; os._exit(0)",
    "fourth": "x.append(4)",
    "crash": "import ctypes; ctypes.string_at(0)",
    "fifth": "x.append(5)",
    "hog": HOG,
    "sixth": "x.append(6)",
    "error": "x.append(7); raise ValueError('half: \\ud83d')",
    "sys.exit": "import sys; sys.exit('bye')",
    "stderr": "import sys, warnings; print('w', file=sys.stderr); warnings.warn('w'); x.append(8)",
    "flood": FLOOD,
    "displays": DISPLAYS,
    "half": "print('half a character: \\ud83d')",
    "input": "input('your name? ')",
    "syntax": "def broken(:",
    "nothing": "",
    "big line": "print('y' * (30 * 2**20))",
    "functions": (
        "def endless():\n    while True: pass\n"
        "def stubborn():\n" + "\n".join("    " + line for line in STUBBORN.strip().splitlines()) + "\n"
        "def die():\n    import os; os._exit(1)\n"
        "def leave():\n    raise SystemExit(3)\n"
        "def hog():\n" + "\n".join("    " + line for line in HOG.strip().splitlines()) + "\n"
        "def large():\n    import torch; return torch.zeros(40 * 2**20)\n"
        "def deep():\n    r = []\n    for _ in range(100): r = [r]\n    return r\n"
        "def odd():\n    return object()\n"
        "def state():\n    return x\n"
        "def loud():\n    print('x' * 2**22); import sys; sys.stderr.write('e' * 2**20); return 1"
    ),
    "last": "x.append(9)",
}  # fmt: skip


def settings_of(**changes: Any) -> BoxSettings:
    usual = {
        "cell_wall_s": 2.5,
        "probe_wall_s": 2.5,
        "memory_mib": 700,
        "output_mib": 1,
        "outputs": 50,
    }
    return BoxSettings(
        **{**usual, "restarts": 50, "notebook_wall_s": 600.0, "reply_mib": 64, **changes}
    )


@pytest.fixture(scope="module", autouse=True)
def _who_does_not_stop_is_killed_soon() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "_INTERRUPT_GRACE_S", 1.0)
        yield


@pytest.fixture(scope="module")
def box_and_peak() -> Iterator[tuple[Box, float]]:
    with open_box(settings_of(), list(CELLS.values())) as box:
        with PeakMemory() as peak:
            box.run_cells()
        yield box, peak.mib


@pytest.fixture(scope="module")
def box(box_and_peak: tuple[Box, float]) -> Box:
    return box_and_peak[0]


@pytest.fixture(scope="module")
def runs(box: Box) -> dict[str, CellRun]:
    return dict(zip(CELLS, box.runs, strict=True))


@pytest.fixture(scope="module")
def student() -> Iterator[Student]:
    """A box of its own: replaying the cells above takes long."""
    with open_box(settings_of(), ["x = [1]", CELLS["functions"], "x.append(2)"]) as box:
        box.run_cells()
        yield Student(box)


def text_of(run: CellRun) -> str:
    return "".join(str(output.get("text", "")) for output in run.outputs)


STATUSES = {
    "first": "ok",
    "endless": "limit",
    "second": "ok",
    "stubborn": "limit",
    "third": "ok",
    "exit": "limit",
    "fourth": "ok",
    "crash": "limit",
    "fifth": "ok",
    "sixth": "ok",
    "error": "error",
    "sys.exit": "error",
    "stderr": "ok",
    "half": "ok",
    "input": "error",
    "syntax": "error",
    "nothing": "ok",
    "functions": "ok",
    "last": "ok",
}


@pytest.mark.parametrize("name", STATUSES)
def test_a_cell_ends_as_it_should(name: str, runs: dict[str, CellRun]) -> None:
    assert runs[name].status == STATUSES[name], runs[name].message


def test_a_memory_hog_is_stopped(runs: dict[str, CellRun]) -> None:
    assert runs["hog"].status in ("error", "limit")
    assert "emory" in runs["hog"].message


def test_a_loop_without_end_is_named_in_the_cells_output(runs: dict[str, CellRun]) -> None:
    assert "loop that does not end" in text_of(runs["endless"])
    assert "loop that does not end" in text_of(runs["stubborn"])


def test_every_cell_that_ended_by_itself_left_its_state(box: Box) -> None:
    assert Student(box).state() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("name", ["flood", "displays", "big line"])
def test_too_much_output_is_cut_and_said_so(name: str, runs: dict[str, CellRun]) -> None:
    run = runs[name]
    assert run.status in ("ok", "limit")
    assert len(run.outputs) <= 53
    assert sum(len(str(output)) for output in run.outputs) < 2 * 2**20
    assert run.outputs[-1]["name"] == "stderr"


def test_what_is_printed_can_be_written_to_a_file(runs: dict[str, CellRun]) -> None:
    for run in runs.values():
        repr(run.outputs).encode()
        for output in run.outputs:
            str(output.get("text", "")).encode()
            "".join(output.get("traceback", [])).encode()
        run.message.encode()


def test_the_graders_memory_stays_flat(box_and_peak: tuple[Box, float]) -> None:
    assert box_and_peak[1] < 120


ODD_ENDS: list[tuple[str, type[StudentFault], str]] = [
    ("endless", LimitHit, "loop that does not end"),
    ("stubborn", LimitHit, "loop that does not end"),
    ("die", LimitHit, "died"),
    ("leave", StudentRaised, "SystemExit"),
    ("hog", StudentFault, "emory"),
    ("large", BadReply, "."),
    ("deep", BadReply, "."),
    ("nothing_of_this_name", NameMissing, "nothing_of_this_name"),
]


@pytest.mark.parametrize(("name", "fault", "said"), ODD_ENDS)
def test_a_probe_that_ends_oddly_costs_only_itself(
    name: str, fault: type[StudentFault], said: str, student: Student
) -> None:
    with pytest.raises(fault, match=said):
        getattr(student, name)()
    assert student.state() == [1, 2]


def test_what_a_probe_prints_is_dropped(student: Student) -> None:
    with PeakMemory() as peak:
        assert student.loud() == 1
    assert peak.mib < 60


def test_a_missing_name_is_explained_by_the_cell_that_broke(box: Box) -> None:
    with pytest.raises(NameMissing, match="SyntaxError"):
        Student(box).broken()


@pytest.mark.parametrize(
    ("cell", "said", "limit"),
    [
        ("raise NotImplementedError()\nstub = 1", "(a cell ended with NotImplementedError)", ""),
        ("raise MemoryError\nstub = 1", "The cell that defines `stub` did not end", "memory_mib"),
    ],
)
def test_an_exception_without_words_is_called_by_its_name(cell: str, said: str, limit: str) -> None:
    """As a class that is still a stub raises it, and Python where there is no memory left."""
    with open_box(BoxSettings(), [cell]) as box:
        (run,) = box.run_cells()
        assert run.limit == limit
        with pytest.raises((NameMissing, LimitHit), match=re.escape(said)):
            Student(box).stub()


def test_a_cell_or_probe_that_can_be_interrupted_costs_no_kernel() -> None:
    """What the cells before it computed need not be computed again."""
    token = "import os; token = os.urandom(8).hex(); print(token)"
    cells = [token, "while True: pass", "print(token)", "def show(): return token"]
    cells.append("def endless():\n    while True: pass")
    with open_box(settings_of(cell_wall_s=1.0, probe_wall_s=1.0), cells) as box:
        runs = box.run_cells()
        assert [run.status for run in runs] == ["ok", "limit", "ok", "ok", "ok"]
        assert text_of(runs[0]) == text_of(runs[2])
        with pytest.raises(LimitHit, match="Stopped after 1 second"):
            Student(box).endless()
        assert Student(box).show() == text_of(runs[0]).strip()


def test_a_probe_that_cannot_be_interrupted_costs_the_kernel() -> None:
    function = "def stubborn():\n" + "\n".join("    " + line for line in STUBBORN.splitlines())
    cells = ["import os; token = os.urandom(8).hex()", function, "def show(): return token"]
    with open_box(settings_of(probe_wall_s=1.0), cells) as box:
        box.run_cells()
        before = Student(box).show()
        with pytest.raises(LimitHit, match="Stopped after 1 second"):
            Student(box).stubborn()
        assert Student(box).show() != before


def test_cells_that_kill_their_kernel_too_often_are_not_run_any_more() -> None:
    die = "import os; os._exit(0)"
    cells = ["def one(): return 1", die, die, die, "def two(): return 2", "x"]
    with open_box(settings_of(restarts=2), cells) as box:
        runs = box.run_cells()
        assert [run.status for run in runs] == ["ok", *["limit"] * 3, *["skipped"] * 2]
        assert "more than 2 times" in runs[-1].message
        assert Student(box).one() == 1, "what was defined before can still be asked"
        with pytest.raises(LimitHit, match="more than 2 times"):
            Student(box).two()


def test_a_function_that_kills_the_kernel_too_often_is_not_asked_any_more() -> None:
    cells = ["def die():\n    import os; os._exit(0)\ndef one(): return 1"]
    with open_box(settings_of(restarts=2), cells) as box:
        box.run_cells()
        for _ in range(3):
            with pytest.raises(LimitHit, match="died"):
                Student(box).die()
        with pytest.raises(LimitHit, match="more than 2 times"):
            Student(box).die()
        assert Student(box).one() == 1


def test_cells_can_be_run_in_parts_and_left_out() -> None:
    cells = ["x = [1]", "x.append(2)", "x.append(3)", "def get(): return x"]
    with open_box(settings_of(), cells) as box:
        assert [run.status for run in box.run_cells(1)] == ["ok"]
        runs = box.run_cells(left_out={2})
        assert [run.status for run in runs] == ["ok", "ok", "left out", "ok"]
        assert Student(box).get() == [1, 2]


def test_a_notebook_has_one_time_for_all_its_cells_and_probes() -> None:
    nap = "import time; time.sleep(1.5)"
    with open_box(settings_of(notebook_wall_s=4.0), [nap] * 5) as box:
        runs = box.run_cells()
        assert runs[0].status == "ok"
        assert runs[-1].status == "skipped"
        assert "used up its 4 seconds" in runs[-1].message
        for _ in range(2):
            with pytest.raises(LimitHit, match="used up its 4 seconds"):
                Student(box).anything()


def test_what_the_grader_does_in_between_is_not_the_notebooks_time() -> None:
    with open_box(settings_of(notebook_wall_s=1.5), ["def one(): return 1"]) as box:
        box.run_cells()
        time.sleep(1.6)
        assert Student(box).one() == 1


def test_a_cell_that_kills_its_kernel_a_moment_later_is_told_from_the_ones_behind_it() -> None:
    later = "import os, threading\nthreading.Timer(0.2, os._exit, (0,)).start()"
    cells = ["x = [1]", later, "x.append(2)", "import time; time.sleep(1); x.append(3)"]
    with open_box(settings_of(), [*cells, "def get(): return x"]) as box:
        assert [run.status for run in box.run_cells()] == ["ok", "limit", "ok", "ok", "ok"]
        assert Student(box).get() == [1, 2, 3]


def test_a_box_has_a_share_of_the_processor_of_its_own() -> None:
    """Or one that starts two hundred processes would leave its siblings next to none."""
    with open_box(BoxSettings(warm_imports=["IPython", "ipykernel.kernelapp"]), ["1"]) as box:
        box.run_cells()
        assert box._driver is not None
        watchdog = box._driver._watchdog
        if watchdog._group is None:
            assert os.getsid(watchdog._pid) == watchdog._pid, "the system shares by session"
            return
        groups = Path(f"/proc/{watchdog._pid}/cgroup").read_text().splitlines()
        by_names = {line.split(":")[1]: line for line in groups}  # "" is version 2's
        names = next((names for names in by_names if "cpu" in names.split(",")), "")
        assert "autograder-box-" in by_names[names]


@pytest.mark.parametrize(("sleeps_s", "status"), [(2, "ok"), (6, "limit")])
def test_waiting_for_a_busy_machine_is_not_the_students_time(
    sleeps_s: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = iter(range(2, 10**6, 2))  # of its own count, when the cell begins, nothing
    monkeypatch.setattr(Watchdog, "waited_s", lambda _self: float(next(waited)))
    with open_box(settings_of(cell_wall_s=1.0), [f"import time; time.sleep({sleeps_s})"]) as box:
        assert box.run_cells()[0].status == status, "patience has an end"


def test_a_kernel_that_waits_for_a_processor_is_seen() -> None:
    """Two threads that are always busy on one processor: each waits about half of the time."""
    cells = [
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
        "import subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "until = time.process_time() + 1.0\nwhile time.process_time() < until: pass\nother.kill()",
    ]
    with open_box(settings_of(cell_wall_s=30.0), cells) as box:
        runs = box.run_cells()
        assert [run.status for run in runs] == ["ok", "ok"], runs
        assert box._driver is not None
        assert box._driver._watchdog.waited_s() > 0.1


def test_who_holds_too_much_between_two_looks_is_told_and_not_who_comes_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a control group. A cell is over in less time than lies between two looks."""
    monkeypatch.setattr(watchdog.MemoryGroup, "create", lambda *_: None)
    monkeypatch.setattr(watchdog, "LOOK_EVERY_S", 60.0)
    cells = [
        "x = [1]",
        # Shared memory, which is none of the sorts that each process has a limit of its own for.
        "import mmap\nheld = mmap.mmap(-1, 600 * 2**20); held[::4096] = b'x' * (600 * 2**8)",
        "x.append(2)",
        "import mmap\ndef hold():\n    global held\n    held = mmap.mmap(-1, 600 * 2**20)\n"
        "    held[::4096] = b'x' * (600 * 2**8)",
        "def state():\n    return x",
    ]
    with open_box(settings_of(memory_mib=512), cells) as box:
        runs = box.run_cells()
        assert [run.limit for run in runs] == ["", "memory_mib", "", "", ""]
        with pytest.raises(LimitHit, match="512 MiB of memory"):
            Student(box).hold()
        assert Student(box).state() == [1, 2]


def test_a_child_that_has_ended_and_is_not_asked_how_costs_nothing() -> None:
    """Files are looked at twice a second, and who hides them for three looks is stopped."""
    cell = (
        "import os, subprocess, time\n"
        "kept = subprocess.Popen(['true'])\n"
        "if os.fork() == 0: os._exit(0)\n"
        "time.sleep(4)\nprint('done')"
    )
    with open_box(settings_of(cell_wall_s=60.0), [cell]) as box:
        [run] = box.run_cells()
    assert (run.status, run.limit) == ("ok", ""), run


def test_a_box_is_the_first_to_go_when_the_machine_is_short_of_memory(
    box_and_peak: tuple[Box, float],
) -> None:
    box, _peak = box_and_peak
    assert box.ask("def get():\n    return 1", "get", {}, {}) == 1  # its kernel is there
    assert box._driver is not None
    # From outside, for a box need not be able to read it.
    processes = box._driver._watchdog._processes()
    told = {Path(f"/proc/{pid}/oom_score_adj").read_text() for pid in processes}
    assert told == {"1000\n"}
