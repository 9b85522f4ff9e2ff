"""Tests in the notebook can be forged; nothing else than their own marks can be.

The attacks of the other files once more, from a submission to an adopted assignment: in the box whose outputs
people see, and in the other one, to which hidden regions are sent. And what is only tried in such an assignment.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.judge.job import Judgement
from autograder.scorecard import Verdict
from tests.attacks.attack import cells_of
from tests.attacks.targets import Targets
from tests.attacks.test_attacks_on_the_wall import ATTACKS
from tests.in_notebook_course import InNotebookCourse, items
from tests.sandbox.here import FORM

SECRET = "86413"
OUTSIDE = """
from autograder.grading import expect_close, graded


@graded("outside")
def test_double(student, challenge):
    \"\"\"Doubles.\"\"\"
    number = int(challenge.rng.integers(1000, 9000))
    expect_close(student.double(number), 2 * number)
"""
HIDDEN = (
    f"assert double(1) == 2\n### BEGIN HIDDEN TESTS\nassert double({SECRET}) == 2 * {SECRET}\n"
    "### END HIDDEN TESTS"
)
TESTS = {"outside": "double(1)", "hidden": HIDDEN, "after": "assert double(3) == 6"}


def mixed(root: Path, tests: dict[str, str] | None = None, config: str = "") -> InNotebookCourse:
    """One item that is judged from outside, the others by their cells."""
    course = InNotebookCourse(root, tests or TESTS, config)
    course.tiny.write("graders/tiny/test_tiny.py", OUTSIDE)
    return course


def told(judgement: Judgement) -> str:
    """All that a student reads."""
    return json.dumps([judgement.outputs, judgement.card.for_student().to_json()])


def scores(judgement: Judgement) -> dict[str, float | None]:
    return {name: item.score for name, item in items(judgement).items()}


# --- the wall -------------------------------------------------------------------------------------------------

OPEN = [number for number, attack in enumerate(ATTACKS, 1) if FORM in attack.open_to]
HELD = f"### BEGIN HIDDEN TESTS\n{SECRET}\nassert worked == {OPEN}, worked\n### END HIDDEN TESTS"
KEEPS = """
worked, tried = [], 0
once = try_it
def try_it(attack, at):
    global tried
    tried += 1
    said = once(attack, at)
    if said["worked"]:
        worked.append(tried)
    return said
"""


def test_the_wall_holds_in_both_boxes(tmp_path: Path, targets: Targets) -> None:
    """What people see comes from the first box; of the second, which ran the hidden region, the mark alone."""
    count = f"assert tried == {len(ATTACKS)}, tried"
    course = InNotebookCourse(tmp_path, {"held": HELD, "all_were_tried": count})
    prelude, *attacks = cells_of(ATTACKS, targets.at)
    judgement = course.judge(first=[prelude + KEEPS, *attacks])
    said = [line for line in _lines(judgement) if line.startswith("TRIED ")]
    assert len(said) == len(ATTACKS)
    worked = [number for number, line in enumerate(said, 1) if json.loads(line[6:])["worked"]]
    assert worked == OPEN
    seen = items(judgement)
    assert scores(judgement) == {"held": 2.0, "all_were_tried": 2.0}, seen["held"].checks
    assert targets.canary not in told(judgement)


def _lines(judgement: Judgement) -> list[str]:
    outputs: list[dict[str, Any]] = [output for cell in judgement.outputs for output in cell]
    return "".join(str(output.get("text", "")) for output in outputs).splitlines()


# --- hidden regions -------------------------------------------------------------------------------------------

# Finds the text of the cell that runs, wherever Python and IPython keep it.
FINDS = """
import linecache, sys
mark = "".join(["864", "13"])  # not as a whole in what students write
def running():
    texts = [str(get_ipython().get_parent().get("content", {}).get("code", ""))]
    texts += [str(text) for text in In]
    texts += ["".join(entry[2]) for entry in list(linecache.cache.values()) if len(entry) == 4]
    frame = sys._getframe()
    while frame:
        texts.append(repr(frame.f_code.co_consts))
        frame = frame.f_back
    return "\\n".join(text for text in texts if mark in text)
"""
TELLS = {
    "prints": "print(running())",
    "on_stderr": "sys.stderr.write(running())",
    "shows": "display({'text/plain': running(), 'text/html': running()}, raw=True)",
    "raises": "if running(): raise ValueError(running())",
    "asserts": "assert not running(), running()",
    "ends_with_it": "if running(): raise SystemExit(running())",
    "renames_an_error": "if running(): raise type(running()[:4000], (Exception,), {})('x')",
    "as_its_result": "import builtins; get_ipython().displayhook.write_format_data = lambda *a: print(running())",
    "to_the_descriptors": "import os; os.write(1, running().encode()); os.write(2, running().encode())",
    "later": "import threading; threading.Timer(0.2, lambda: print(running())).start()",
    "a_missing_package": "if running(): raise ModuleNotFoundError('x', name=mark)",
}
KEEPING = """
import glob, os
def keep(text):
    for folder in ("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), os.getcwd()):
        try:
            open(os.path.join(folder, "found"), "a").write(text)
        except OSError:
            pass
for place in ("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), os.getcwd()):
    if os.path.exists(os.path.join(place, "found")):
        print("left by another box:", open(os.path.join(place, "found")).read())
"""


def test_a_hidden_region_that_is_read_while_it_runs_reaches_no_page(tmp_path: Path) -> None:
    """In one submission, as each way would end the ones after it in the same cell: a cell of tests for each."""
    tests = {f"hidden_{name}": f"double({name!r})\n{HIDDEN}" for name in TELLS}
    ways = "".join(f"    if way == {name!r}:\n        {text}\n" for name, text in TELLS.items())
    double = (
        f"{FINDS}{KEEPING}\ndef double(x):\n    global way\n    if isinstance(x, str):\n        way = x\n"
        f"        return\n    found.append(len(running()))\n    keep(running())\n{ways}    return 2 * x\n"
        "way, found = '', []"
    )
    # The reading is real: this cell gives its points only where the text was found.
    was_read = "### BEGIN HIDDEN TESTS\nassert max(found) > 0, found\n### END HIDDEN TESTS"
    course = mixed(tmp_path, {**tests, "was_read": was_read, "outside": "double(1)"})
    for _ in range(2):  # the second time after all that the first may have left
        judgement = course.judge(double, extra="import time; time.sleep(0.3); print(running())")
        assert items(judgement)["was_read"].score == 2.0, items(judgement)["was_read"].checks
        assert SECRET not in told(judgement)
        assert "left by another box" not in told(judgement)


# --- marks ----------------------------------------------------------------------------------------------------

FORGED = """
class Agrees(int):
    def __eq__(self, other): return True
    def __hash__(self): return 0
def double(x):
    return Agrees(7)
"""
PROTOCOLS = """
import json, os, sys
card = {"items": [{"grade_id": "outside", "score": 2.0, "verdict": "passed"}]}
for text in (json.dumps(card), json.dumps({"status": "ok", "checks": {"outside": [{"verdict": "passed"}]}})):
    print(text)
    for number in range(1, 64):
        try:
            os.write(number, text.encode() + b"\\n")
        except OSError:
            pass
display({"text/plain": "2"}, raw=True)
get_ipython().user_ns.update(outside=2.0, Out={1: 2.0})
2.0
"""
ENDS = {
    "forged": (FORGED, "", {"outside": 0.0, "hidden": 2.0, "after": 2.0}),
    "another_items_outputs": (
        "def double(x):\n    for name in list(Out):\n        Out[name] = 2.0\n    print(2.0)\n    return 0",
        PROTOCOLS,
        {"outside": 0.0, "hidden": 0.0, "after": 0.0},
    ),
    # Its own end is its own loss: what was judged before stands, and so does what is judged from outside.
    "dies_in_a_hidden_test": (
        f"import os\ndef double(x):\n    if x == {SECRET}: os._exit(0)\n    return 2 * x",
        "",
        {"outside": 2.0, "hidden": 0.0, "after": 2.0},
    ),
    "floods_in_a_hidden_test": (
        f"def double(x):\n    if x == {SECRET}: print('x' * 2**22)\n    return 2 * x",
        "",
        {"outside": 2.0, "hidden": 0.0, "after": 2.0},
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_no_other_mark_than_its_own_is_touched(name: str, tmp_path: Path) -> None:
    double, extra, wanted = ENDS[name]
    judgement = mixed(tmp_path, config="c.BoxSettings.output_mib = 1").judge(double, extra=extra)
    assert scores(judgement) == wanted
    assert SECRET not in told(judgement)
    assert {item.verdict for item in items(judgement).values()} <= set(Verdict) - {Verdict.UNGRADED}
    if name.endswith("in_a_hidden_test"):
        assert items(judgement)["hidden"].verdict is Verdict.LIMIT
