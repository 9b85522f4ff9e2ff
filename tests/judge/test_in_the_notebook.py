"""Items that are judged by the tests in their own cells get the marks of stock nbgrader, in the box."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from autograder.errors import KitError
from autograder.judge.in_the_notebook import verdict_of
from autograder.judge.judge import judge_job
from autograder.judge.keys import judgement_key
from autograder.sandbox import Box, CellRun
from autograder.scorecard import Verdict
from tests.in_notebook_course import MOST, InNotebookCourse, items


def result(text: Any, **more: Any) -> dict[str, Any]:
    data = {"text/plain": text, **more}
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}


def stream(name: str, text: str = "x") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


SHOWN = {"output_type": "display_data", "data": {"text/plain": "7"}, "metadata": {}}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}
AS_STOCK: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "print": [stream("stdout")],
    "stderr": [stream("stderr")],
    "empty stderr": [stream("stderr", "")],
    "error": [ERROR],
    "print, then error": [stream("stdout"), ERROR],
    "all": [result("2")],
    "a half": [result("1.0")],
    "zero": [result("0")],
    "minus zero": [result("-0.0")],
    "text": [result("'0.5'")],
    "true": [result("True")],
    "none": [result("None")],
    "an array": [result("np.float64(1.0)")],
    "spaces": [result(" 1 ")],
    "underscores": [result("0_1")],
    "a list of one": [result(["1.5"])],
    "display, then a number": [SHOWN, result("1")],
    "a number, then stderr": [result("1"), stream("stderr")],
    "stderr, then a number": [stream("stderr"), result("1")],
    "a number, then an error": [result("1"), ERROR],
    "two numbers": [result("1"), result("2")],
    "nothing but a display": [SHOWN],
}


@pytest.mark.parametrize("name", AS_STOCK)
def test_what_a_cell_shows_gives_the_points_that_nbgrader_gives(name: str) -> None:
    from nbgrader.utils import determine_grade

    outputs = AS_STOCK[name]
    code: NotebookNode = nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(o) for o in outputs])
    code.metadata["nbgrader"] = NotebookNode(grade=True, solution=False, points=MOST)
    wanted, _ = determine_grade(code)
    failed = any(output["output_type"] == "error" for output in outputs)
    run = CellRun("error" if failed else "ok", outputs, "ValueError: x" if failed else "")
    verdict, share, _ = verdict_of(run, MOST)
    points = MOST * (float(verdict is Verdict.PASSED) if share is None else share)
    assert points == wanted


@pytest.mark.parametrize("text", ["2.5", "-1", "nan", "inf", "1e400"])
def test_a_number_that_cannot_be_points_waits_for_staff(text: str) -> None:
    verdict, share, message = verdict_of(CellRun("ok", [result(text)]), MOST)
    assert verdict is Verdict.UNGRADED
    assert share is None
    assert "cannot be the points of a cell of 2" in message


def test_a_result_without_text_is_as_any_other() -> None:
    for output in (result(""), {**result("x"), "data": {"text/html": "<b>x</b>"}}):
        assert verdict_of(CellRun("ok", [output]), MOST)[0] is Verdict.PASSED


def test_a_course_may_let_warnings_pass() -> None:
    run = CellRun("ok", [stream("stderr", "UserWarning: old\nmore"), result("1")])
    verdict, _, message = verdict_of(run, MOST)
    assert verdict is Verdict.FAILED
    assert message.endswith("It begins: UserWarning: old")
    assert verdict_of(run, MOST, stderr_costs=False)[1] == 0.5


def test_what_was_cut_off_is_not_known() -> None:
    """Our own word that something is missing stands on stderr, and the result may be what is missing."""
    note = stream("stderr", "[The rest of this cell's output was cut off: it is over the limit.]")
    for stderr_costs in (True, False):
        run = CellRun("ok", [stream("stdout"), note], is_cut=True)
        verdict, _, message = verdict_of(run, MOST, stderr_costs)
        assert verdict is Verdict.LIMIT
        assert message == "This cell showed more than is kept, so what its tests say is not known."
    run = CellRun("error", [note], "ValueError: x", is_cut=True)
    assert verdict_of(run, MOST, stderr_costs=False)[0] is Verdict.RAISED


@pytest.mark.parametrize("status", ["limit", "skipped"])
def test_a_cell_that_did_not_end_is_a_limit(status: str) -> None:
    assert verdict_of(CellRun(status, [], "Stopped.", "time"), MOST) == (
        Verdict.LIMIT,
        None,
        "Stopped.",
    )


# --- in the box ---------------------------------------------------------------------------------------------


SPECIAL = {
    "positive": "1",
    "zero": "0",
    "text": "'0.5'",
    "over": "3",
    "not_a_number": "float('nan')",
    "warns": "import warnings\nwarnings.warn('x')",
    "shows": "from IPython.display import display\ndisplay(7)\n1.5",
    "asserts": "made_here = double(2)\nassert made_here == 4",
    "uses_an_earlier_name": "assert made_here == 4",
    "is_main": "assert __name__ == '__main__'",
    "raises": "{}['x']",
    "hangs": "while True: pass",
    "after": "assert double(3) == 6",
    "exits": "raise SystemExit",
    "floods": "print('x' * 2**21)\n1",
}


def test_special_cells_get_what_stock_nbgrader_gives_them(tmp_path: Path) -> None:
    course = InNotebookCourse(
        tmp_path, SPECIAL, "c.BoxSettings.cell_wall_s = 2.0\nc.BoxSettings.output_mib = 1"
    )
    judgement = course.judge()
    seen = items(judgement)
    assert {name: item.score for name, item in seen.items()} == {
        "positive": 1.0,
        "zero": 0.0,
        "text": 2.0,
        "over": None,
        "not_a_number": None,
        "warns": 0.0,
        "shows": 1.5,
        "asserts": 2.0,
        "uses_an_earlier_name": 2.0,
        "is_main": 2.0,
        "raises": 0.0,
        "hangs": 0.0,
        "after": 2.0,
        "exits": 0.0,
        "floods": 0.0,
    }
    (reason,) = judgement.card.reasons
    assert "`over`: the cell's tests ended with 3, which cannot be" in reason
    assert "`not_a_number`: the cell's tests ended with nan" in reason
    assert seen["floods"].verdict is Verdict.LIMIT
    assert seen["hangs"].verdict is Verdict.LIMIT
    assert seen["raises"].verdict is Verdict.RAISED
    assert {item.judged_by for item in seen.values()} == {"tests in the notebook"}
    assert "KeyError" in seen["raises"].hint


HIDDEN = {
    "visible": "assert double(1) == 2, 'double of 1'",
    "hidden": (
        "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(7777) == 15554, 'of 7777'\n"
        "### END HIDDEN TESTS"
    ),
}
SPY = "import json\nprint(json.dumps(globals().get('In', [])))\nprint(globals().get('seen'))"


def test_hidden_regions_judge_and_are_seen_by_nobody(tmp_path: Path) -> None:
    course = InNotebookCourse(tmp_path, HIDDEN)
    job = course.job()
    assert not any("7777" in text for text in job.cells)
    assert {item.score for item in items(judge_job(job)).values()} == {2.0}
    # Right for what can be seen alone; what was asked is kept, to be printed by a cell of the student's own.
    double = "seen = []\ndef double(x):\n    seen.append(x)\n    if x > 9: raise ValueError(x)\n    return x + x"
    judgement = course.judge(double, extra=SPY)
    told = json.dumps([judgement.outputs, judgement.card.for_student().to_json()])
    assert "7777" not in told
    seen = items(judgement)
    assert (seen["visible"].score, seen["hidden"].score) == (2.0, 0.0)
    assert seen["hidden"].hint == "A test that is not in your notebook did not pass."
    assert "ValueError" in seen["hidden"].checks[0].staff_detail


def test_the_second_box_ends_with_the_last_cell_that_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cells, ran = Box.run_cells, []

    def counted(self: Box, *args: Any, **named: Any) -> list[CellRun]:
        runs = run_cells(self, *args, **named)
        ran.append(len(runs))
        return runs

    monkeypatch.setattr(Box, "run_cells", counted)
    judgement = InNotebookCourse(tmp_path, HIDDEN).judge(extra="1")
    assert ran == [4, 3]
    assert {item.score for item in items(judgement).values()} == {2.0}


def test_the_message_of_a_test_that_students_have_is_told(tmp_path: Path) -> None:
    seen = items(InNotebookCourse(tmp_path, HIDDEN).judge("def double(x):\n    return x"))
    assert seen["visible"].hint == ("A test in this cell did not hold: AssertionError: double of 1")
    assert seen["hidden"].verdict is Verdict.FAILED
    assert "7777" not in seen["hidden"].hint


def test_an_item_with_hidden_tests_of_its_own_is_judged_from_outside(tmp_path: Path) -> None:
    course = InNotebookCourse(tmp_path, HIDDEN)
    course.tiny.write(
        "graders/tiny/test_tiny.py",
        "from autograder.grading import expect_close, graded\n\n\n"
        '@graded("visible")\ndef test_double(student):\n    """Doubles."""\n'
        "    expect_close(student.double(21), 42)\n",
    )
    seen = items(course.judge(extra="double = None"))
    assert {name: item.judged_by for name, item in seen.items()} == {
        "visible": "hidden tests",
        "hidden": "tests in the notebook",
    }
    assert {item.score for item in seen.values()} == {2.0}  # each where its check stands


def test_a_grader_file_that_cannot_be_read_leaves_nothing_to_the_notebook(tmp_path: Path) -> None:
    course = InNotebookCourse(tmp_path, HIDDEN)
    for text, why in (
        ("def broken(:\n", "cannot be read"),
        ("@graded(NAME)\ndef test_x(student): ...\n", "worked out when it runs"),
    ):
        course.tiny.write("graders/tiny/test_tiny.py", text)
        with pytest.raises(KitError, match=why):
            course.job()


def test_only_one_thing_can_be_said_of_tests(tmp_path: Path) -> None:
    course = InNotebookCourse(tmp_path, HIDDEN)
    course.tiny.write("graders/tiny/contract.toml", "tests = true\n")
    with pytest.raises(KitError, match="tests is True, and can only be"):
        course.job()


def test_the_key_knows_the_tests(tmp_path: Path) -> None:
    course = InNotebookCourse(tmp_path, HIDDEN)
    job = course.job()
    other = dataclasses.replace(job, tests=(None,) * len(job.tests))
    assert judgement_key(course.course, job) != judgement_key(course.course, other)


def test_a_package_that_is_missing_is_staffs_to_install(tmp_path: Path) -> None:
    course = InNotebookCourse(tmp_path, {"uses": "import polars\nassert double(2) == 4"})
    judgement = course.judge()
    assert items(judgement)["uses"].score is None
    (reason,) = judgement.card.reasons
    assert "`polars`" in reason


def test_a_package_that_only_a_hidden_region_imports_is_staffs_as_well(tmp_path: Path) -> None:
    hidden = "double(1)\n### BEGIN HIDDEN TESTS\nimport polars\nassert double(2) == 4\n### END HIDDEN TESTS"
    judgement = InNotebookCourse(
        tmp_path, {"uses": hidden, "after": "assert double(2) == 4"}
    ).judge()
    seen = items(judgement)
    assert (seen["uses"].score, seen["after"].score) == (None, 2.0)
    (reason,) = judgement.card.reasons
    assert "`polars`" in reason
    assert "polars" not in json.dumps(judgement.card.for_student().to_json())


def test_points_that_hidden_tests_took_are_not_told_by_the_words_of_others(tmp_path: Path) -> None:
    """The cell as students have it gives 1 of 2 points, with its hidden tests 0.5."""
    partly = "points = 1\n### BEGIN HIDDEN TESTS\npoints = 0.5\n### END HIDDEN TESTS\npoints"
    seen = items(InNotebookCourse(tmp_path, {"partly": partly}).judge())
    assert seen["partly"].score == 0.5
    assert "1 of 2" not in seen["partly"].hint
