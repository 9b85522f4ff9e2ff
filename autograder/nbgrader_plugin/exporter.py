"""How nbgrader reads a submission: through the kit's intake, whatever the file is."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.converters import Autograde

from autograder.course import course_at, find_course
from autograder.course.bonus import announced
from autograder.course.intake import odd_files
from autograder.course.reading import read_regular
from autograder.judge.submission import ReadNotebook, names_of_notebooks, read_notebooks
from autograder.sandbox.wall import check_wall

METADATA = "autograder"


class SubmissionExporter(NotebookExporter):  # type: ignore[misc]
    """Reads submitted notebooks through the kit's intake, and refuses to exist without a box.

    nbgrader makes its exporter before it touches a submission or the gradebook, so where the wall
    cannot be built, grading stops with nothing changed. The exporter then tells nbgrader which
    notebooks there are (their files may have other names), and what of a submission not to open.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_wall(None)  # remembered by its argument, which a grading run gave it before
        super().__init__(*args, **kwargs)
        self._taken: tuple[Path, dict[str, ReadNotebook]] | None = None
        converter = self.parent
        if isinstance(converter, Autograde):
            course = course_at(Path(converter.coursedir.root))
            directory = converter.coursedir
            directory.get_existing_timestamp = _careful(directory.get_existing_timestamp)
            # Files for bonus items are the judge's alone, and may have half a gigabyte.
            large = {
                glob.escape(bonus.file)
                for name in course.notebooks(directory.assignment_id)
                for bonus in announced(course, directory.assignment_id, name).values()
            }
            taken = getattr(converter, "taken", None)  # `autograder grade` has read the submission
            for folder in list(converter.assignments):
                if taken is not None:
                    self._taken = Path(folder), taken
                else:
                    names = names_of_notebooks(course, directory.assignment_id, Path(folder))
                    converter.assignments[folder] = [f"{folder}/{name}.ipynb" for name in names]
                odd = {glob.escape(path.name) for path in odd_files(Path(folder))}
                directory.ignore = sorted({*directory.ignore, *odd, *large})

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        """Read and convert one notebook; a damaged one becomes an empty one with a reason on it."""
        about = (resources or {}).get("nbgrader", {})
        path = Path(filename)
        course = course_at(find_course(Path.cwd()))
        submitted = course.submitted(about["student"], about["assignment"])
        if path.parent.resolve() != submitted.resolve():  # the second pass, over our own output
            found: tuple[str, dict[str, Any]] = super().from_filename(filename, resources, **kwargs)
            return found
        for odd in odd_files(submitted):
            # What a link points to, which may be anybody's, if nbgrader has copied it in spite of all.
            copied = course.autograded(about["student"], about["assignment"])
            (copied / odd.relative_to(submitted)).unlink(missing_ok=True)
        if self._taken is None or self._taken[0] != submitted:
            self._taken = submitted, read_notebooks(course, about["assignment"], submitted)
        taken = self._taken[1][about["notebook"]]
        for repaired in taken.repairs:
            self.log.warning("%s, %s: %s", about["student"], about["notebook"], repaired)
        if taken.unreadable:
            self.log.error("%s: not graded, %s", about["student"], taken.unreadable)
        notebook = taken.notebook
        notebook.metadata[METADATA] = NotebookNode(
            repairs=taken.repairs, unreadable=taken.unreadable, beside=taken.beside
        )
        result: tuple[str, dict[str, Any]] = self.from_notebook_node(notebook, resources, **kwargs)
        return result


def _careful(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """nbgrader's reading of a submission's time, None where there is none that can be read.

    The file is whatever was handed in: nbgrader would wait at a pipe for ever, and fail at nonsense.
    """

    def careful(folder: str) -> Any:
        try:
            read_regular(Path(folder, "timestamp.txt"), 1000)
            return read(folder)
        except Exception:
            return None

    return careful
