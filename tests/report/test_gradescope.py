"""results.json against the rules that Gradescope documents, and against what must never be in it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from autograder.autograde import score
from autograder.errors import KitError
from autograder.report.gradescope import to_gradescope
from autograder.scorecard import Scorecard, Verdict
from tests.doors import autograder
from tests.report.samples import WRITTEN, item, notebook_card, scorecard

# "Output format" of Gradescope's autograder specifications, with nothing allowed that is not there; read in
# docs/specs.md of gradescope/autograder_samples as of January 2025.
_VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
_FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
_TEST = {
    "type": "object",
    "required": ["score"],  # optional there only where the top level has one
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "max_score": {"type": "number"},
        "status": {"enum": ["passed", "failed"]},
        "name": {"type": "string"},
        "name_format": _FORMAT,
        "number": {"type": "string"},
        "output": {"type": "string"},
        "output_format": _FORMAT,
        "tags": {"type": "array", "items": {"type": "string"}},
        "visibility": _VISIBILITY,
        "extra_data": {"type": "object"},
    },
}
RULES = Draft202012Validator(
    {
        "type": "object",
        "required": ["tests"],
        "additionalProperties": False,
        "properties": {
            "score": {"type": "number"},
            "execution_time": {"type": "integer"},
            "output": {"type": "string"},
            "output_format": _FORMAT,
            "test_output_format": _FORMAT,
            "test_name_format": _FORMAT,
            "visibility": _VISIBILITY,
            "stdout_visibility": _VISIBILITY,
            "extra_data": {"type": "object"},
            "tests": {"type": "array", "items": _TEST},
            "leaderboard": {"type": "array"},
        },
    }
)

ADA = scorecard(
    "ada",
    notebook_card(item(Verdict.PASSED, grade_id="whole"), WRITTEN),
    notebook_card(
        item(Verdict.PASSED, Verdict.FAILED, grade_id="half"),
        item(Verdict.LIMIT, grade_id="slow"),
        item(Verdict.RAISED, grade_id="broken"),
        name="2_more",
    ),
)
BOB = scorecard("bob", notebook_card(item(Verdict.PASSED), item(Verdict.UNGRADED)))


def results(card: Scorecard) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_gradescope(card, 12.6) or "")
    RULES.validate(found)
    return found


def test_every_autograded_item_is_a_test_with_its_points() -> None:
    found = results(ADA)
    assert [(test["name"], test["score"], test["max_score"]) for test in found["tests"]] == [
        ("1_data: whole", 10, 10),
        ("2_more: half", 5, 10),
        ("2_more: slow", 0, 10),
        ("2_more: broken", 0, 10),
    ]
    assert [test["status"] for test in found["tests"]] == ["passed", *["failed"] * 3]
    assert sum(test["score"] for test in found["tests"]) == ADA.score
    assert "score" not in found  # or it would take the place of the sum
    assert found["execution_time"] == 13


def test_a_student_reads_what_the_feedback_says_and_nothing_hidden() -> None:
    text = to_gradescope(ADA, 1) or ""
    half = results(ADA)["tests"][1]["output"]
    assert half == "passed: Title 0\nfailed: Title 1\n    Message 1.\n    Hint 1?"
    assert "271828" not in text
    assert "test_secret_name" not in text
    assert results(ADA)["stdout_visibility"] == "hidden"


def test_a_written_answer_is_no_test_but_is_named() -> None:
    found = results(ADA)
    assert not any("why" in test["name"] for test in found["tests"])
    assert "A person marks why (4 points)" in found["output"]


def test_what_was_repaired_and_where_it_ran_is_told() -> None:
    card = dataclasses.replace(ADA.with_repairs(["a cell was put back"]), size="full", device="gpu")
    about = results(card)["output"]
    assert "1_data: a cell was put back" in about
    assert "in the full size, on gpu" in about


def test_markup_and_halves_of_characters_stay_text() -> None:
    odd = dataclasses.replace(ADA.items[0], message="<script>\ud83d</script>\x00")
    found = results(scorecard("ada", notebook_card(odd)))
    (test,) = found["tests"]
    assert test["output_format"] == found["output_format"] == "text"
    assert test["output"].startswith("<script>?</script>\x00\n")


@pytest.mark.parametrize("why", ["an item", "a notebook"])
def test_what_could_not_be_judged_never_becomes_a_zero(why: str) -> None:
    card = BOB if why == "an item" else scorecard("bob", notebook_card(reason="it is no notebook"))
    assert to_gradescope(card, 1) is None


@pytest.mark.parametrize(("card", "code"), [(ADA, 1), (BOB, 3), (None, 2)], ids=["1", "3", "2"])
def test_score_writes_results_or_leaves_none(
    card: Scorecard | None, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parent.parent.parent
    (tmp_path / "course_config.py").write_bytes((root / "course_config.py").read_bytes())
    file = tmp_path / "results.json"
    file.write_text("of an earlier submission")

    def score_path(*_: Any) -> Scorecard:
        if card is None:
            raise KitError("no box here")
        return card

    monkeypatch.setattr(score, "score_path", score_path)
    submission = tmp_path / "submission"
    submission.mkdir()
    asked = ("--assignment", "vgg16", "--gradescope")
    autograder(tmp_path, "score", submission, *asked, file, code=code)
    assert file.exists() == (code == 1), (
        "Gradescope shows a failed run as ours only without the file"
    )
    if file.exists():
        RULES.validate(json.loads(file.read_text()))
