"""nbgrader's generate_solution, with the cells run in the box, or in an ordinary kernel for the full size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.preprocessors import CellExecutionError, ExecutePreprocessor
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode

from autograder.course import find_course, load_course
from autograder.course.beside import course_files
from autograder.errors import KitError
from autograder.judge.training_data import box_data
from autograder.sandbox import BoxSettings, open_box


class RunInBox(NbGraderPreprocessor):  # type: ignore[misc]
    """Executes a notebook of the course's own as a student would, and refuses one that raises."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        course = load_course(find_course(Path.cwd()))
        settings = BoxSettings(config=course.config)
        settings.gpu = None  # its limits are for the short size, and it sees no test images
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        files = course_files(course.source(about["assignment"]))
        sources = [cell.source for cell in code]
        with open_box(settings, sources, files, box_data(course), graded=False) as box:
            runs = box.run_cells()
        for number, (cell, run) in enumerate(zip(code, runs, strict=True), 1):
            cell.outputs = [NotebookNode(output) for output in run.outputs]
            cell.execution_count = number
            if run.status != "ok":
                raise KitError(
                    f"The solution of {about['notebook']} does not run: code cell {number} ended with "
                    f"{run.message}. Correct it in the source of {about['assignment']}."
                )
        return nb, resources


class RunInKernel(NbGraderPreprocessor):  # type: ignore[misc]
    """Executes the course's own notebooks outside of the box, with all rights, as a student would at home.

    One after the other in one folder, so that each finds what those before it have written.
    """

    folder = Unicode(help="Where the notebooks run, with the course's files in it.").tag(
        config=True
    )
    data = Unicode(help="A folder with real images, for COURSE_DATA; empty: none.").tag(config=True)
    first = Unicode(help="Code that must run in a kernel of the notebook's kind.").tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        cell = nbformat.v4.new_code_cell(self.first)
        trial = nbformat.v4.new_notebook(cells=[cell], metadata=nb.metadata)
        execute = ExecutePreprocessor(timeout=None, record_timing=False)
        with _course_data(self.data or os.environ.get("COURSE_DATA")):
            try:
                for notebook in (trial, nb) if self.first else (nb,):
                    execute.preprocess(notebook, {"metadata": {"path": self.folder}})
            except CellExecutionError as error:
                raise KitError(
                    f"{about['notebook']} does not run: {error.ename}: {error.evalue}. Correct "
                    f"it in the source of {about['assignment']}, or this machine."
                ) from error
        return nb, resources


@contextmanager
def _course_data(folder: str | None) -> Iterator[None]:
    """Have kernels that start now find images there. (nbgrader's setenv takes nothing back.)"""
    before = os.environ.pop("COURSE_DATA", None)
    try:
        os.environ |= {"COURSE_DATA": folder} if folder else {}
        yield
    finally:
        os.environ.pop("COURSE_DATA", None)
        os.environ |= {"COURSE_DATA": before} if before is not None else {}
