"""Every case gets the scorecard that stands beside it, and no word too much.

`tests/cases/README.md` explains the format of a case.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autograder.judge.keys import VALIDITY
from autograder.release.cases import Case
from autograder.scorecard import Item, Verdict, named_mistakes
from tests.cases.hidden_numbers import hidden_numbers_in
from tests.cases.judging import (
    CORPORA,
    Corpus,
    Memory,
    item_of,
    judged,
    reached_by,
)
from tests.graders.fake_box import FakeBox

MEMORY = Memory()
ALL = {
    name if corpus.assignment == "vgg16" else f"{corpus.assignment}/{name}": (corpus, case)
    for corpus in CORPORA.values()
    for name, case in corpus.cases.items()
}


@pytest.mark.parametrize("name", ALL)
def test_a_case_gets_its_scorecard(name: str) -> None:
    corpus, case = ALL[name]
    result = judged(case, memory=MEMORY, corpus=corpus)
    for grade_id, item in result.items.items():
        _check_marks(case, item)
        _check_names(case, item)
        leaks = hidden_numbers_in(item.text, result.hidden(), corpus.graders)
        assert leaks == [], f"{grade_id} gives away {leaks}: {item.text}"


def _check_marks(case: Case, item: Item) -> None:
    assert item.verdict is not None
    seen = f"{item.grade_id}: {item.verdict.value}, {item.score}: {item.text}"
    details = "\n".join(check.staff_detail for check in item.checks)
    assert item.verdict is not Verdict.UNGRADED, seen + details
    wanted = case.items.get(item.grade_id)
    verdict, score = (wanted.verdict, wanted.score) if wanted else ("passed", item.max_score)
    assert (item.verdict.value, item.score) == (verdict, score), seen
    if wanted:
        assert wanted.hint in item.hint, seen
        assert all(words in item.text for words in wanted.also), seen


def _check_names(case: Case, item: Item) -> None:
    """A mistake that is named must be one that the case has made."""
    wanted = case.items.get(item.grade_id)
    known = (
        [words.rpartition("as if ")[2] for words in (wanted.hint, *wanted.also)] if wanted else []
    )
    for named in named_mistakes(item.text):
        assert any(words and words in named for words in known), (
            f"{case.name} has not made the mistake {named!r}, or its scorecard does not say so."
        )


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=list(CORPORA))
def test_the_corpus_covers_every_item(corpus: Corpus) -> None:
    """Two right variants and two wrong ones, at least, for each of the autograded items."""
    for names in corpus.points.values():
        for name in names:
            mine = [case.right for case in corpus.cases.values() if item_of(case) == name]
            assert mine.count(True) >= 2, name
            assert mine.count(False) >= 2, name


def test_a_right_case_expects_full_points_and_a_wrong_one_does_not() -> None:
    for corpus, case in ALL.values():
        assert case.right == (not case.items), case.name
        assert set(case.cells) <= set(corpus.points[case.notebook]), case.name
        for grade_id, wanted in case.items.items():
            points = corpus.points[case.notebook][grade_id.removesuffix("_tests")]
            assert 0 <= wanted.score < points, case.name


def test_a_wrong_training_loop_says_which_words_name_it() -> None:
    for _, case in ALL.values():
        if not case.right and item_of(case) in ("train_epoch", "validate", "fit"):
            assert case.items[f"{item_of(case)}_tests"].hint, case.name


def test_the_page_of_training_faults_names_a_case_for_each_hand_in() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training-faults.md").read_text()
    rows = re.findall(r"^\| (.*) \| (.*__.*) \|$", page, re.MULTILINE)
    assert len(rows) > 16
    for what, cases in rows:
        for name in re.findall(r"`([\w/]+)`", cases):
            assert ALL[name][1].right == (what == "Accepted"), name


KEPT = {name: corpus for name, corpus in CORPORA.items() if (corpus.graders / VALIDITY).is_file()}


@pytest.mark.parametrize("corpus", KEPT.values(), ids=list(KEPT))
def test_the_figures_that_are_kept_are_those_of_these_cases(corpus: Corpus) -> None:
    kept = json.loads((corpus.graders / VALIDITY).read_text())["cases"]["all"]
    right = sum(case.right for case in corpus.cases.values())
    renew = (
        f"Run `autograder check {corpus.assignment} --keep`, and `python -m tests.reference_pages`."
    )
    assert (kept["right"], kept["wrong"]) == (right, len(corpus.cases) - right), renew
    assert (kept["kept"], kept["caught"], kept["misnamed"]) == (right, kept["wrong"], 0)


def test_answers_are_shared_only_by_cells_that_cannot_tell() -> None:
    """An answer belongs to the text that can change it, through any number of calls."""
    reference = "def a():\n    return b()\ndef b():\n    return 1\ndef c():\n    return 2\n"
    plain = {"reference": reference}
    other_b = {**plain, "b": "HELP = 3\ndef b():\n    return HELP\n"}
    at_once = {**plain, "b": "def b():\n    return 1\nprint(b())\n"}
    assert reached_by(["a"], plain) != reached_by(["a"], other_b)
    assert reached_by(["c"], plain) == reached_by(["c"], other_b)
    assert reached_by(["c"], plain) != reached_by(["c"], at_once)


def test_hidden_numbers_are_found_outside_of_the_students_own_part(tmp_path: Path) -> None:
    (tmp_path / "test_1.py").write_text('"""We tried 64 kernels."""')
    hidden = {"size": 41, "reply": [0.123456]}

    def found(text: str) -> list[str]:
        return hidden_numbers_in(text, iter([hidden, {"batch": 64}]), tmp_path)

    assert found("It should be (3, 41, 41); yours is 7.") == ["41"]
    assert found("The loss should be 0.12346.") == ["0.12346"]
    assert found("It is not right; yours is (41, 3). We tried 64 kernels.") == []


def test_the_box_of_the_cases_puts_the_threads_back() -> None:
    import torch

    before = torch.get_num_threads()
    box = FakeBox({"f": "import torch\ndef f():\n    torch.set_num_threads(3)\n"})
    box.ask("def call(f):\n    f()\n", "call", {"f": "f"}, {})
    assert torch.get_num_threads() == before
