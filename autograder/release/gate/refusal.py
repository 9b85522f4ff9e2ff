"""What stands between an assignment and its students: one finding of the release gate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.course.cells import grade_id_of
from autograder.errors import KitError

_SHORT = 200  # characters of a passage


@dataclass(frozen=True)
class Refusal:
    """Why an assignment may not be released: where, what is wrong, what to do."""

    place: str  # a notebook's name, or a file
    cell: str  # a cell of the notebook as `cell_name` gives it; empty for the whole of it
    what: str
    repair: str
    warns: bool = False  # it is said, and keeps nothing back
    passage: str = ""  # what the contract can list as `public`

    def __str__(self) -> str:
        where = f"{self.place}, {self.cell}" if self.cell else self.place
        return f"{where}: {self.what} {self.repair}"


class Refused(KitError):
    """The gate keeps an assignment back; nothing was written."""

    def __init__(self, assignment: str, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusal for refusal in refusals if not refusal.warns)
        told = "\n".join(f"- {refusal}" for refusal in self.refusals)
        count = "one reason" if len(self.refusals) == 1 else f"{len(self.refusals)} reasons"
        super().__init__(f"`{assignment}` is not released, for {count}:\n{told}{self._to_allow()}")

    def _to_allow(self) -> str:
        """The contract's line for all short passages: they recur by chance; long ones were copied."""
        passages = dict.fromkeys(r.passage for r in self.refusals if r.passage)
        short = [passage for passage in passages if len(passage) <= _SHORT]
        if len(short) < 2:
            return ""
        listed = json.dumps(short, ensure_ascii=False)
        return (
            "\n\nWhere students may read all the short passages quoted above, this line of the contract "
            f"says so:\npublic = {listed}"
        )


def cell_name(cell: NotebookNode, number: int) -> str:
    """How a refusal calls a cell: by its grade_id, else by its id, else by its place from 1."""
    grade_id = grade_id_of(cell)
    if grade_id:
        return f"cell `{grade_id}`"
    return f"cell {number} (`{cell['id']}`)" if cell.get("id") else f"cell {number}"
