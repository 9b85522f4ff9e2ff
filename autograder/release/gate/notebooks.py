"""The form of notebooks: before the release is made of them, and after."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4.rwbase import rejoin_lines

from autograder.course.markers import Markers
from autograder.errors import KitError
from autograder.release.gate.refusal import Refusal, cell_name

# Where Jupyter, VS Code and Colab keep results of a run, besides outputs.
_RUN_METADATA = ("ExecuteTime", "execution", "executionInfo", "outputId")


def read_raw(path: Path) -> NotebookNode:
    """A notebook exactly as it is in its file: nbformat's reader would fill in what is missing.

    Raises:
        KitError: when it is no notebook of nbformat 4.
    """
    try:
        notebook: NotebookNode = rejoin_lines(nbformat.from_dict(json.loads(path.read_text())))
        if notebook.nbformat == 4 and isinstance(notebook.cells, list):
            return notebook
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        pass
    raise KitError("it is no notebook of nbformat 4.")


def check_source(
    name: str, notebook: NotebookNode, kernel: str, markers: Markers
) -> Iterator[Refusal]:
    """Refuse a source notebook that no release can be made of, or not the same one each time."""
    belongs = (
        (markers.solution, "solution", "a solution cell"),
        (markers.hidden_tests, "grade", "a grade cell"),
        (markers.mark_scheme, "task", "a task cell"),
    )
    yield from _check_valid(name, notebook)
    yield from _check_kernelspec(name, notebook, kernel)
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells, 1):
        place = cell_name(cell, number)
        about = cell.metadata.get("nbgrader", {})
        grade_id = about.get("grade_id")
        if grade_id in seen:
            what = "another cell of the notebook has the same grade_id."
            yield Refusal(name, place, what, "Give one of them another id.")
        seen |= {grade_id} if grade_id else set()
        if cell.cell_type == "code" and (about.get("solution") or about.get("grade")):
            yield from _check_python(name, place, cell.source)
        yield from _check_kind(name, place, cell, about)
        for delimiters, kind, where in belongs:
            regions, wrong = delimiters.regions(cell.source)
            if wrong:
                yield Refusal(name, place, wrong, "Mark the region from its begin to its end.")
            elif regions and not about.get(kind):
                what = f"`{delimiters.begin}` stands outside {where}, where nothing takes it out."
                yield Refusal(name, place, what, f"Make it {where}, or take the lines out.")


def check_released(name: str, notebook: NotebookNode, kernel: str) -> Iterator[Refusal]:
    """Refuse a released notebook that is not valid, or carries results of a run."""
    yield from _check_valid(name, notebook)
    yield from _check_kernelspec(name, notebook, kernel)
    again = "Clear all outputs of the source notebook and save it."
    if notebook.metadata.get("widgets"):
        yield Refusal(name, "", "its metadata keep the state of widgets, a kind of output.", again)
    for number, cell in enumerate(notebook.cells, 1):
        place = cell_name(cell, number)
        if cell.get("outputs"):
            yield Refusal(name, place, "it has an output.", again)
        if cell.get("execution_count") is not None:
            what = f"it has the execution count {cell.execution_count}."
            yield Refusal(name, place, what, again)
        for key in _RUN_METADATA:
            if cell.metadata.get(key):
                what = f"its metadata keep results of a run (`{key}`)."
                yield Refusal(name, place, what, again)


def _check_kind(
    name: str, place: str, cell: NotebookNode, about: dict[str, Any]
) -> Iterator[Refusal]:
    """Refuse what nbgrader's own check of a cell's metadata would, which names no notebook."""
    if about.get("task"):
        if cell.cell_type != "markdown":
            what = (
                f"it is a task in a {cell.cell_type} cell; nbgrader takes tasks in Markdown alone."
            )
            yield Refusal(name, place, what, "Make it a Markdown cell; the work stands below it.")
    elif cell.cell_type == "markdown" and bool(about.get("grade")) != bool(about.get("solution")):
        what = "it is a Markdown cell that is graded and no answer, or an answer without points."
        yield Refusal(name, place, what, "Choose `Manually graded answer` or `Read-only` for it.")


def _check_python(name: str, place: str, text: str) -> Iterator[Refusal]:
    """Refuse a solution or a test that is no Python (with IPython's magics); else only results are missed."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        with warnings.catch_warnings():
            # An escape that Python does not know is no fault of form.
            warnings.simplefilter("ignore")
            ast.parse(TransformerManager().transform_cell(text))
    except SyntaxError as error:
        what = f"it is no Python: {error.msg}, line {error.lineno}."
        yield Refusal(name, place, what, "Correct it.")


def _check_valid(name: str, notebook: NotebookNode) -> Iterator[Refusal]:
    ids: set[str] = set()
    for number, cell in enumerate(notebook.cells, 1):
        repair = "Open the notebook in Jupyter and save it."
        if notebook.get("nbformat_minor", 0) >= 5 and "id" not in cell:
            what = "it has no id, so each release would give it another one."
            yield Refusal(name, cell_name(cell, number), what, repair)
        elif cell.get("id") in ids:
            what = f"another cell has its id `{cell.id}`."
            yield Refusal(name, cell_name(cell, number), what, repair)
        ids |= {cell.id} if "id" in cell else set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the ids, which were looked at above
            nbformat.validate(json.loads(json.dumps(notebook)), version=4)
    except nbformat.ValidationError as error:
        what = f"it is no valid notebook: {str(error).splitlines()[0]}."
        yield Refusal(name, "", what, "Open it in Jupyter, correct it there and save it.")


def _check_kernelspec(name: str, notebook: NotebookNode, kernel: str) -> Iterator[Refusal]:
    spec = notebook.metadata.get("kernelspec") or {}
    chosen = spec.get("name")
    repair = f"Choose the kernel `{kernel}` in Jupyter and save the source notebook."
    if not chosen and not any(cell.cell_type == "code" for cell in notebook.cells):
        return  # one to read, for which no editor asks
    if not chosen:
        yield Refusal(name, "", "it has no kernelspec, so editors must ask for a kernel.", repair)
    elif chosen != kernel:
        what = f"its kernelspec is `{chosen}`, but the contract says `{kernel}`."
        yield Refusal(name, "", what, repair)
    elif not spec.get("display_name") or not spec.get("language"):
        yield Refusal(name, "", "its kernelspec lacks display_name or language.", repair)
