"""The grade cells of an assignment, read from its source notebooks: the only place points come from."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.course.kept_release import MadeByNbgrader, made_by_nbgrader
from autograder.course.markers import Markers
from autograder.errors import KitError

AS_HANDED_IN = "as-handed-in"  # a source's tag, for cells that only show something


@dataclass(frozen=True)
class GradeCell:
    """One item of the assignment: a cell that carries points."""

    grade_id: str
    max_score: float
    manual: bool  # a written answer or a task, marked by a person
    solution: str  # grade_id of the solution cell that it judges (its own for a written answer)
    task: bool = False  # nbgrader's "manually graded task": the work stands in cells around it


@dataclass(frozen=True, eq=False)
class SourceNotebook:
    """A source notebook and its grade cells in order. Read once for a whole class: change nothing in it."""

    name: str
    notebook: NotebookNode  # with the cells of the course's header and footer
    grade_cells: tuple[GradeCell, ...]
    path: Path
    markers: Markers
    release: Path | None = None  # where nbgrader's release of it lies, or will
    written: Path | None = None  # what nbgrader wrote of it that is not in the release; see `tests`
    kept: Path | None = None  # where it is kept what nbgrader makes of it; see `kept_release`

    @property
    def is_autograded(self) -> bool:
        """Whether it has cells for the judge; one to read, or with written answers alone, has none."""
        return not all(cell.manual for cell in self.grade_cells)

    @cached_property
    def released(self) -> NotebookNode:
        """The notebook as students get it: without solutions, hidden tests and mark schemes.

        Raises:
            KitError: when nbgrader makes no release of it.
        """
        notebook = self._made.released
        automatic = [cell for cell in notebook.cells if self._made.writes_tests_of(cell)]
        texts = self._texts_of_release() if automatic else {}
        for cell in automatic:
            cell.source = texts.get(grade_id_of(cell), cell.source)
        return notebook

    @cached_property
    def _made(self) -> MadeByNbgrader:
        try:
            return made_by_nbgrader(self.notebook, self.markers, self.kept)
        except KitError as error:
            raise KitError(f"{self.path}: {error}") from error

    def is_instantiated(self, cell: NotebookNode) -> bool:
        """Whether nbgrader writes the tests of one of its cells when it makes the release (AUTOTEST)."""
        return self._made.writes_tests_of(cell)

    def _texts_of_release(self) -> dict[str | None, str]:
        """Tests that nbgrader wrote when it made the release (AUTOTEST) stand there and nowhere else."""
        if self.release is None or not self.release.is_file():
            return {}
        try:
            notebook = nbformat.read(self.release, as_version=4)
        except Exception as error:
            raise KitError(f"The release {self.release} cannot be read: {error}") from error
        return {grade_id_of(cell): cell.source for cell in notebook.cells if grade_id_of(cell)}

    def has_written_secrets(self) -> bool:
        """Whether nbgrader writes tests (AUTOTEST) into a cell with a hidden region."""
        return any(
            self.is_instantiated(cell) and self._hides(cell.source) for cell in self.notebook.cells
        )

    def _hides(self, text: str) -> bool:
        return bool(self.markers.hidden_tests.regions(text)[0])

    def tests(self, grade_ids: Collection[str]) -> dict[str, str]:
        """The texts of grade cells with all of their tests, also those that students do not get.

        Tests that nbgrader wrote (AUTOTEST) stand in the release; where the cell has a hidden region, in the
        file `written`, by grade_id, which `autograder release` keeps.

        Raises:
            KitError: when nbgrader makes no release of the notebook, or that file is not of this release.
        """
        texts = {}
        for cell in self.notebook.cells:
            grade_id = grade_id_of(cell)
            if grade_id is None or grade_id not in grade_ids:
                continue
            texts[grade_id] = cell.source
            if self.is_instantiated(cell):
                released = self.released_cells()[grade_id].source
                hides = self._hides(cell.source)
                texts[grade_id] = self._written(grade_id, released) if hides else released
        return texts

    def _written(self, grade_id: str, released: str) -> str:
        try:
            text = json.loads(self.written.read_text())[grade_id] if self.written else ""
        except (OSError, ValueError, KeyError):
            text = ""
        if not text or self.markers.for_students(text) != released:
            raise KitError(
                f"{self.path}, cell `{grade_id}`: what nbgrader wrote into its hidden region (AUTOTEST) is "
                "not known for the release as it is. Release it with `autograder release`, not with "
                "nbgrader's own command."
            )
        return str(text)

    @cached_property
    def as_handed_in(self) -> dict[str, bool]:
        """The cells whose outputs are shown as they were handed in, by grade_id, and whether they are locked.

        A locked one need not be run. A grade cell is none of them, whatever its tags say.
        """
        found: dict[str, bool] = {}
        for cell in self.notebook.cells:
            grade_id, about = grade_id_of(cell), cell.metadata.get("nbgrader", {})
            shown = AS_HANDED_IN in cell.metadata.get("tags", ()) and not about.get("grade")
            if grade_id and shown and cell.cell_type == "code":
                found[grade_id] = not about.get("solution")
        return found

    def released_cells(self) -> dict[str, NotebookNode]:
        """The cells with a grade_id as students get them, with nbgrader's metadata and no other."""
        released = {}
        for cell in self.released.cells:
            grade_id = grade_id_of(cell)
            if grade_id:
                released[grade_id] = NotebookNode(cell)
                about = NotebookNode(nbgrader=NotebookNode(cell.metadata.nbgrader))
                released[grade_id].metadata = about
        return released


def grade_id_of(cell: NotebookNode) -> str | None:
    """The cell's grade_id, or None; the metadata of a submission may be anything."""
    metadata = cell.get("metadata", {}).get("nbgrader")
    grade_id = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return grade_id if isinstance(grade_id, str) and grade_id else None


def read_file(path: Path) -> NotebookNode:
    """A source notebook as it is in its file.

    Raises:
        KitError: when it cannot be read.
    """
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except Exception as error:
        raise KitError(f"The source notebook {path} cannot be read: {error}") from error
    return notebook


def read_source(path: Path, markers: Markers | None = None) -> SourceNotebook:
    """Read a source notebook.

    Args:
        markers: the course's; without them nbgrader's defaults hold.

    Raises:
        KitError: when it is damaged: not readable, two cells with one id, or points that are none.
    """
    markers = markers or Markers()
    notebook = markers.with_header(read_file(path))
    cells: list[GradeCell] = []
    seen: set[str] = set()
    solution = ""
    for cell in notebook.cells:
        grade_id = grade_id_of(cell)
        if grade_id is None:
            continue
        if grade_id in seen:
            raise KitError(
                f"{path}: two cells have the grade_id `{grade_id}`. Give one another id."
            )
        seen.add(grade_id)
        metadata: dict[str, Any] = cell.metadata.nbgrader
        if metadata.get("solution"):
            solution = grade_id
        task = bool(metadata.get("task"))
        if metadata.get("grade") or task:
            manual = task or bool(metadata.get("solution")) or cell.cell_type != "code"
            points = _points(path, grade_id, metadata)
            judged = grade_id if task else solution
            cells.append(GradeCell(grade_id, points, manual, judged, task))
    return SourceNotebook(path.stem, notebook, tuple(cells), path, markers)


def _points(path: Path, grade_id: str, metadata: dict[str, Any]) -> float:
    points = metadata.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < 1e6:
        raise KitError(f"{path}: the cell `{grade_id}` has points {points!r}; give it a number.")
    return float(points)
