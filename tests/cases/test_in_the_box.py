"""Cases as whole submissions, in the real box, through the judge that grades a class.

All cases are judged one by one in `test_cases.py`, by a stand-in for the box that costs no
start-up. The demo's class (`test_demo.py`) has many in the real box: the reference, the untouched release,
each item right in another style. Here are those that it lacks for each item to be wrong in two ways with
nothing stood in for; cases that do not touch each other's items share a submission. Of the other assignments
there are two submissions a notebook: as many cases as fit in one, right and wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from autograder.course import Course, load_course
from autograder.demo.demo_class import CLASS
from autograder.judge.judge import judge_job
from autograder.judge.submission import as_read, make_job
from autograder.release.cases import Case, read_cases, submission_of
from autograder.release.release import build
from tests.cases.judging import CORPORA, Corpus
from tests.course_copy import copy_of_the_course

CASES = read_cases(Path(__file__).parent)
ASSIGNMENT = "vgg16"
NOTEBOOKS = ("1_data_and_head", "2_parameters", "3_training", "4_kernels")


IN_THE_DEMO = [CASES[name] for plan in CLASS for name in plan.cases]
# What is wrong there and no case: a loop that never ends, and attacks.
WRONG_BESIDES = Counter(item for plan in CLASS for item, score in plan.scores.items() if not score)


def _item(case: Case) -> str:
    return case.name.partition("__")[0] + "_tests"


def _judged(cases: Iterable[Case], *, right: bool) -> Counter[str]:
    """In how many ways each item is seen right, or wrong."""
    seen = {(_item(case), case.name) for case in cases if case.right == right}
    return Counter(item for item, _ in seen)


def _rounds(notebook: str) -> list[list[Case]]:
    """Submissions that have each item wrong until it was so twice, in the demo or here."""
    mine = [case for case in CASES.values() if case.notebook == notebook and not case.right]
    left = {item: [case for case in mine if _item(case) == item] for item in map(_item, mine)}
    left = {item: [c for c in cases if c not in IN_THE_DEMO] for item, cases in left.items()}
    seen = _judged(IN_THE_DEMO, right=False) + WRONG_BESIDES
    rounds = []
    while any(seen[item] < 2 for item in left):
        chosen: list[Case] = []
        touched: set[str] = set()
        for item, wrong in sorted(left.items(), key=lambda entry: seen[entry[0]]):
            free = (case for case in wrong if not {item, *case.items} & touched)
            case = next(free, None)
            if case is not None and seen[item] < 2:
                wrong.remove(case)
                touched |= {item, *case.items}
                seen[item] += 1
                chosen.append(case)
        rounds.append(chosen)
    return rounds


SUBMISSIONS = {
    f"{name}-{number}": (name, cases)
    for name in NOTEBOOKS
    for number, cases in enumerate(_rounds(name))
}


def test_each_item_is_in_the_box_right_in_another_style_and_wrong_in_two_ways() -> None:
    cases = [*IN_THE_DEMO, *(case for _, round_ in SUBMISSIONS.values() for case in round_)]
    items = {_item(case) for case in CASES.values()}
    assert _judged(cases, right=True).keys() == items
    wrong = _judged(cases, right=False) + WRONG_BESIDES
    assert {item for item, ways in wrong.items() if ways >= 2} == items
    assert [plan.name for plan in CLASS if plan.released] == ["grace"]


def _apart(corpus: Corpus, notebook: str, right: bool) -> list[Case]:
    """Cases that touch neither the cells nor the items of another, those that touch little first."""
    mine = [
        case for case in corpus.cases.values() if (case.notebook, case.right) == (notebook, right)
    ]
    chosen, touched = list[Case](), set[str]()
    for case in sorted(mine, key=lambda case: (len(case.items), case.name)):
        touches = {_item(case), *case.items}
        if not touches & touched:
            touched |= touches
            chosen.append(case)
    return chosen


OTHERS = {
    f"{name}-{notebook}-{'right' if right else 'wrong'}": (
        name,
        notebook,
        _apart(corpus, notebook, right),
    )
    for name, corpus in CORPORA.items()
    if name != ASSIGNMENT
    for notebook in corpus.points
    for right in (True, False)
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = load_course(copy_of_the_course(tmp_path_factory.mktemp("course")))
    for assignment in CORPORA:
        build(course, assignment)
    return course


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_items_get_what_their_cases_say(course: Course, name: str) -> None:
    _expect_as_they_say(course, ASSIGNMENT, *SUBMISSIONS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_so_do_those_of_the_other_assignments(course: Course, name: str) -> None:
    _expect_as_they_say(course, *OTHERS[name])


def _expect_as_they_say(course: Course, assignment: str, notebook: str, cases: list[Case]) -> None:
    source = course.notebooks(assignment)[notebook]
    handed_in = submission_of(source, cases)
    job = make_job(
        course, assignment, "ada", source, as_read(handed_in, source), course.root / "none"
    )
    card = judge_job(job).card
    assert card.reasons == []
    expected = {item: wanted for case in cases for item, wanted in case.items.items()}
    for item in card.items:
        if item.manual:
            continue
        wanted = expected.get(item.grade_id)
        seen = (item.verdict, item.score)
        assert seen == ((wanted.verdict, wanted.score) if wanted else ("passed", item.max_score)), (
            item.hint
        )
        assert (wanted.hint if wanted else "") in item.hint
