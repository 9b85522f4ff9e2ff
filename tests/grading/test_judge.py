"""How each end of a hidden test becomes a verdict, and weights become points."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import (
    BadReply,
    BoxFailed,
    KitError,
    LimitHit,
    NameMissing,
    StudentFault,
    StudentRaised,
)
from autograder.grading.plugin import Judged, judge
from autograder.scorecard import Check, Item, NotebookCard, Scorecard, Verdict


class StubBox:
    """Answers every probe by raising, or with a value."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        del source, function, names, data
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


HEAD = """
import pytest
from autograder.grading import Mismatch, expect, expect_close, graded, probe
"""


def judged(tmp_path: Path, tests: str, answer: Any = None) -> Judged:
    path = tmp_path / "test_one.py"
    path.write_text(HEAD + textwrap.dedent(tests))
    return judge(path, StubBox(answer), b"secret", "submission")


def only(result: Judged) -> Check:
    (checks,) = result.checks.values()
    (check,) = checks
    return check


PASSED, FAILED, RAISED, LIMIT, UNGRADED = Verdict

ENDS = {
    "nothing": ("pass", PASSED),
    "Mismatch": ("raise Mismatch('Rows should sum to 1.')", FAILED),
    "expect": ("expect(False, 'No.')", FAILED),
    "assert": ("assert 1 == 2", FAILED),
    "pytest.fail": ("pytest.fail('the answer is 42')", FAILED),
    "pytest.raises": ("with pytest.raises(ValueError): pass", FAILED),
    "our error": ("1 / 0", UNGRADED),
    "skip": ("pytest.skip('not today')", UNGRADED),
    "xfail": ("pytest.xfail('known')", UNGRADED),
    "importorskip": ("pytest.importorskip('no_such_module')", UNGRADED),
    "SystemExit": ("raise SystemExit(0)", UNGRADED),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", UNGRADED),
    "pytest.exit": ("pytest.exit('enough')", UNGRADED),
    "GeneratorExit": ("raise GeneratorExit", UNGRADED),
    "RecursionError": ("def f(): f()\n    f()", UNGRADED),
    "MemoryError": ("raise MemoryError", UNGRADED),
    "a group of errors": ("raise ExceptionGroup('x', [Mismatch('y')])", UNGRADED),
}


@pytest.mark.parametrize(("body", "verdict"), ENDS.values(), ids=ENDS)
def test_an_end_has_its_verdict(body: str, verdict: Verdict, tmp_path: Path) -> None:
    tests = f'@graded("a")\ndef test_it():\n    """Row."""\n    {body}\n'
    check = only(judged(tmp_path, tests))
    assert check.verdict is verdict
    assert (check.staff_detail == "") == (verdict is PASSED)
    place = f"test_it in {tmp_path.name}/test_one.py"
    said = tuple(f"{place} {how}" for how in ("ended with ", "did not run, or not to its end"))
    assert check.staff_detail.startswith(said) is (verdict is UNGRADED)


FAULTS = {
    "a name missing": (NameMissing("double"), FAILED, "no `double`"),
    "a bad reply": (BadReply("No plain data."), FAILED, "No plain data."),
    "a raise": (StudentRaised("ValueError", "bad shape"), RAISED, "ValueError: bad shape"),
    "a stub": (StudentRaised("NotImplementedError", ""), RAISED, "still a stub"),
    "a stub with words": (
        StudentRaised(
            "NotImplementedError", "to do", "line 2: `raise NotImplementedError('to do')`"
        ),
        RAISED,
        "still a stub",
    ),
    "torch's own": (
        StudentRaised("NotImplementedError", "No such operator", "line 2: `return net(images)`"),
        RAISED,
        "raised NotImplementedError, line 2: `return net(images)`: No such operator",
    ),
    "an abstract method": (
        StudentRaised("NotImplementedError", "", "line 5: `for image in data:`"),
        RAISED,
        "raised NotImplementedError, line 5: `for image in data:`",
    ),
    "one whose text names the error": (
        StudentRaised("NotImplementedError", "", "line 3: `reraise(NotImplementedError)`"),
        RAISED,
        "raised NotImplementedError, line 3: `reraise(NotImplementedError)`",
    ),
    "a limit": (LimitHit("probe_wall_s", "Stopped after 60 seconds."), LIMIT, "60 seconds"),
    "another fault": (StudentFault("Something."), FAILED, "Something."),
    "our box": (BoxFailed("No kernel."), UNGRADED, ""),
    "our kit": (KitError("Broken."), UNGRADED, ""),
    "any other error": (OSError("disk"), UNGRADED, ""),
}


@pytest.mark.parametrize(("fault", "verdict", "said"), FAULTS.values(), ids=FAULTS)
def test_what_the_box_raises_has_its_verdict(
    fault: Exception, verdict: Verdict, said: str, tmp_path: Path
) -> None:
    tests = '@graded("a")\ndef test_it(student):\n    """Row."""\n    student.double(2)\n'
    check = only(judged(tmp_path, tests, fault))
    assert check.verdict is verdict
    assert said in check.message
    assert (check.message == "") == (said == "")


def test_a_students_words_in_a_message_can_be_written_to_a_file(tmp_path: Path) -> None:
    tests = '@graded("a")\ndef test_it(student):\n    """Row."""\n    student.double(2)\n'
    check = only(judged(tmp_path, tests, StudentRaised("ValueError", "half: \ud83d")))
    check.message.encode()


def test_what_a_test_notes_is_on_its_check_and_the_rest_for_staff(tmp_path: Path) -> None:
    tests = '''
    @graded("a")
    def test_it(device, images, note):
        """Row."""
        note("Decided " + device.name, "Why: " + str(images))
        {end}
    '''
    passed = only(judged(tmp_path, tests.format(end="pass")))
    assert (passed.note, passed.staff_detail) == ("Decided cpu", "Why: None")
    failed = only(judged(tmp_path, tests.format(end="expect(False, 'No.')")))
    assert (failed.note, failed.message) == ("Decided cpu", "No.")
    assert failed.staff_detail.startswith("Why: None\nTraceback")


def test_a_plain_assert_shows_no_value_to_the_student(tmp_path: Path) -> None:
    tests = '''
    @graded("a")
    def test_it():
        """The row.

        The hint.
        """
        seen, secret_expected = 1, 987654
        assert seen == secret_expected
    '''
    check = only(judged(tmp_path, tests))
    assert (check.title, check.message, check.hint) == ("The row.", "", "The hint.")
    assert "987654" in check.staff_detail


def test_a_hint_is_shown_only_on_failed(tmp_path: Path) -> None:
    tests = (
        '@graded("a")\ndef test_it(student):\n    """Row.\n\n    Hint.\n    """\n    student.f()\n'
    )
    assert only(judged(tmp_path, tests, StudentRaised("ValueError", "x"))).hint == ""
    assert only(judged(tmp_path, tests, 1)).hint == ""


@pytest.mark.parametrize(
    "decorator",
    ["skip", "xfail", "xfail(strict=True)", "xfail(run=False)", "skipif(True, reason='x')"],
)
@pytest.mark.parametrize("body", ["pass", "assert False"])
def test_a_test_that_its_author_took_out_judges_nobody(
    decorator: str, body: str, tmp_path: Path
) -> None:
    tests = f'@pytest.mark.{decorator}\n@graded("a")\ndef test_it():\n    """Row."""\n    {body}\n'
    assert only(judged(tmp_path, tests)).verdict is UNGRADED


def test_a_broken_fixture_is_our_fault_before_and_after(tmp_path: Path) -> None:
    tests = '''
    @pytest.fixture
    def broken():
        raise Mismatch("not the student's")

    @pytest.fixture
    def broken_after():
        yield
        assert False

    @graded("a")
    def test_before(broken):
        """Row."""

    @graded("b")
    def test_after(broken_after):
        """Row."""

    @graded("c")
    def test_missing(no_such_fixture):
        """Row."""

    @graded("d")
    def test_good():
        """Row."""
    '''
    checks = judged(tmp_path, tests).checks
    assert [checks[name][0].verdict for name in "abcd"] == [UNGRADED, UNGRADED, UNGRADED, PASSED]


def test_what_stops_pytest_leaves_the_rest_ungraded(tmp_path: Path) -> None:
    tests = '''
    @graded("a")
    def test_1():
        """Row."""

    @graded("b")
    def test_2():
        """Row."""
        raise KeyboardInterrupt

    @graded("c")
    def test_3():
        """Row."""
    '''
    checks = judged(tmp_path, tests).checks
    assert [checks[name][0].verdict for name in "abc"] == [PASSED, UNGRADED, UNGRADED]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (
            "import no_such_module",
            "ModuleNotFoundError: No module named 'no_such_module', line 4. Install it where the kit",
        ),
        ("from math import no_such", "ImportError: cannot import name 'no_such'"),
        ("def broken(:", "SyntaxError: invalid syntax, line 4. Correct it, then grade again."),
        ("if True:\nx = 1", "IndentationError: expected an indented block"),
        ("x = [1][3]", "IndexError: list index out of range, line 4. Correct it, then grade"),
        ("raise SystemExit('words\\nand more')", "test_one.py: SystemExit: words, line 4. Correct"),
        ("pytest.skip('all', allow_module_level=True)", "Skipped: all, line 4. Take the skip out"),
        ("@graded('a')\ndef test_it(): pass", "needs a docstring"),
        ("@graded('a', weight=0)\ndef test_it():\n    '''Row.'''", "must be positive"),
        ("@probe\ndef p(x):\n    return missing(x)", "missing"),
        ("", ""),
    ],
)
def test_graders_that_cannot_be_collected_give_no_checks(
    tests: str, said: str, tmp_path: Path
) -> None:
    result = judged(tmp_path, tests)
    assert result.checks == {}
    assert said in result.trouble
    assert bool(result.trouble) is bool(tests)
    assert "\n" not in result.trouble, "one sentence"
    assert result.trouble == "" or f"{tmp_path.name}/test_one.py" in result.trouble
    assert Item("a", 3.0, checks=result.checks.get("a", ())).verdict is UNGRADED


def test_a_broken_neighbour_of_the_tests_is_named(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("x = 1\ny = x.nothing\n")
    said = judged(tmp_path, "import helper").trouble
    assert "test_one.py cannot be loaded: AttributeError: 'int' object has no" in said
    assert ", line 2 of helper.py. Correct it" in said


def test_a_missing_grader_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"no grader file .*test_none\.py"):
        judge(tmp_path / "test_none.py", StubBox(), b"", "")


def test_a_test_without_a_mark_counts_for_nothing_and_is_told(tmp_path: Path) -> None:
    tests = (
        '@graded("a")\ndef test_it():\n    """Row."""\n\ndef test_forgotten():\n    assert False\n'
    )
    result = judged(tmp_path, tests)
    assert only(result).verdict is PASSED
    assert "test_forgotten" in result.trouble


def test_two_tests_of_one_name_are_two_checks(tmp_path: Path) -> None:
    tests = '''
    class TestOne:
        @graded("a")
        def test_it(self):
            """Row."""
            assert False

    class TestTwo:
        @graded("a")
        def test_it(self):
            """Row."""

    @graded("a")
    @pytest.mark.parametrize("x", [1, 2])
    def test_it(x):
        """Row."""
        assert x == 1
    '''
    verdicts = [check.verdict for check in judged(tmp_path, tests).checks["a"]]
    assert sorted(verdicts) == sorted([FAILED, PASSED, PASSED, FAILED])


def test_graders_of_two_assignments_with_one_file_name_are_two(tmp_path: Path) -> None:
    """nbgrader's own example calls every assignment's first notebook `problem1`."""
    for name in ("ps1", "ps2"):
        (tmp_path / name).mkdir()
        tests = f'@graded("{name}")\ndef test_it():\n    """Row of {name}."""\n'
        result = judged(tmp_path / name, tests)
        assert list(result.checks) == [name]


def test_graders_that_were_edited_are_read_again(tmp_path: Path) -> None:
    tests = '@graded("a")\ndef test_it():\n    """Row."""\n    assert {}\n'
    assert only(judged(tmp_path, tests.format(False))).verdict is FAILED
    assert only(judged(tmp_path, tests.format("3 > 2"))).verdict is PASSED


def test_a_shells_options_for_pytest_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing --maxfail=1 -n 2")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    tests = '@graded("a")\ndef test_it():\n    """Row."""\n'
    assert only(judged(tmp_path, tests)).verdict is PASSED


def test_what_graders_print_is_kept_off_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    judged(
        tmp_path, '@graded("a")\ndef test_it():\n    """Row."""\n    print("the answer is 42")\n'
    )
    assert "42" not in "".join(capfd.readouterr())


def item(*verdicts: tuple[Verdict, float], max_score: float = 6.0) -> Item:
    checks = [Check(f"t{n}", "", v, weight) for n, (v, weight) in enumerate(verdicts)]
    return Item("a", max_score, checks=tuple(checks))


@pytest.mark.parametrize(
    ("made", "verdict", "score"),
    [
        (item((PASSED, 1), (PASSED, 2)), PASSED, 6.0),
        (item((PASSED, 1), (FAILED, 2)), FAILED, 2.0),
        (item((FAILED, 1), (PASSED, 2)), FAILED, 4.0),
        (item((PASSED, 1), (FAILED, 1), (RAISED, 1)), RAISED, 2.0),
        (item((PASSED, 3), (LIMIT, 1), (RAISED, 1), (FAILED, 1)), LIMIT, 3.0),
        (item((PASSED, 1), (PASSED, 1), (FAILED, 1), max_score=1.0), FAILED, 0.666666666667),
        (item((RAISED, 1)), RAISED, 0.0),
        (item((PASSED, 99), (UNGRADED, 1)), UNGRADED, None),
        (item(), UNGRADED, None),
        (item((PASSED, 1), max_score=0.0), PASSED, 0.0),
        (Item("a", 6.0, manual=True), None, None),
    ],
)
def test_weights_become_points(made: Item, verdict: Verdict | None, score: float | None) -> None:
    assert made.verdict is verdict
    assert made.score == score


HANGING = '''
@graded("a")
def test_1(student):
    """Row."""
    student.f(1)

@graded("a")
def test_2(student):
    """Row."""
    student.f(2)

@graded("a")
def test_3(student):
    """Row."""

@graded("b")
def test_4():
    """Row."""
'''


@pytest.mark.parametrize(
    ("limit", "before", "messages", "last"),
    [
        ("probe_wall_s", 0, ["Slow.", "not tried", "not tried"], LIMIT),
        ("kernel", 0, ["Slow.", "Slow.", "not tried"], LIMIT),
        ("kernel", 1, ["Slow.", "not tried", "not tried"], LIMIT),
        ("memory_mib", 1, ["Slow.", "Slow.", ""], PASSED),
    ],
)
def test_what_hangs_or_dies_is_not_tried_again_and_again(
    limit: str, before: int, messages: list[str], last: Verdict, tmp_path: Path
) -> None:
    path = tmp_path / "test_one.py"
    path.write_text(HEAD + HANGING)
    box = StubBox(LimitHit(limit, "Slow."))
    checks = judge(path, box, b"", "", strikes={"a": before}).checks
    for check, message in zip(checks["a"], messages, strict=True):
        assert message in check.message
        assert (check.message == "") == (message == "")
    assert checks["a"][-1].verdict is last
    assert checks["b"][0].verdict is PASSED, "another item's checks are"


def test_the_checks_of_one_item_can_be_run_alone(tmp_path: Path) -> None:
    path = tmp_path / "test_one.py"
    path.write_text(HEAD + HANGING + "\n\ndef test_forgotten():\n    pass\n")
    found = judge(path, StubBox(), b"", "", only=["b"])
    assert (list(found.checks), found.trouble) == (["b"], "")


def test_what_was_told_before_comes_without_the_checks_hint(tmp_path: Path) -> None:
    tests = """
        from autograder.grading import Explained

        @graded("item", weight=1)
        def test_a():
            '''A title.

            Look at the axis.
            '''
            raise {error}("It is not right.")
    """
    explained = only(judged(tmp_path, tests.replace("{error}", "Explained")))
    assert (explained.verdict, explained.message) == (FAILED, "It is not right.")
    assert explained.hint == ""
    assert only(judged(tmp_path, tests.replace("{error}", "Mismatch"))).hint == "Look at the axis."


def test_staff_can_ask_for_time_limit_and_what_chance_has_shown(tmp_path: Path) -> None:
    tests = """
        from autograder.scorecard import Figure

        @graded("item")
        def test_a(student):
            '''It learns.'''
            student.figures.append(Figure("accuracy", 0.6, 0.5, False))
            expect(False, "No.")

        @graded("item")
        def test_b(student):
            '''It ends.'''
            student.double(1)
    """
    result = judged(tmp_path, tests, LimitHit("probe_wall_s", "Slow."))
    chance, slow = result.checks["item"]
    assert [(one.name, one.reached) for one in chance.figures] == [("accuracy", True)]
    assert (chance.limit, slow.limit, slow.figures) == ("", "probe_wall_s", ())
    assert chance.seconds is not None
    assert slow.seconds is not None
    card = Scorecard("x", "ada", (NotebookCard("n", (Item("item", 1, checks=(chance, slow)),)),))
    assert Scorecard.from_json(json.loads(card.dumps())).items[0].checks[0].figures
    for check in card.for_student().items[0].checks:
        assert (check.limit, check.figures, check.seconds) == ("", (), None)
