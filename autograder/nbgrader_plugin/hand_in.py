"""How nbgrader reads a hand-in: through the kit's intake, whatever the file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode

from autograder.course import find_course, load_course
from autograder.engine.hand_ins import read_repaired
from autograder.sandbox.wall import check_wall

METADATA = "autograder"


class HandInExporter(NotebookExporter):  # type: ignore[misc]
    """Reads submitted notebooks through `course.intake`, and refuses to exist without a box.

    nbgrader makes its exporter before it touches a hand-in or the gradebook, so where the wall
    cannot be built, grading stops with nothing changed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_wall()
        super().__init__(*args, **kwargs)

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        """Read and convert one notebook; a damaged one becomes an empty one with a reason on it."""
        about = (resources or {}).get("nbgrader", {})
        path = Path(filename)
        course = load_course(find_course(Path.cwd()))
        submitted = course.submitted(about["student"], about["assignment"])
        if path.parent.resolve() != submitted.resolve():  # the second pass, over our own output
            found: tuple[str, dict[str, Any]] = super().from_filename(filename, resources, **kwargs)
            return found
        for link in (entry for entry in submitted.rglob("*") if entry.is_symlink()):
            # nbgrader has copied what it points to, which may be anybody's.
            copied = course.autograded(about["student"], about["assignment"])
            (copied / link.relative_to(submitted)).unlink(missing_ok=True)
        source = course.notebooks(about["assignment"])[about["notebook"]]
        notebook, repairs, unreadable = read_repaired(path, source)
        for repaired in repairs:
            self.log.warning("%s, %s: %s", about["student"], about["notebook"], repaired)
        if unreadable:
            self.log.error("%s: not graded, %s", about["student"], unreadable)
        notebook.metadata[METADATA] = NotebookNode(repairs=repairs, unreadable=unreadable)
        result: tuple[str, dict[str, Any]] = self.from_notebook_node(notebook, resources, **kwargs)
        return result
