"""What staff have beside an answer that they mark: the question, the course's own answer, and its rubric.

All from the source notebook, which students never get.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.course import SourceNotebook
from autograder.course.cells import grade_id_of

# As the kit's own assignments have it: the rubric is the last part of the model answer's cell.
_RUBRIC = re.compile(
    r"^\s*(?:#+\s*|[*_]{1,2})(?:Rubric|Marking|Mark scheme)\b[.:]?[*_]{0,2}[.:]?", re.I | re.M
)


@dataclass(frozen=True)
class ModelAnswer:
    """Of one item that a person marks; each text is markdown, but for `code`."""

    question: str
    answer: str
    rubric: str
    is_code: bool = False


def model_answer(source: SourceNotebook, grade_id: str) -> ModelAnswer:
    """What the course says on an item; without an answer or a rubric where it says none."""
    cells = source.notebook.cells
    place = next(n for n, cell in enumerate(cells) if grade_id_of(cell) == grade_id)
    cell = cells[place]
    if cell.metadata.nbgrader.get("task"):
        released = next(c for c in source.released.cells if grade_id_of(c) == grade_id)
        scheme, _trouble = source.markers.mark_scheme.regions(cell.source)
        return ModelAnswer(released.source, "", "\n\n".join("\n".join(part) for part in scheme))
    if cell.cell_type == "code":
        return ModelAnswer(_before(cells, place), cell.source, "", is_code=True)
    parts = _RUBRIC.split(cell.source, maxsplit=1)
    rubric = parts[1].strip() if len(parts) > 1 else ""
    return ModelAnswer(_before(cells, place), parts[0].strip(), rubric)


def _before(cells: list[NotebookNode], place: int) -> str:
    """The text above an answer, which asks for it."""
    above = next((cell for cell in reversed(cells[:place]) if cell.cell_type == "markdown"), None)
    return above.source if above is not None else ""
