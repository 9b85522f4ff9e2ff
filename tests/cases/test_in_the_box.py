"""Cases of the cases as whole submissions, in the real box, through the judge that grades a class.

All cases are judged one by one in `test_cases.py`, by a stand-in for the box that costs no
start-up. Here several cases that do not touch each other's items share a submission, so that each
autograded item is seen right in another style and wrong in two ways with nothing stood in for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course import Course, load_course
from autograder.judge.judge import judge_job
from autograder.judge.submission import as_read, make_job
from autograder.release.cases import Case, read_cases, submission_of
from autograder.release.release import build
from tests.course_copy import copy_of_the_course

CASES = read_cases(Path(__file__).parent)
ASSIGNMENT = "vgg16"
NOTEBOOKS = ("1_data_and_head", "2_parameters", "3_training", "4_kernels")


def _item(case: Case) -> str:
    return case.name.partition("__")[0] + "_tests"


def _rounds(notebook: str) -> list[list[Case]]:
    """Submissions: each item right in another style, then wrong ones until each was so twice."""
    mine = [case for case in CASES.values() if case.notebook == notebook]
    items = sorted({_item(case) for case in mine})
    right = [next(case for case in mine if case.right and _item(case) == item) for item in items]
    wrong = {
        item: [case for case in mine if not case.right and _item(case) == item] for item in items
    }
    seen = dict.fromkeys(items, 0)
    rounds = [right]
    while min(seen.values()) < 2:
        chosen: list[Case] = []
        touched: set[str] = set()
        for item in sorted(items, key=lambda item: seen[item]):
            free = (case for case in wrong[item] if not {item, *case.items} & touched)
            case = next(free, None)
            if case is not None and seen[item] < 2:
                wrong[item].remove(case)
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


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = load_course(copy_of_the_course(tmp_path_factory.mktemp("course")))
    build(course, ASSIGNMENT)
    return course


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_items_get_what_their_cases_say(course: Course, name: str) -> None:
    notebook, cases = SUBMISSIONS[name]
    source = course.notebooks(ASSIGNMENT)[notebook]
    handed_in = submission_of(source, cases)
    job = make_job(
        course, ASSIGNMENT, "ada", source, as_read(handed_in, source), course.root / "none"
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


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_reference_gets_everything_and_the_untouched_release_nothing(
    course: Course, notebook: str
) -> None:
    from autograder.course import read_notebook

    source = course.notebooks(ASSIGNMENT)[notebook]
    released = read_notebook(course.root / "release" / ASSIGNMENT / f"{notebook}.ipynb")
    for handed_in, share in ((submission_of(source), 1.0), (released, 0.0)):
        job = make_job(
            course, ASSIGNMENT, "ada", source, as_read(handed_in, source), course.root / "none"
        )
        card = judge_job(job).card
        assert card.reasons == []
        assert card.score == share * card.auto_max_score
