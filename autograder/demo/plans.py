"""What a student of the demo hands in, and what that should get."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from autograder.course import SourceNotebook
from autograder.course.cells import grade_id_of
from autograder.errors import KitError
from autograder.release.cases import Case, submission_of


@dataclass(frozen=True)
class SubmissionPlan:
    """One student of the demo."""

    name: str
    about: str
    cases: tuple[str, ...] = ()  # names of folders in tests/cases
    cells: Mapping[str, str] = field(default_factory=dict)  # other solution cells, by grade_id
    notebooks: tuple[str, ...] | None = None  # which are handed in; None: all
    released: bool = False  # the release as it was handed out, nothing filled in
    damage: Callable[[Path], None] | None = None  # done to the folder at the end
    scores: Mapping[str, float] = field(default_factory=dict)  # where the cases do not say it
    unreadable: tuple[str, ...] = ()  # notebooks that staff must look at: nothing in them is graded
    like: Mapping[str, str] = field(
        default_factory=dict
    )  # notebooks that are somebody else's, by name
    rewritten: Mapping[str, str] = field(default_factory=dict)  # words of those that are changed


def write_submission(
    plan: SubmissionPlan,
    others: Mapping[str, SubmissionPlan],
    folder: Path,
    sources: Mapping[str, SourceNotebook],
    cases: Mapping[str, Case],
    release: Path,
) -> None:
    """Write a student's notebooks as they would be handed in.

    Args:
        others: the whole class, by name.

    Raises:
        KitError: when the plan names a case or a cell that is not there.
    """
    folder.mkdir(parents=True)
    for name in sources if plan.notebooks is None else plan.notebooks:
        path = folder / f"{name}.ipynb"
        if plan.released:
            path.write_bytes((release / path.name).read_bytes())
            continue
        whose = others[plan.like[name]] if name in plan.like else plan
        notebook = submission_of(sources[name], _cases(whose, cases))
        texts = {**_ANSWERS, **whose.cells, **plan.cells}
        for cell in notebook.cells:
            if (grade_id := grade_id_of(cell)) in texts:
                cell.source = texts[grade_id]
            if grade_id and name in plan.like:
                cell.source = _rewritten(cell.source, plan.rewritten)
        nbformat.write(notebook, path)
    if plan.damage is not None:
        plan.damage(folder)


def _rewritten(text: str, words: Mapping[str, str]) -> str:
    for old, new in words.items():
        text = re.sub(rf"\b{re.escape(old)}\b", new, text)
    return text


def expected_items(
    plan: SubmissionPlan,
    others: Mapping[str, SubmissionPlan],
    sources: Mapping[str, SourceNotebook],
    cases: Mapping[str, Case],
) -> dict[str, float | None]:
    """What each autograded item of a submission should get; None where staff must act.

    Raises:
        KitError: when neither the plan nor its cases say it.
    """
    wanted: dict[str, float | None] = {}
    for name, source in sources.items():
        there = plan.notebooks is None or name in plan.notebooks
        for cell in source.grade_cells:
            if cell.max_score == 0:  # a bonus, for which nobody here hands anything in
                continue
            if name in plan.unreadable:
                wanted[cell.grade_id] = None
            elif not cell.manual:
                empty = plan.released or not there
                wanted[cell.grade_id] = 0.0 if empty else cell.max_score
    for case in _cases(plan, cases):
        for grade_id, item in case.items.items():
            if grade_id in plan.scores or case.notebook in plan.unreadable:
                continue
            if item.score is None:
                raise KitError(f"The case {case.name} leaves the score of {grade_id} open.")
            wanted[grade_id] = item.score
    for name, student in plan.like.items():
        theirs = expected_items(others[student], others, {name: sources[name]}, cases)
        wanted |= {
            cell.grade_id: theirs[cell.grade_id]
            for cell in sources[name].grade_cells
            if cell.grade_id in theirs
        }
    return {**wanted, **plan.scores}


def _cases(plan: SubmissionPlan, cases: Mapping[str, Case]) -> list[Case]:
    missing = [name for name in plan.cases if name not in cases]
    if missing:
        raise KitError(f"The demo needs the cases {', '.join(missing)} in tests/cases.")
    return [cases[name] for name in plan.cases]


# Written answers; people mark them in the formgrader.

_ANSWERS = {
    "why_ten": (
        "CIFAR-10 has no image of a class above 9, so the other 990 outputs never see a positive "
        "example. The softmax only ever pushes them down. One could also have kept all 1000 outputs "
        "and ignored the 990, or put a second layer 1000 → 10 on top."
    ),
    "read_the_curves": (
        "The loss still falls while the accuracy hardly rises any more: the network begins to learn "
        "its training images by heart. Next I would augment the images, or stop earlier."
    ),
    "what_changed": (
        "The patches keep most of their noise; some change their colour, and in the second layer "
        "some channels turn into gradients. 3×3 pixels show colours and edges, but no shapes."
    ),
}
