"""Which submissions the gate has judged, and what each must get.

For every notebook: the reference, on two different challenges; the release as it is; the course's
right cases; its wrong ones, until each autograded item was lost once. Cases that do not
touch each other's cells and items share a submission, so that a notebook takes five or six boxes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from autograder.course import Course, SourceNotebook
from autograder.errors import KitError
from autograder.judge.job import Job
from autograder.judge.submission import as_read, make_job
from autograder.release.cases import Case, Expected, read_case, submission_of
from autograder.release.gate.contract import bonuses_of, items_in_notebook
from autograder.release.gate.refusal import Refusal
from autograder.scorecard import Verdict


@dataclass(frozen=True)
class Trial:
    """One submission to be judged."""

    who: str  # how refusals call it
    job: Job
    source: SourceNotebook
    wanted: Mapping[str, Expected] = field(default_factory=dict)  # items that lose points
    blame: Mapping[str, str] = field(default_factory=dict)  # by item: the case that loses it
    earns: bool = True  # else it must earn nothing at all
    cases: tuple[str, ...] = ()
    free: tuple[str, ...] = ()  # items whose points the untouched release may have


def read_cases(
    course: Course,
    assignment: str,
    sources: Mapping[str, SourceNotebook],
    *,
    unfinished: bool = False,
) -> tuple[list[Case], list[Refusal]]:
    """The cases of an assignment, and those that are none.

    Args:
        unfinished: keep also a wrong one that does not say yet what it loses.
    """
    cases, refusals = [], []
    folder = course.cases(assignment)
    for path in sorted(folder.glob("*/scorecard.json")):
        name = f"{path.parent.name}/scorecard.json"
        try:
            case = read_case(path.parent)
            if case.notebook not in sources:
                if folder.name == assignment:  # else it is another assignment's
                    what = f"its notebook is `{case.notebook}`, which is not among the sources."
                    refusals.append(Refusal(name, "", what, "Correct its name."))
                continue
            for grade_id, item in case.items.items():
                if isinstance(item.score, bool) or not isinstance(item.score, int | float):
                    raise KitError(f"it leaves the score of `{grade_id}` open.")
            submission_of(sources[case.notebook], [case])
        except KitError as error:
            refusals.append(Refusal(name, "", str(error), "Correct the case."))
            continue
        if unfinished and not case.items:
            cases.append(case)
        elif case.right == bool(_lost(case, sources[case.notebook])):
            what = "it is " + (
                "right, but loses points." if case.right else "wrong, but loses none."
            )
            refusals.append(Refusal(name, "", what, "Correct `right`, or its `items`."))
        else:
            cases.append(case)
    return cases, refusals


def check_cases(
    course: Course, assignment: str, sources: Mapping[str, SourceNotebook], cases: Sequence[Case]
) -> Iterator[Refusal]:
    """Refuse a grader file of which nobody knows whether it tells right from wrong."""
    folder = course.cases(assignment)
    for name, source in sources.items():
        in_notebook = items_in_notebook(course, assignment, source)
        warns = in_notebook is not None  # the assignment is on its way to hidden tests
        bonuses = bonuses_of(course, assignment, name)  # which have no cell to replace
        others = {*bonuses, *(in_notebook or ())}
        cells = (cell for cell in source.grade_cells if cell.grade_id not in others)
        autograded = [cell for cell in cells if not cell.manual]
        mine = [case for case in cases if case.notebook == name]
        write = f"Write one into {folder}: a folder with scorecard.json and the cell's solution."
        if autograded and not any(case.right for case in mine):
            what = f"test_{name}.py has no right case that it should accept."
            yield Refusal(name, "", what, write, warns)
        for cell in autograded:
            if not any(cell.grade_id in _lost(case, source) for case in mine):
                what = f"test_{name}.py has no wrong case that should lose its points."
                yield Refusal(name, f"cell `{cell.grade_id}`", what, write, warns)


def make_trials(
    course: Course,
    assignment: str,
    sources: Mapping[str, SourceNotebook],
    cases: Sequence[Case],
    released: Path,
    free: tuple[str, ...] = (),
) -> list[Trial]:
    """The submissions to judge.

    Args:
        released: the folder with the untouched release.
        free: the items whose points it may have.
    """
    trials = []
    for name, source in sources.items():

        def trial(
            who: str, cases: Sequence[Case] = (), *, source: SourceNotebook = source
        ) -> Trial:
            job = job_of(course, assignment, who, source, cases)
            wanted = {item: score for case in cases for item, score in case.items.items()}
            blame = {item: case.name for case in cases for item in case.items}
            return Trial(who, job, source, wanted, blame, cases=tuple(c.name for c in cases))

        reference = trial("the reference")
        # Challenges are drawn from the submission's content, so a comment more makes others.
        job = reference.job
        again = dataclasses.replace(
            job,
            cells=(*job.cells, "# another challenge"),
            grade_ids=(*job.grade_ids, ""),
            stubs=(*job.stubs, ""),
            tests=(*job.tests, None),
        )
        second = "the reference, on a second challenge,"
        trials += [reference, dataclasses.replace(reference, who=second, job=again)]
        untouched = _untouched(course, assignment, source, released)
        trials.append(Trial("the untouched release", untouched, source, earns=False, free=free))
        mine = [case for case in cases if case.notebook == name]
        right = disjoint((case for case in mine if case.right), source)
        if right:
            trials.append(trial("a right case", right))
        trials += [trial("a wrong case", chosen) for chosen in _rounds(mine, source)]
    return trials


def job_of(
    course: Course, assignment: str, who: str, source: SourceNotebook, cases: Sequence[Case]
) -> Job:
    """The job of a submission with the reference's solutions, or these cases' instead."""
    taken = as_read(submission_of(source, cases), source)
    nothing = course.records / "none"  # the submission brings no files of its own
    return make_job(course, assignment, who, source, taken, nothing)


def _untouched(course: Course, assignment: str, source: SourceNotebook, released: Path) -> Job:
    """What somebody hands in who has done nothing."""
    notebook = nbformat.read(released / f"{source.name}.ipynb", as_version=4)
    who = "the untouched release"
    return make_job(course, assignment, who, source, as_read(notebook, source), released)


def _rounds(cases: Sequence[Case], source: SourceNotebook) -> Iterator[list[Case]]:
    """Wrong submissions in as few submissions as it takes to lose each item once."""
    wrong = sorted(
        (case for case in cases if not case.right), key=lambda case: (len(case.items), case.name)
    )
    open_items = {item for case in wrong for item in _lost(case, source)}
    while open_items:
        chosen = disjoint((case for case in wrong if open_items & _lost(case, source)), source)
        open_items -= {item for case in chosen for item in _lost(case, source)}
        yield chosen


def disjoint(cases: Iterable[Case], source: SourceNotebook) -> list[Case]:
    """Cases, first come first served, that touch neither the cells nor the items of another."""
    chosen: list[Case] = []
    touched: set[str] = set()
    judged_by = {cell.solution: cell.grade_id for cell in source.grade_cells}
    for case in cases:
        touches = {*case.cells, *case.items, *(judged_by.get(cell, "") for cell in case.cells)}
        if not touches & touched:
            touched |= touches - {""}
            chosen.append(case)
    return chosen


def _lost(case: Case, source: SourceNotebook) -> set[str]:
    points = {cell.grade_id: cell.max_score for cell in source.grade_cells}
    return {
        item
        for item, expected in case.items.items()
        if expected.score < points.get(item, 0) and expected.verdict != Verdict.PASSED
    }
