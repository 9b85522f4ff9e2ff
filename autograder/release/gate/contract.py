"""The contract of an assignment: what was announced, against which its notebooks are held.

`contract.toml` lies beside the hidden tests::

    kernel = "python3"  # the kernelspec of every notebook
    total = 100
    tests = "in the notebook"  # only where it is so: see `course/judged_by.py`
    untouched = ["warm_up"]  # then: items whose points the untouched release may have

    # Lines and numbers of solutions or hidden tests that students may read, on purpose.
    public = ["134,301,514"]

    [autograded.2_parameters]  # grade cells and their points, by notebook
    count_parameters_tests = 8

    [written.1_data_and_head]  # answers and tasks that a person marks
    why_ten = 4

    [bonus.3_training.trained_weights_tests]  # see `course/bonus.py`
    …

Points are read from the notebooks and from nowhere else; the contract only says what they must be, so
that a slip in a notebook's metadata is seen before anybody is graded by it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.course import Course, SourceNotebook
from autograder.course.bonus import SECTION, Bonus, announced, read_bonuses
from autograder.course.contract import CONTRACT
from autograder.course.judged_by import (
    IN_THE_NOTEBOOK,
    KEY,
    has_tests_in_notebooks,
    judged_in_notebook,
)
from autograder.errors import KitError
from autograder.release.gate.refusal import Refusal
from autograder.scorecard import add_points, counted, points_text

FILE = CONTRACT
_KINDS = {"autograded": False, "written": True}


@dataclass(frozen=True)
class Contract:
    """What an assignment's notebooks must agree with."""

    total: float
    kernel: str = "python3"
    public: tuple[str, ...] = ()
    in_notebook: bool = False  # whether items without hidden tests are judged by their own cells
    untouched: tuple[str, ...] = ()  # grade_ids
    # by notebook and grade_id: points, and whether a person marks it
    items: Mapping[str, Mapping[str, tuple[float, bool]]] = field(default_factory=dict)
    bonuses: Mapping[str, Mapping[str, Bonus]] = field(default_factory=dict)  # the same way


def read_contract(path: Path) -> Contract:
    """Read a contract.

    Raises:
        KitError: when it is not there, is no TOML, or holds something else than a contract.
    """
    if not path.is_file():
        raise KitError("it is not there.")
    try:
        data = tomllib.loads(path.read_text())
        items: dict[str, dict[str, tuple[float, bool]]] = {}
        for kind, manual in _KINDS.items():
            for notebook, cells in data.pop(kind, {}).items():
                _refuse_misplaced(cells, f"[{kind}.{_key(notebook)}]")
                known = items.setdefault(notebook, {})
                known |= {grade_id: (_number(p), manual) for grade_id, p in cells.items()}
        contract = Contract(
            total=_number(data.pop("total", 0)),  # of notebooks to read only
            kernel=str(data.pop("kernel", "python3")),
            public=tuple(map(str, data.pop("public", ()))),
            in_notebook=_in_notebook(data.pop(KEY, None)),
            untouched=tuple(map(str, data.pop("untouched", ()))),
            items=items,
            bonuses=read_bonuses(data.pop(SECTION, {})),
        )
    except KeyError as error:
        raise KitError(f"it has no {error}.") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise KitError(f"it cannot be read: {error}.") from error
    if data:
        raise KitError(f"it has {', '.join(data)}, which no contract has.")
    return contract


def bonuses_of(course: Course, assignment: str, notebook: str) -> Mapping[str, Bonus]:
    """The bonus items of a notebook; none where the contract cannot be read, which is refused elsewhere."""
    try:
        return announced(course, assignment, notebook)
    except KitError:
        return {}


def items_in_notebook(
    course: Course, assignment: str, source: SourceNotebook
) -> frozenset[str] | None:
    """The items that are judged by the tests in their own cells; None where the contract knows of no such.

    A contract or a grader file that cannot be read is refused elsewhere.
    """
    try:
        if not has_tests_in_notebooks(course, assignment):
            return None
        return judged_in_notebook(course, assignment, source)
    except KitError:
        return None


def _in_notebook(value: object) -> bool:
    if value not in (None, IN_THE_NOTEBOOK):
        raise ValueError(f'{KEY} is {value!r}, and can only be "{IN_THE_NOTEBOOK}"')
    return value is not None


def _refuse_misplaced(cells: Mapping[str, Any], table: str) -> None:
    """What is written at the end of a file in TOML belongs to the last table, and is easily put there."""
    for name in ("public", "untouched", KEY):
        if isinstance(cells.get(name), list | str):
            raise KitError(
                f"`{name}` stands below {table}, and belongs at the head, above all tables."
            )


def _number(points: Any) -> float:
    if isinstance(points, bool) or not isinstance(points, int | float):
        raise TypeError(f"{points!r} is no number of points")
    return float(points)


def contract_of(sources: Mapping[str, SourceNotebook], kernel: str = "python3") -> str:
    """The text of a contract that these notebooks keep."""
    cells = {name: source.grade_cells for name, source in sources.items()}
    total = add_points(cell.max_score for found in cells.values() for cell in found)
    lines = [f"kernel = {json.dumps(kernel)}", f"total = {total:.12g}"]
    for kind, manual in _KINDS.items():
        for name, found in cells.items():
            rows = [f"{_key(c.grade_id)} = {c.max_score:.12g}" for c in found if c.manual is manual]
            lines += ["", f"[{kind}.{_key(name)}]", *rows] if rows else []
    return "\n".join(lines)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def check_contract(contract: Contract, sources: Mapping[str, SourceNotebook]) -> Iterator[Refusal]:
    """Refuse points, ids and notebooks that are not those of the contract."""
    for name in {**contract.items, **contract.bonuses}:
        if name not in sources:
            yield Refusal(name, "", f"{FILE} has this notebook, but the sources have not.", _AGREE)
    cells = (cell for source in sources.values() for cell in source.grade_cells)
    total = add_points(cell.max_score for cell in cells)
    if total != add_points([contract.total]):
        what = f"the notebooks' points add up to {points_text(total)}, but the total is "
        what += f"{points_text(contract.total)}."
        yield Refusal(FILE, "", what, _AGREE)
    for name, source in sources.items():
        wanted = dict(contract.items.get(name, {}))
        bonuses = contract.bonuses.get(name, {})
        wanted |= dict.fromkeys(bonuses, (0.0, False))  # their points come on top
        if not wanted and source.grade_cells:
            yield Refusal(name, "", f"{FILE} does not know this notebook.", _AGREE)
            continue
        for cell in source.grade_cells:
            place = f"cell `{cell.grade_id}`"
            if cell.grade_id not in wanted:
                what = f"{FILE} has no grade cell of this id."
                yield Refusal(name, place, what, _AGREE)
                continue
            points, manual = wanted.pop(cell.grade_id)
            if points != cell.max_score:
                what = f"it has {counted(cell.max_score, 'point')}, but {FILE} says {points_text(points)}."
                yield Refusal(name, place, what, _AGREE)
            if manual != cell.manual:
                kinds = ("autograded", "written")
                what = f"it is {kinds[cell.manual]}, but {FILE} says {kinds[manual]}."
                yield Refusal(name, place, what, _AGREE)
        for grade_id in wanted:
            what = f"{FILE} has it, but the notebook has no grade cell of this id."
            yield Refusal(name, f"cell `{grade_id}`", what, _AGREE)


_AGREE = "Correct the notebook's metadata, or the contract if that is what has changed."
