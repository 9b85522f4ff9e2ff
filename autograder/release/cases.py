"""Cases: submissions that differ from the reference in a few cells, with the scorecard they should get.

A case is a folder with `scorecard.json` and a file `<grade_id>.py` for each solution cell that it
replaces. `tests/cases/README.md` documents the form. The kit's own tests grade them, the demo's
class is put together from them, and they show that each grader tells right from wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.course import SourceNotebook
from autograder.course.cells import grade_id_of
from autograder.errors import KitError


@dataclass(frozen=True)
class Expected:
    """What an item of a case should get."""

    verdict: str
    score: float
    hint: str = ""  # words that the student must read first
    also: tuple[str, ...] = ()  # words that must stand in some row of the item


@dataclass(frozen=True)
class Case:
    """One situation: which cells it replaces in which notebook, and what that should cost."""

    name: str
    notebook: str
    right: bool
    about: str
    cells: Mapping[str, str]
    items: Mapping[str, Expected] = field(default_factory=dict)
    named: bool = (
        False  # whether words of its items name the mistake, and do not only say what was seen
    )


def agrees(score: float | None, told: float) -> bool:
    """Whether a score is the one in a scorecard.json, where an author may have cut a third to 0.33."""
    if score is None or score == told:
        return score is not None
    decimals = -int(Decimal(repr(told)).as_tuple().exponent)
    return decimals >= 2 and round(score, decimals) == told


def read_case(folder: Path) -> Case:
    """Read one case.

    Raises:
        KitError: when its scorecard is missing or incomplete.
    """
    try:
        data: dict[str, Any] = json.loads((folder / "scorecard.json").read_text())
        items = {
            grade_id: Expected(**{**entry, "also": tuple(entry.get("also", ()))})
            for grade_id, entry in data.get("items", {}).items()
        }
        return Case(
            name=folder.name,
            notebook=data["notebook"],
            right=data["right"],
            about=data["about"],
            cells={path.stem: path.read_text() for path in sorted(folder.glob("*.py"))},
            items=items,
            named=data.get("named", any(one.hint or one.also for one in items.values())),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KitError(
            f"{folder} is no case: {error}. Its scorecard.json tells what it is."
        ) from error


def read_cases(folder: Path) -> dict[str, Case]:
    """All cases below a folder, by name."""
    cases = (read_case(path.parent) for path in sorted(folder.glob("*/scorecard.json")))
    return {case.name: case for case in cases}


def submission_of(source: SourceNotebook, cases: Iterable[Case] = ()) -> NotebookNode:
    """A notebook as handed in by who wrote the reference's solutions, or a case's instead.

    Raises:
        KitError: when a case replaces a cell that the notebook does not have.
    """
    notebook = nbformat.from_dict(json.loads(json.dumps(source.notebook)))
    written = {
        grade_id: text
        for case in cases
        if case.notebook == source.name
        for grade_id, text in case.cells.items()
    }
    for cell in notebook.cells:
        grade_id = grade_id_of(cell)
        if grade_id in written:
            cell.source = written.pop(grade_id).rstrip()
        else:
            cell.source = source.markers.solution.without_delimiters(cell.source)
    if written:
        raise KitError(f"{source.name} has no cell {', '.join(written)} for a case to replace.")
    return notebook
