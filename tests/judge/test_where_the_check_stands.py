"""A function that is right where its check stands keeps its points, whatever stands around it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course, GradeCell, load_course
from autograder.errors import BoxFailed
from autograder.grading.student import Student
from autograder.judge import looks
from autograder.judge.judge import judge_job
from autograder.judge.left_behind import is_as_before
from autograder.judge.second_look import better
from autograder.judge.submission import read_submission
from autograder.sandbox import Box, BoxSettings, open_box
from autograder.scorecard import Check, Item, NotebookCard, Verdict
from tests.tiny_course import TinyCourse, cell, notebook

SPREAD = "def spread(numbers):\n    return math.sqrt(np.var(numbers))"
SLOPE = """
def slope(at):
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 3.0)
    x = torch.tensor([float(at)], requires_grad=True)
    layer(x).square().sum().backward()
    return x.grad.item()
"""
GRADERS = '''
from autograder.grading import expect_close, graded


@graded("spread_tests")
def test_spread(student, challenge):
    """The spread of some numbers."""
    numbers = challenge.rng.random(7)
    expect_close(student.spread(numbers.tolist()), numbers.std(), atol=1e-4)


@graded("spread_tests", weight=2)
def test_no_spread(student):
    """Numbers that are all alike have none."""
    expect_close(student.spread([2.0, 2.0]), 0.0)


@graded("slope_tests")
def test_slope(student, challenge):
    """The slope at a place.

    Is it the derivative of the square?
    """
    at = float(challenge.rng.random())
    expect_close(student.slope(at), 18 * at, atol=1e-2)


@graded("slope_tests", weight=3)
def test_slope_at_the_bottom(student):
    """At 0 it is flat."""
    expect_close(student.slope(0.0), 0.0)
'''
CONFIG = """
c.BoxSettings.cell_wall_s = 2.0
c.BoxSettings.probe_wall_s = 2.0
c.BoxSettings.notebook_wall_s = 60.0
"""
FULL = {"spread_tests": 3.0, "slope_tests": 4.0}


def solution(text: str) -> str:
    head, _, body = text.strip().partition("\n")
    return f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"


class Class:
    """The submissions of one course: each is judged in this process, and its boxes are counted."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._tiny = TinyCourse(root, CONFIG)
        self._tiny.write("graders/tiny/test_tiny.py", GRADERS)
        locked = {"grade": True, "locked": True}
        source = notebook(
            cell("code", "import math\nimport numpy as np\nimport torch", "setup", locked=True),
            cell("code", solution(SPREAD), "spread", solution=True),
            cell("code", "assert spread([1, 1]) < 1", "spread_tests", points=3, **locked),
            cell("code", solution(SLOPE), "slope", solution=True),
            cell("code", "assert slope(0) < 1", "slope_tests", points=4, **locked),
        )
        self._tiny.write("source/tiny/tiny.ipynb", json.dumps(source))
        self.course: Course = load_course(root)
        self._source = source
        self.boxes: list[Box] = []
        self.stub = self.course.notebooks("tiny")["tiny"].released_cells()["slope"].source

        @contextmanager
        def counted(*args: Any, **kwargs: Any) -> Iterator[Box]:
            with open_box(*args, **kwargs) as box:
                self.boxes.append(box)
                yield box

        monkeypatch.setattr(looks, "open_box", counted)

    def judge(
        self, last: str = "", spread: str = SPREAD, slope: str = SLOPE, first: str = ""
    ) -> NotebookCard:
        """Judge a notebook with these solutions, and with cells of the student's own at its ends."""
        cells = [dict(entry) for entry in self._source["cells"]]
        cells[1]["source"], cells[3]["source"] = spread, slope
        cells[:0] = [cell("code", first)] if first else []
        cells += [cell("code", textwrap.dedent(last))] if last else []
        made = notebook(*({k: v for k, v in entry.items() if k != "id"} for entry in cells))
        file = self._tiny.write("submitted/ada/tiny/tiny.ipynb", json.dumps(made))
        job = read_submission(self.course, "tiny", "ada", file.parent).jobs["tiny"]
        self.boxes.clear()
        judgement = judge_job(job)
        self.outputs = judgement.outputs
        return judgement.card.notebooks[0]


@pytest.fixture(scope="module")
def students(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Class(tmp_path_factory.mktemp("course"), monkeypatch)


def points(card: NotebookCard, reason: str = "") -> dict[str, float | None]:
    assert (reason in (card.reason or "")) if reason else card.reason is None, card.reason
    return {item.grade_id: item.score for item in card.items}


def messages(card: NotebookCard) -> str:
    return str([(item.verdict, item.hint) for item in card.items])


LAST = {
    "the function's name for its result": "slope = slope(1.0)",
    "an import's name in a loop": "for np in range(3): pass",
    "a class of the same name": "class math: pass",
    "everything of another module": "from cmath import *\nmath = torch = 0",
    "deletes functions and imports": "del slope, spread, torch",
    "empties the notebook": "%reset -f",
    "removes modules": "import sys\nfor name in list(sys.modules):\n    if name.startswith(('numpy', 'torch')): del sys.modules[name]\ndel np, torch",
    "other layers": "torch.nn.Linear = torch.nn.Identity",
    "other initial values": "torch.nn.init.constant_ = torch.nn.init.zeros_",
    "another NumPy": "np.var = lambda numbers: 1 / 0",
    "another builtin": "import builtins\nbuiltins.float = str",
    "half precision": "torch.set_default_dtype(torch.bfloat16)\nnp.var = None",
    "no gradients": "torch.set_grad_enabled(False)",
    "inference mode": "torch.inference_mode().__enter__()",
    "another device": "torch.set_default_device('meta')",
    "a seed, and deterministic": "torch.manual_seed(1)\ntorch.use_deterministic_algorithms(True)",
    "no warnings": "import warnings\nwarnings.simplefilter('error')",
    "elsewhere, without a path": "import os, sys\nos.chdir('/')\nsys.path.clear()\nsys.modules.pop('box_probe')",
    "little recursion": "import sys\nsys.setrecursionlimit(60)",
    "no memory left": "import resource\nresource.setrlimit(resource.RLIMIT_DATA, (1, 1))\nbytes(2**24)",
    "no descriptors left": "import os\nos.closerange(3, 200)",
    "a thread that spoils": (
        "import threading, time\ndef spoil():\n    while True:\n"
        "        globals().update(slope=None)\n        time.sleep(0.01)\n"
        "threading.Thread(target=spoil, daemon=True).start()"
    ),
    "a tracer": "import sys\ndef trace(*_): raise ValueError\nsys.settrace(trace)",
    "raises SystemExit": "del slope\nraise SystemExit",
    "raises KeyboardInterrupt": "del slope\nraise KeyboardInterrupt",
    "does not end": "slope = None\nwhile True: pass",
    "says exit": "exit",
    "says quit()": "quit()",
    "shuts the kernel down": "get_ipython().kernel.do_shutdown(False)",
    "stops the loop": "import asyncio\nasyncio.get_event_loop().stop()",
    "ends the process": "import os\nos._exit(0)",
    "ends it a moment later": "import os, threading\nthreading.Timer(0.1, os._exit, (0,)).start()",
}  # fmt: skip


@pytest.mark.parametrize("last", LAST.values(), ids=LAST)
def test_a_later_cell_costs_nothing(last: str, students: Class) -> None:
    card = students.judge(last)
    assert points(card) == FULL, messages(card)


LEFT_BEHIND = {
    "gradients off": "torch.set_grad_enabled(False)",
    "other layers": "torch.nn.Linear = None",
    "an import's name": "globals().update(torch=None)",
    "no warnings": "__import__('warnings').simplefilter('error')",
    "exit": "exit()",
}


@pytest.mark.parametrize("line", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_what_a_function_leaves_behind_costs_no_other(line: str, students: Class) -> None:
    """The check of `spread` in the notebook calls it above `slope`, too."""
    body = f"def spread(numbers):\n    {line}\n    return math.sqrt(np.var(numbers))"
    card = students.judge(spread=body)
    assert points(card) == FULL, messages(card)


def test_one_that_fails_and_leaves_something_behind_costs_itself(students: Class) -> None:
    """Both are looked at again, and the hidden tests of the first would spoil the box for the second."""
    card = students.judge(
        spread="def spread(numbers):\n    torch.set_default_device('meta')\n    return 7.0"
    )
    assert points(card) == {**FULL, "spread_tests": 0.0}, messages(card)
    assert len(students.boxes) == 3


def test_wrong_functions_that_leave_nothing_behind_share_a_box(students: Class) -> None:
    """Imports within a function, figures and random numbers are nothing that others stumble over."""
    spread = "def spread(numbers):\n    import csv, torch.fx\n    torch.rand(3)\n    return 7.0"
    card = students.judge(spread=spread, slope=SLOPE.replace("square", "exp"))
    assert points(card) == dict.fromkeys(FULL, 0.0)
    assert len(students.boxes) == 2


def test_a_second_box_that_fails_is_ours_and_touches_no_other_item(
    students: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = vars(looks)["open_box"]

    def fails(*args: Any, **kwargs: Any) -> Any:
        if students.boxes:
            raise BoxFailed("no kernel came up")
        return counted(*args, **kwargs)

    monkeypatch.setattr(looks, "open_box", fails)
    card = students.judge(last="slope = 3")
    assert points(card, "no kernel came up") == {"spread_tests": 3.0, "slope_tests": None}
    (check,) = card.items[1].checks
    assert check.verdict is Verdict.UNGRADED
    assert "no kernel came up" in check.staff_detail


def test_a_thing_that_took_the_place_of_another_is_a_change() -> None:
    """It may well have the other's id, too."""
    again = "def again():\n    global thing\n    del thing\n    thing = Thing()"
    with open_box(BoxSettings(), ["class Thing: pass\nthing = Thing()", again]) as box:
        box.run_cells()
        assert [is_as_before(box) for _ in range(3)] == [False, True, True]
        Student(box).again()
        assert not is_as_before(box)


HANGS = {"hangs": "while True: pass", "sleeps": "__import__('time').sleep(1e6)"}


def costs_itself(line: str, students: Class) -> NotebookCard:
    card = students.judge(spread=f"def spread(numbers):\n    {line}", last="spread([1])")
    assert points(card) == {**FULL, "spread_tests": 0.0}, messages(card)
    assert card.items[0].verdict is Verdict.LIMIT
    assert len(students.boxes) == 1, "where the check stands, it did the same"
    return card


def test_a_function_that_dies_costs_itself(students: Class) -> None:
    costs_itself("__import__('os')._exit(1)", students)


@pytest.mark.parametrize("line", HANGS.values(), ids=HANGS)
def test_a_function_that_hangs_costs_itself_and_gets_its_time_once(
    line: str, students: Class
) -> None:
    card = costs_itself(line, students)
    stops = [run.message for run in students.boxes[0].runs if run.limit]
    stops += [check.message for check in card.items[0].checks]
    assert [text.partition(" in ")[0].partition(" while ")[0] for text in stops] == [
        "Stopped after 2 seconds",  # its check in the notebook
        "Stopped after 1 second",  # the student's own call; with a minute for each, three seconds
        "Stopped after 1 second",  # a hidden test
        "This check was not tried: the ones before it did not end, or ended the kernel.",
    ]


def test_who_calls_what_hangs_is_stopped_soon(students: Class) -> None:
    calls = SLOPE.replace("return", "spread([1])\n    return")
    card = students.judge(spread="def spread(numbers):\n    while True: pass", slope=calls)
    assert points(card) == {"spread_tests": 0.0, "slope_tests": 0.0}
    assert "ran out of time before" in card.items[1].hint


BETWEEN = {
    "quit()": "quit()",
    "exit": "exit",
    "the loop": "import asyncio\nasyncio.get_event_loop().stop()",
}


@pytest.mark.parametrize("line", BETWEEN.values(), ids=BETWEEN)
def test_a_cell_that_asks_the_kernel_to_end_keeps_what_it_defines(
    line: str, students: Class
) -> None:
    slow = SPREAD.replace("    return", "    __import__('time').sleep(0.3)\n    return")
    card = students.judge(spread=f"{slow}\n\n\n{line}", slope=f"{SLOPE}\n{line}")
    assert points(card) == FULL, messages(card)
    assert len(students.boxes) == 1


def test_a_death_some_moments_later_is_the_fault_of_its_cell_alone(students: Class) -> None:
    slow = SPREAD.replace("    return", "    __import__('time').sleep(0.3)\n    return")
    first = "import os, threading\nthreading.Timer(0.2, os._exit, (0,)).start()"
    card = students.judge(first=first, spread=slow)
    assert points(card) == FULL, messages(card)
    statuses = [run.status for run in students.boxes[0].runs]
    assert statuses == ["limit", *["ok"] * 5]


HELPERS = {
    "a function": ("helper(numbers)", "def helper(x): return np.var(x)"),
    "a class": (
        "Helper(numbers).var",
        "class Helper:\n    def __init__(self, x): self.var = np.var(x)",
    ),
    "an import": ("statistics.pvariance(numbers)", "import statistics"),
    "a value": ("np.var(numbers, dtype=kind)", "kind = np.float64"),
    "two steps away": (
        "helper(numbers)",
        "def helper(x): return other(x)\nother = lambda x: np.var(x)",
    ),
}


@pytest.mark.parametrize("name", HELPERS)
def test_what_a_function_needs_may_stand_further_down(name: str, students: Class) -> None:
    used, below = HELPERS[name]
    card = students.judge(last=below, spread=f"def spread(numbers):\n    return math.sqrt({used})")
    assert points(card) == FULL, messages(card)


OTHER_NETS = {
    "nowhere else": "",
    "within a function of another cell": "def other():\n    given = 1",
    "above, with another value": "given = None",
}


@pytest.mark.parametrize("first", OTHER_NETS.values(), ids=OTHER_NETS)
@pytest.mark.parametrize("last", ["slope = None", "given = slope = None"])
def test_a_name_that_a_check_gives_is_there(first: str, last: str, tmp_path: Path) -> None:
    """Then the check runs in the second look as well."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        other = Class(tmp_path, monkeypatch)
        check = next(c for c in other._source["cells"] if c["source"].startswith("assert spread"))
        check["source"] = "given = 3.0\n" + check["source"]
        other._tiny.write("source/tiny/tiny.ipynb", json.dumps(other._source))
        other.course = load_course(other._tiny.root)
        card = other.judge(slope=SLOPE.replace("3.0", "given"), last=last, first=first)
    assert points(card) == FULL, messages(card)


def test_a_function_of_a_file_that_is_run_counts_where_its_check_stands(students: Class) -> None:
    """Its stub is as it was released, and no name can be read in the cell that runs the file."""
    mine = students._tiny.write("submitted/ada/tiny/mine.py", f"import torch\n{SLOPE}")
    card = students.judge(slope=students.stub, first="%run mine.py", last="del slope")
    mine.unlink()
    assert points(card) == FULL, messages(card)


def test_a_right_submission_costs_one_box(students: Class) -> None:
    assert points(students.judge()) == FULL
    assert len(students.boxes) == 1


def test_a_stub_costs_one_box(students: Class) -> None:
    card = students.judge(slope=students.stub)
    assert points(card) == {**FULL, "slope_tests": 0.0}
    assert len(students.boxes) == 1


def test_a_function_written_in_a_block_above_its_untouched_stub_counts(students: Class) -> None:
    """A later cell deletes it, so only the second look sees it."""
    card = students.judge(spread=f"{SPREAD}\n{SLOPE}", slope=students.stub, last="del slope")
    assert points(card) == FULL, messages(card)


def test_a_wrong_function_is_told_why_as_before(students: Class) -> None:
    wrong = SLOPE.replace("square()", "exp()")
    card = students.judge(slope=wrong)
    assert points(card) == {**FULL, "slope_tests": 0.0}
    assert "derivative of the square" in card.items[1].hint
    assert len(students.boxes) == 2
    hidden = students.judge(slope=wrong, last="slope = None")
    assert "derivative of the square" in hidden.items[1].hint, "not that None cannot be called"


def test_marks_and_words_repeat(students: Class) -> None:
    last = "del slope\nnp.var = None"
    cards = [students.judge(last, slope=SLOPE.replace("18", "1")) for _ in range(2)]
    assert cards[0] == cards[1]


def test_people_see_the_outputs_of_the_first_look(students: Class) -> None:
    students.judge(last="print('once')\ndel slope", slope=SLOPE + "\nprint('each time')")
    assert len(students.boxes) == 2
    texts = [[output.get("text") for output in cell] for cell in students.outputs]
    assert texts == [[], [], [], ["each time\n"], [], ["once\n"]]


CELL = GradeCell("a", 4.0, False, "a")


def checks(*verdicts: Verdict) -> tuple[Check, ...]:
    return tuple(Check(f"t{n}", "", verdict) for n, verdict in enumerate(verdicts))


P, F, R, U = Verdict.PASSED, Verdict.FAILED, Verdict.RAISED, Verdict.UNGRADED


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((P, F), (F, P), "second"),  # as many points: where the check stands
        ((P, F), (P, R), "first"),  # the one that ran to its end tells more
        ((R, R), (F, R), "second"),
        ((P, F), (F, F), "first"),
        ((F, F), (P, F), "second"),
        ((F, F), (U, P), "second"),  # our fault is no zero
        ((F, F), (), "first"),
    ],
)
def test_the_better_look_counts_as_a_whole(
    first: tuple[Verdict, ...], second: tuple[Verdict, ...], expected: str
) -> None:
    looks = {"first": checks(*first), "second": checks(*second)}
    chosen = better(CELL, looks["first"], looks["second"])
    verdicts = [check.verdict for check in chosen]
    assert verdicts == [check.verdict for check in looks[expected]]


def test_staff_read_that_an_item_was_judged_at_its_check() -> None:
    chosen = better(CELL, checks(R, R), checks(P, P))
    assert "where its check stands" in chosen[0].staff_detail
    assert Item("a", 4.0, checks=chosen).hint == ""
