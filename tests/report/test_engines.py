"""What other engines read, held against their own rules, and against what must never be in it.

The rules are written from the engines' documentation and sources, each named beside its own; nothing is
allowed that does not stand there.
"""

from __future__ import annotations

import dataclasses
import json
import re
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import docutils.core
import docutils.nodes
import pytest
from jsonschema import Draft202012Validator

from autograder.cli import hand_in
from autograder.errors import KitError
from autograder.report.engines import ENGINES, rows
from autograder.report.engines.prairielearn import MOST_BYTES
from autograder.scorecard import Check, Item, NotebookCard, Scorecard, Verdict
from tests.report.samples import WRITTEN, item, notebook_card, scorecard

RUNNER = {
    "CLASSROOM": "dl",
    "ASSIGNMENT": "vgg16",
    "SUBMISSION_TAG": "submit/2026-06-01T14-32-05Z-a1b2c3d",
    "COMMIT_URL": "https://example.org/commit/1",
    "RELEASE_URL": "https://example.org/releases/1",
    "OWNER": "ada",
}
BONUS = dataclasses.replace(item(Verdict.PASSED, grade_id="extra", max_score=2.0), bonus=True)
HALF = item(Verdict.PASSED, Verdict.FAILED, grade_id="half")
LOST = dataclasses.replace(item(Verdict.UNGRADED, grade_id="lost"), message="the secret 271828")

RIGHT = scorecard("ada", notebook_card(item(Verdict.PASSED, grade_id="whole"), WRITTEN))
MIXED = scorecard(
    "ada",
    notebook_card(item(Verdict.PASSED, grade_id="whole"), WRITTEN),
    notebook_card(HALF, item(Verdict.RAISED, grade_id="broken"), BONUS, name="2_more"),
)
TOO_GOOD = scorecard("ada", notebook_card(item(Verdict.PASSED, grade_id="whole"), BONUS))
UNGRADED = scorecard("bob", notebook_card(item(Verdict.PASSED, grade_id="whole"), LOST, WRITTEN))
NOTHING = scorecard("bob", notebook_card(LOST, WRITTEN, reason="the worker died: 271828"))
THIRD = Item(
    "third",
    1.0,
    checks=tuple(
        Check(f"test_{n}", "One of three", verdict)
        for n, verdict in enumerate([Verdict.PASSED, Verdict.FAILED, Verdict.FAILED])
    ),
)
ODD_TEXT = (
    "\ud83d \x00\x0b\x1b[31mred\x1b[0m ]]> & <script>alert(1)</script>\r\n"
    ".. raw:: html\n\n    <b>\u2028.. raw:: html\x85`x` |y| \ufffe ü 漢 🙂 score:"
)
ODD_CHECK = Check("t", ODD_TEXT, Verdict.RAISED, message=ODD_TEXT, hint=ODD_TEXT)
ODD_NOTEBOOK = NotebookCard(
    "1 <x>: y", (Item('a&<b>"', 3.0, checks=(ODD_CHECK,)),), None, (ODD_TEXT,)
)
ODD = scorecard("c", ODD_NOTEBOOK)
HUGE = scorecard(
    "d",
    notebook_card(
        *(
            Item(f"i{n}", 1.0, checks=(Check("t", "T", Verdict.FAILED, message="🙂" * 10_000),))
            for n in range(120)
        )
    ),
)
MANY_CHECKS = scorecard(
    "g",
    notebook_card(
        Item(
            "long",
            1.0,
            checks=tuple(
                Check(f"t{n}", f"T{n}", Verdict.FAILED, message="🙂" * 10_000) for n in range(60)
            ),
        )
    ),
)
SAME_ID = scorecard("e", notebook_card(HALF), notebook_card(HALF, name="2_more"))
CARDS = {
    "right": RIGHT,
    "mixed": MIXED,
    "too good": TOO_GOOD,
    "ungraded": UNGRADED,
    "nothing": NOTHING,
    "thirds": scorecard("f", notebook_card(THIRD)),
    "odd": ODD,
    "huge": HUGE,
    "many checks": MANY_CHECKS,
    "same id": SAME_ID,
}


def written(engine: str, card: Scorecard) -> str:
    """The engine's file, held against its rules."""
    text = ENGINES[engine].write(card, RUNNER)
    assert text is not None
    text.encode()
    RULES[engine](text)
    return text


def loaded(engine: str, card: Scorecard) -> Any:
    return json.loads(written(engine, card))


# Jenkins' junit-10.xsd, as pytest-dev/pytest has it in testing/example_scripts.
_XSD: dict[str, tuple[set[str], set[str], set[str]]] = {  # children, required and other attributes
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        },
    ),
    "testcase": (
        {"skipped", "errors", "failure", "system-out", "system-err"},
        {"name"},
        {"time", "classname", "group"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "failure": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
}


def is_junit(text: str) -> None:
    top = ElementTree.fromstring(text)
    assert top.tag == "testsuites"
    for element in top.iter():
        children, required, others = _XSD[element.tag]
        assert {child.tag for child in element} <= children
        assert required <= set(element.keys()) <= required | others
    for suite in top.iter("testsuite"):
        cases = suite.findall("testcase")
        assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
        assert suite.get("tests") == str(len(cases))


def _texts(*names: str) -> dict[str, Any]:
    return {name: {"type": "string"} for name in names}


# docs/externalGrading.md in PrairieLearn/PrairieLearn, "Grading results".
_PRAIRIELEARN = Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["gradable"],
        "if": {"properties": {"gradable": {"const": True}}},
        "then": {"required": ["score"]},
        "else": {"required": ["format_errors"], "maxProperties": 2},
        "properties": {
            "gradable": {"type": "boolean"},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "format_errors": {"type": "array", "items": {"type": "string"}},
            "message": {"type": "string"},
            "output": {"type": "string"},
            "tests": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "points", "max_points"],  # of all, or none is shown
                    "properties": {
                        "points": {"type": "number"},
                        "max_points": {"type": "number"},
                        **_texts("name", "description", "message", "output"),
                    },
                },
            },
        },
    }
)


def is_prairielearn(text: str) -> None:
    assert len(text.encode()) < MOST_BYTES
    assert "\0" not in text
    assert "\x1b" not in json.loads(text).get("message", "")
    _PRAIRIELEARN.validate(json.loads(text))


# schemas/result-v1.schema.json in foundation50/classroom50, and what its description says beside it.
_TEXT = {"type": "string", "minLength": 1}
_WHOLE = {"type": "integer", "minimum": 0}
_CLASSROOM50 = Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": [
            "schema",
            "classroom",
            "assignment",
            "assignment_type",
            "owner",
            "submission",
            "commit",
            "release",
            "review",
            "datetime",
            "score",
            "max-score",
            "tests",
        ],
        "properties": {
            "schema": {"const": "classroom50/result/v1"},
            **dict.fromkeys(
                ("classroom", "assignment", "owner", "commit", "release", "review"), _TEXT
            ),
            "assignment_type": {"enum": ["individual", "group"]},
            "submission": {"type": "string", "pattern": "^submit/"},
            "datetime": {
                "type": "string",
                "pattern": r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$",
            },
            "score": _WHOLE,
            "max-score": _WHOLE,
            "tests": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["test-name", "passed", "score", "max-score"],
                    "properties": {
                        "test-name": _TEXT,
                        "passed": {"type": "boolean"},
                        "score": _WHOLE,
                        "max-score": _WHOLE,
                    },
                },
            },
        },
    }
)


def is_classroom50(text: str) -> None:
    found = json.loads(text)
    _CLASSROOM50.validate(found)
    for scored in (found, *found["tests"]):
        assert scored["score"] <= scored["max-score"]
        assert not any(isinstance(scored[key], float) for key in ("score", "max-score"))


def autoresult(text: str) -> dict[str, Any]:
    """As `parseAutoresult` in Autolab's assessment_autograde_core.rb reads the last line."""
    last = text.splitlines()[-1]
    found: dict[str, Any] = json.loads(re.sub(r"([a-zA-Z0-9]+):", r'"\1":', last))["scores"]
    assert found, "Autolab gives zeros for an empty autoresult"
    return found


def is_autolab(text: str) -> None:
    first, last = text.splitlines()
    assert last.isascii()
    assert all(isinstance(score, int | float | None) for score in autoresult(text).values())
    # docs/features/formatted-feedback.md
    shown = json.loads(first)
    assert shown.pop("_presentation") == "semantic"
    stages = shown.pop("stages")
    assert [*shown] == stages
    for stage in shown.values():
        for test in stage.values():
            assert {"passed"} <= test.keys() <= {"passed", "hint"}
            assert "\n" not in test.get("hint", "")


def is_codegrade(text: str) -> None:
    """As CodeGrade's reporters write: ASCII, a line a message, these keys and statuses.

    The messages are cg-pytest-reporter 1.1.3's (`UnitTestMessage`, fractions by `_json_default`), their length
    cg-flake8-reporter 1.0.3's (`MESSAGE_SIZE_LIMIT`).
    """
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 250_000
    messages = [json.loads(line) for line in text.splitlines()]
    tags = [message["tag"] for message in messages]
    assert tags in (["unit-test"] * len(tags), ["unit-test"] * (len(tags) - 1) + ["points"])
    for message in messages:
        if message["tag"] == "points":
            assert message.keys() == {"tag", "points"}
            assert 0 <= fraction(message["points"]) <= 1
            continue
        assert message.keys() == {"tag", "results"}
        for suite in message["results"]:
            assert {"id", "name", "testCases"} <= suite.keys()
            assert suite.keys() <= {"id", "name", "testCases", "weight"}
            assert fraction(suite.get("weight", "0")) >= 0
            for case in suite["testCases"]:
                keys = {"name", "status", "description", "weight", "reason", "stdout", "stderr"}
                assert {"name", "status"} <= case.keys() <= keys
                assert case["status"] in ("success", "failure", "skipped")
                assert fraction(case.get("weight", "0")) >= 0


def fraction(text: object) -> Fraction:
    assert isinstance(text, str)
    return Fraction(text)


def is_submitty(text: str) -> None:
    """As `dispatch::custom_doit` in Submitty's grading/dispatch.cpp reads each object."""
    for one in json.loads(text).values():
        if one["status"] == "failure":
            assert one.keys() == {"status", "message"}
            continue
        assert one["status"] == "success"
        assert 0 <= one["data"]["score"] <= 1
        for message in one["data"]["message"]:
            assert message.keys() == {"message", "status"}
            assert message["status"] in ("success", "failure", "warning", "information")


def is_inginious(text: str) -> None:
    """As agent/docker_agent of inginious 0.9.2 accepts it, and its web pages parse `text`."""
    found = json.loads(text)
    accepted = {"result": str, "text": str, "grade": float}
    assert all(isinstance(value, accepted[key]) for key, value in found.items())
    assert found["result"] in ("success", "failed", "crash")
    assert 0 <= found.get("grade", 0.0) <= 100
    tree = docutils.core.publish_doctree(found["text"], settings_overrides={"report_level": 5})
    assert [type(node) for node in tree.children] == [docutils.nodes.literal_block]


RULES = {
    "junit": is_junit,
    "prairielearn": is_prairielearn,
    "classroom50": is_classroom50,
    "autolab": is_autolab,
    "codegrade": is_codegrade,
    "submitty": is_submitty,
    "inginious": is_inginious,
}
every_engine = pytest.mark.parametrize("engine", ENGINES)


def test_the_command_offers_every_engine() -> None:
    assert [*RULES] == [*ENGINES] == [*hand_in.ENGINES]


@every_engine
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_every_card_keeps_to_the_engines_rules(engine: str, card: Scorecard) -> None:
    if engine == "classroom50" and card.reasons:
        assert ENGINES[engine].write(card, RUNNER) is None
    else:
        written(engine, card)


@every_engine
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_nothing_for_staff_or_hidden_is_in_it(engine: str, card: Scorecard) -> None:
    text = ENGINES[engine].write(card, RUNNER) or ""
    assert "271828" not in text
    assert "test_secret_name" not in text
    assert "worker died" not in text


@every_engine
def test_a_student_reads_why_and_what_to_look_at(engine: str) -> None:
    text = written(engine, MIXED)
    assert "Message 1." in text
    assert "Hint 1?" in text


def test_points_are_the_scorecards() -> None:
    """15 of 30 points, and 2 as a bonus."""
    found = loaded("prairielearn", MIXED)
    assert found["score"] == pytest.approx(17 / 30)
    assert [(test["points"], test["max_points"]) for test in found["tests"]] == [
        (10, 10),
        (5, 10),
        (0, 10),
        (2, 0),
    ]
    found = loaded("classroom50", MIXED)
    assert (found["score"], found["max-score"]) == (1700, 3000)
    assert [(test["score"], test["max-score"], test["passed"]) for test in found["tests"]] == [
        (1000, 1000, True),
        (500, 1000, False),
        (0, 1000, False),
        (200, 200, True),
    ]
    assert autoresult(written("autolab", MIXED)) == {
        "whole": 10,
        "half": 5,
        "broken": 0,
        "extra": 2,
    }
    assert json.loads(written("codegrade", MIXED).splitlines()[-1])["points"] == "17/30"
    scores = {name: one["data"]["score"] for name, one in loaded("submitty", MIXED).items()}
    assert scores == {"whole": 1, "half": 0.5, "broken": 0, "extra": 1}
    found = loaded("inginious", MIXED)
    assert (found["result"], found["grade"]) == ("failed", pytest.approx(100 * 17 / 30))


def test_a_bonus_fills_up_and_exceeds_nothing_where_an_engine_has_an_end() -> None:
    assert loaded("prairielearn", TOO_GOOD)["score"] == 1
    found = loaded("classroom50", TOO_GOOD)
    assert (found["score"], found["max-score"]) == (1000, 1000)
    assert json.loads(written("codegrade", TOO_GOOD).splitlines()[-1])["points"] == "1"
    found = loaded("inginious", TOO_GOOD)
    assert (found["result"], found["grade"]) == ("success", 100)
    assert autoresult(written("autolab", TOO_GOOD)) == {"whole": 10, "extra": 2}, "Autolab has none"


def test_thirds_of_a_point_are_fractions_or_rounded_to_what_the_engine_has() -> None:
    card = CARDS["thirds"]
    assert json.loads(written("codegrade", card).splitlines()[-1])["points"] == "1/3"
    assert loaded("classroom50", card)["score"] == 33
    assert loaded("prairielearn", card)["score"] == pytest.approx(1 / 3)


def test_junit_skips_what_waits_and_counts_checks() -> None:
    top = ElementTree.fromstring(written("junit", UNGRADED))
    (suite,) = top
    skipped = {case.get("name"): case.find("skipped") for case in suite.iter("testcase")}
    messages = {name: found.get("message") for name, found in skipped.items() if found is not None}
    assert messages == {"lost": rows.NOT_JUDGED, "why": rows.BY_A_PERSON}
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [*"3002"]
    (_, suite) = ElementTree.fromstring(written("junit", MIXED))
    names = [case.get("name") for case in suite.iter("testcase")]
    assert names == ["half: Title 0", "half: Title 1", "broken: Title 0", "extra: Title 0"]
    points = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert points["points.half"] == "5 / 10"
    assert points["points.extra"] == "2 / 2 bonus"


def test_what_could_not_be_judged_is_no_zero_of_ours() -> None:
    for card in (UNGRADED, NOTHING):
        found = loaded("prairielearn", card)
        assert found == {"gradable": False, "format_errors": [rows.NOT_JUDGED]}
        assert ENGINES["classroom50"].write(card, RUNNER) is None
        found = loaded("inginious", card)
        assert found["result"] == "crash"
        assert "grade" not in found
        lost = loaded("submitty", card)["lost"]
        assert lost["status"] == "failure"
    assert autoresult(written("autolab", UNGRADED)) == {"whole": 10}
    assert autoresult(written("autolab", NOTHING)) == {"lost": None}, "why has a person's mark"
    *items, points = map(json.loads, written("codegrade", UNGRADED).splitlines())
    statuses = [message["results"][0]["testCases"][0]["status"] for message in items]
    assert statuses == ["success", "skipped", "skipped"]
    assert points["points"] == "1", "what was skipped counts neither for nor against"
    assert '"points"' not in written("codegrade", NOTHING), "0 of 0 would be a zero"


@every_engine
def test_a_written_answer_takes_no_points_away(engine: str) -> None:
    with_answer, without = RIGHT, scorecard("ada", notebook_card(RIGHT.items[0]))
    for card in (with_answer, without):
        text = written(engine, card)
        if engine == "prairielearn":
            assert json.loads(text)["score"] == 1
        elif engine == "classroom50":
            assert json.loads(text)["score"] == json.loads(text)["max-score"]
        elif engine == "autolab":
            assert autoresult(text) == {"whole": 10}
        elif engine == "submitty":
            assert [*json.loads(text)] == ["whole"]


def test_without_an_item_for_points_there_is_no_mark_to_hand_over() -> None:
    card = scorecard("ada", notebook_card(WRITTEN))
    for engine in ("prairielearn", "inginious", "autolab"):
        with pytest.raises(KitError, match="--as junit"):
            ENGINES[engine].write(card, RUNNER)


def test_a_name_that_two_notebooks_have_is_told_apart() -> None:
    assert [*autoresult(written("autolab", SAME_ID))] == ["1_data/half", "2_more/half"]
    assert [*loaded("submitty", SAME_ID)] == ["1_data/half", "2_more/half"]


def test_no_name_breaks_the_line_that_autolab_changes_before_it_reads_it() -> None:
    parts = (notebook_card(HALF, name="a:b"), notebook_card(HALF, name="c"))
    assert [*autoresult(written("autolab", scorecard("g", *parts)))] == ["a_b/half", "c/half"]


def test_long_texts_are_cut() -> None:
    (row,) = rows.rows(scorecard("d", notebook_card(HUGE.items[0])))
    assert len(row.text) < rows.MOST_TEXT + 10
    assert row.text.endswith("[…]")
    assert loaded("prairielearn", HUGE)["tests"][119]["output"].endswith("[…]")


def test_a_trial_says_that_it_is_one() -> None:
    for engine in ("junit", "prairielearn", "inginious"):
        assert "A trial" in written(engine, dataclasses.replace(RIGHT, trial=True))
        assert "A trial" not in written(engine, RIGHT)
