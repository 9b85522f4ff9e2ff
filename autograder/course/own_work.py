"""What a student put into cells of their own, beside a cell that a person marks.

A task has no answer of its own: the work stands in cells around its prompt. Students do the same where
there is an answer's cell, or a stub, and leave that untouched. Such work is no less than what stands in the
cell that was meant for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from nbformat import NotebookNode

from autograder.course.cells import SourceNotebook, grade_id_of
from autograder.course.claims import essence


def own_work(
    cells: list[NotebookNode], source: SourceNotebook, grade_id: str
) -> list[NotebookNode]:
    """The student's own cells below one of the course's, up to the next; where none are, those above it.

    Args:
        cells: of a repaired notebook.
    """
    place = next(number for number, cell in enumerate(cells) if grade_id_of(cell) == grade_id)
    below = _own(cells[place + 1 :], source)
    return below or _own(reversed(cells[:place]), source)[::-1]


def _own(cells: Iterable[NotebookNode], source: SourceNotebook) -> list[NotebookNode]:
    own = []
    for cell in cells:
        if grade_id_of(cell) or _text(cell) in _given_texts(source):
            break
        if cell.source.strip():
            own.append(cell)
    return own


def _text(cell: NotebookNode) -> tuple[str, ...]:
    """What is compared; of a cell with nothing but comments the comments, for an answer may stand there."""
    return essence(cell.cell_type, cell.source) or tuple(cell.source.split())


@lru_cache(maxsize=32)
def _given_texts(source: SourceNotebook) -> frozenset[tuple[str, ...]]:
    return frozenset(_text(cell) for cell in source.released.cells) - {()}
