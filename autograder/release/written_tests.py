"""Keeps the tests that nbgrader writes when it makes a release (AUTOTEST) and that students do not get.

They stand in hidden regions: the source has only their templates, the release nothing. nbgrader keeps them in
its gradebook, which judging knows nothing of.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode
from traitlets.config import Config

from autograder.course.cells import grade_id_of
from autograder.course.markers import preprocessors_of_release


class KeepWrittenTests(NbGraderPreprocessor):  # type: ignore[misc]
    """Writes down the grade cells as they are before their hidden regions are taken out."""

    folder = Unicode(help="where a file is written for each notebook").tag(config=True)

    def preprocess(
        self, notebook: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        texts = {
            name: cell.source
            for cell in notebook.cells
            if cell.cell_type == "code" and (name := grade_id_of(cell))
        }
        path = Path(self.folder) / f"{resources['unique_key']}.json"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(json.dumps(texts))
        return notebook, resources


def keep_written_tests(config: Config, folder: Path) -> None:
    """Have nbgrader's release write down what it takes out of cells for students.

    Args:
        config: of the course; it is changed.
    """
    kinds = preprocessors_of_release(config)
    names = [{base.__name__ for base in kind.__mro__} for kind in kinds]
    clearing = [number for number, bases in enumerate(names) if "ClearHiddenTests" in bases]
    place = clearing[0] if clearing else len(kinds)
    config.GenerateAssignment.preprocessors = [*kinds[:place], KeepWrittenTests, *kinds[place:]]
    config.KeepWrittenTests.folder = str(folder)


def written_beside(release: Path) -> Path:
    """Where they are kept for a draft of a release: never inside it."""
    return release.with_name(f"{release.name}.written_tests")


def keep(new: Path, folder: Path) -> None:
    """Put a draft's tests in the place of older ones; with none, none stay."""
    shutil.rmtree(folder, ignore_errors=True)
    if new.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(new, folder)
