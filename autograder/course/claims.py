"""Which cell of a submission is which cell of the course.

A cell says so itself by its grade_id; where that is lost or there twice, its cell id, its text and the
names that it defines are asked. None of this decides about marks: hidden tests look at what the
notebook defines. It decides which cell people see as the answer, and which cells the course owns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograder.course.cells import grade_id_of

Cells = dict[str, NotebookNode]  # by grade_id

_FUNCTION = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_VARIABLE = re.compile(r"^(\w+)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)

# A bracket that does not end goes to the end of the text: else each one would be looked for anew.
_IMPORTED = re.compile(r"^from[ \t]+[\w.]+[ \t]+import[ \t]*(\([^)]*|[^\n;(]+)", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*")
_RUN = re.compile(r"^%run[ \t]", re.MULTILINE)


def essence(kind: str, source: str) -> tuple[str, ...]:
    """What two cells that say the same have in common: no empty lines, no comments in code."""
    lines = (line.rstrip() for line in source.splitlines())
    return tuple(
        line for line in lines if line and not (kind == "code" and line.lstrip()[0] == "#")
    )


def is_untouched(cell: NotebookNode, released: NotebookNode) -> bool:
    """Whether a cell holds what was released and nothing of a student's."""
    return essence(released.cell_type, cell.source) == essence(released.cell_type, released.source)


def is_locked(released: NotebookNode) -> bool:
    """Whether the course owns this cell's text, by nbgrader's rule: kinds count before `locked`."""
    about = released.metadata.nbgrader
    return not about.get("solution") and bool(about.get("grade") or about.get("locked"))


def is_marked_by_person(released: NotebookNode) -> bool:
    about = released.metadata.nbgrader
    return bool(about.get("task") or (about.get("grade") and about.get("solution")))


def is_code_stub(released: NotebookNode) -> bool:
    """Whether students write code in this cell."""
    return released.cell_type == "code" and not is_locked(released)


def is_answer(released: NotebookNode) -> bool:
    """Whether students write words in this cell."""
    return released.cell_type != "code" and not is_locked(released)


def defined_names(source: str) -> set[str]:
    """The functions, classes and variables that a cell defines at its top level."""
    return set(_FUNCTION.findall(source)) | set(_VARIABLE.findall(source))


def bound_names(source: str) -> set[str]:
    """As `defined_names`, and what is imported by name, also within `if`, `try` and their like.

    "*" stands for what cannot be read here: a star import's names, and those of a notebook or file that
    is run.
    """
    visible: list[
        str
    ] = []  # lines outside of functions and classes, as if they all stood at the margin
    margin: int | None = None  # of the function or class within which the lines are
    for line in source.expandtabs().splitlines():
        text = line.lstrip()
        indent = len(line) - len(text)
        if margin is not None and text and indent <= margin:
            margin = None
        if margin is None:
            visible.append(text)
            if _FUNCTION.match(text):
                margin = indent
    text = "\n".join(visible)
    imported = [
        part.split()[-1]
        for names in _IMPORTED.findall(_COMMENT.sub("", text))
        for part in names.strip("(").split(",")
        if part.split()
    ]
    run = {"*"} if _RUN.search(text) else set()
    return defined_names(text) | set(imported) | run


def functions_in(source: str) -> set[str]:
    """The functions and classes that a cell defines at its top level."""
    return set(_FUNCTION.findall(source))


def wanted_names(released: NotebookNode) -> set[str]:
    """What a student is to define in this cell: its functions and classes."""
    return functions_in(released.source) if is_code_stub(released) else set()


@dataclass
class Claims:
    """Who is who in a submission: for each cell of the course its holder, and other cells with its id."""

    holders: Cells = field(default_factory=dict)
    copies: dict[str, list[NotebookNode]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # a line for each claim that was repaired


def claim(cells: list[NotebookNode], released: Cells) -> Claims:
    """Find the holders of the course's cells among those of a submission, and remove all other claims."""
    claims = _by_grade_id(cells, released)
    holders = claims.holders
    for grade_id, original in released.items():
        old = holders.get(grade_id)
        names = wanted_names(original)
        if old is not None and not (names and is_untouched(old, original)):
            continue
        held = {id(cell) for cell in holders.values()}
        free = [cell for cell in cells if id(cell) not in held]
        found = _writer(original, names, free)
        if found is not None and old is not None:
            old.metadata.pop("nbgrader", None)
            claims.said.append(
                f"the cell `{grade_id}` is as it was released; another one that defines "
                f"{', '.join(f'`{name}`' for name in sorted(names))} was taken for it"
            )
        elif old is None:
            found = found or _lost(original, free)
            if found is not None:
                claims.said.append(f"the cell `{grade_id}` had lost its id")
        if found is not None:
            holders[grade_id] = found
    return claims


def _by_grade_id(cells: list[NotebookNode], released: Cells) -> Claims:
    claims = Claims()
    claimants: dict[str, list[NotebookNode]] = {}
    for cell in cells:
        grade_id = grade_id_of(cell)
        if grade_id in released:
            claimants.setdefault(str(grade_id), []).append(cell)
        elif cell.metadata.pop("nbgrader", None) and grade_id:
            claims.said.append(f"the cell `{grade_id}` is none of the assignment's")
    for grade_id, found in claimants.items():
        best = claims.holders[grade_id] = _best(found, released[grade_id])
        claims.copies[grade_id] = [cell for cell in found if cell is not best]
        for cell in claims.copies[grade_id]:
            cell.metadata.pop("nbgrader", None)
        if len(found) > 1:
            claims.said.append(f"the cell `{grade_id}` is there more than once")
    return claims


def _best(claimants: list[NotebookNode], released: NotebookNode) -> NotebookNode:
    """Of several cells with one id the last one in which a student worked, or a locked one is whole."""

    def worth(numbered: tuple[int, NotebookNode]) -> tuple[bool, bool, int]:
        number, cell = numbered
        untouched = is_untouched(cell, released)
        good = untouched if is_locked(released) else bool(cell.source.strip()) and not untouched
        return cell.cell_type == released.cell_type, good, number

    return max(enumerate(claimants), key=worth)[1]


def _writer(
    original: NotebookNode, names: set[str], free: list[NotebookNode]
) -> NotebookNode | None:
    """A cell in which a student wrote what a solution cell asks for; the last one, for it counts."""
    writers = [
        cell
        for cell in free
        if names
        and cell.cell_type == "code"
        and names <= defined_names(cell.source)
        and not is_untouched(cell, original)
    ]
    same_id = [cell for cell in writers if cell.id == original.get("id")]
    return next(reversed([*writers, *same_id]), None)


def _lost(original: NotebookNode, free: list[NotebookNode]) -> NotebookNode | None:
    """A cell with the id or else the text of one of the course's."""
    same_id = [cell for cell in free if cell.id == original.get("id")]
    same_text = [
        cell
        for cell in free
        if cell.cell_type == original.cell_type and is_untouched(cell, original)
    ]
    return next(iter((*same_id, *same_text)), None)
