"""Takes in a handed-in notebook: reads it whatever it is, and puts back what the course owns.

Every byte of a hand-in is untrusted. Points, ids, kinds and locked cells come from the course's
source notebook; from the hand-in come only the sources of the other cells. What is repaired is said,
and no repair costs a point: hidden tests look at what the notebook defines, not at its cells.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
import warnings
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.course.cells import SourceNotebook, grade_id_of

MAX_NOTEBOOK_MIB = 150  # a notebook with many large figures is 20 MiB
MAX_FILE_MIB = 64  # the other files of a hand-in, together
MAX_FILES = 200


class Unreadable(Exception):
    """A handed-in file that is no notebook; the text says why, for staff and student."""


@dataclass
class HandIn:
    """A handed-in notebook that is ready for the box."""

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        """The sources of the code cells, in order."""
        return tuple(cell.source for cell in self.notebook.cells if cell.cell_type == "code")


def read_notebook(path: Path) -> NotebookNode:
    """Read a handed-in notebook as nbformat 4, without its outputs.

    Raises:
        Unreadable: when it is no notebook; the message says why.
    """
    content = _read_regular(path, MAX_NOTEBOOK_MIB * 2**20)
    text = None
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None or not text.strip():
        raise Unreadable(
            f"{path.name} is empty" if not content.strip() else f"{path.name} is no text"
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(f"{path.name} is not JSON, so it is no notebook") from None
    if not isinstance(data, dict) or type(data.get("nbformat")) is not int:
        raise Unreadable(f"{path.name} is JSON, but no notebook")
    _drop_outputs(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # ids that are missing or there twice: _plain gives others
            notebook = nbformat.from_dict(nbformat.convert(nbformat.from_dict(data), 4))
        return _plain(notebook)
    except Exception as error:
        raise Unreadable(f"{path.name} is a damaged notebook ({type(error).__name__})") from None


def repair(notebook: NotebookNode, source: SourceNotebook) -> HandIn:
    """Put back what the course owns, and say what was not as released.

    Idempotent: a repaired notebook is left as it is.
    """
    released = source.released_cells()
    result = HandIn(notebook)
    holders = _claim(notebook, released, result.repairs)
    for grade_id, original in released.items():
        metadata = NotebookNode(original.metadata.nbgrader)
        cell = holders.get(grade_id)
        if cell is None:
            cell = _add_missing(notebook, holders, released, grade_id)
            holders[grade_id] = cell
            result.repairs.append(f"the cell `{grade_id}` was missing and was put back")
        for key in ("deletable", "editable"):
            cell.metadata.pop(key, None)
        cell.metadata["nbgrader"] = metadata
        if cell.cell_type != original.cell_type:
            _change_type(cell, original.cell_type)
            result.repairs.append(f"the cell `{grade_id}` had another type")
        if metadata.get("locked") and cell.source != original.source:
            if cell.source.strip() != original.source.strip():
                result.repairs.append(f"the locked cell `{grade_id}` was changed and was put back")
            cell.source = original.source
    kernelspec = source.notebook.metadata.get("kernelspec")
    if kernelspec:
        notebook.metadata["kernelspec"] = NotebookNode(kernelspec)
    return result


def own_files(folder: Path) -> dict[str, bytes]:
    """The other files of a hand-in, for the box's work folder: regular ones, up to a total size."""
    found: dict[str, bytes] = {}
    left = MAX_FILE_MIB * 2**20
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.suffix == ".ipynb" or path.name == "timestamp.txt" or len(found) >= MAX_FILES:
            continue
        try:
            content = _read_regular(path, left)
        except (Unreadable, OSError):
            continue
        left -= len(content)
        found[str(path.relative_to(folder))] = content
    return found


def course_files(folder: Path) -> dict[str, bytes]:
    """The files that the course gives along with its notebooks; they win over a hand-in's own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".ipynb"
        and "__pycache__" not in path.parts
        and ".ipynb_checkpoints" not in path.parts
    }


def empty_hand_in(source: SourceNotebook) -> NotebookNode:
    """A notebook with the course's cells and nothing in them, to stand for one that is unreadable."""
    cells = []
    for original in source.released_cells().values():
        cell = NotebookNode(original)
        if not cell.metadata.nbgrader.get("locked"):
            cell.source = ""
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells.append(cell)
    notebook = nbformat.v4.new_notebook(cells=cells)
    if source.notebook.metadata.get("kernelspec"):
        notebook.metadata["kernelspec"] = NotebookNode(source.notebook.metadata.kernelspec)
    return notebook


def _read_regular(path: Path, limit: int) -> bytes:
    """A regular file's bytes; never through a symbolic link, a pipe or a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Unreadable(
            f"{path.name} cannot be opened ({error.strerror}); is it a link?"
        ) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Unreadable(f"{path.name} is no ordinary file")
    with os.fdopen(descriptor, "rb") as stream:
        if status.st_size > limit:
            raise Unreadable(
                f"{path.name} has {status.st_size // 2**20} MiB, over {limit // 2**20} MiB"
            )
        return stream.read(limit + 1)


def _encodings(content: bytes) -> tuple[str, ...]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ("utf-16",)
    return ("utf-8-sig", "latin-1") if b"\0" not in content else ("utf-8-sig",)


def _drop_outputs(data: dict[str, object]) -> None:
    """Outputs of a hand-in are not looked at; dropping them early keeps a huge one cheap."""
    sheets = data.get("worksheets")
    holders = [data, *(sheets if isinstance(sheets, list) else [])]
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, dict) and "outputs" in cell:
                cell["outputs"] = []


def _plain(notebook: NotebookNode) -> NotebookNode:
    """Rebuild the notebook from the parts that matter, so that odd ones cannot break a later step."""
    cells = []
    ids: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        kind = cell.get("cell_type")
        text = cell.get("source", "")
        text = clean_text("".join(map(str, text)) if isinstance(text, list) else str(text))
        if kind == "code":
            made = nbformat.v4.new_code_cell(text)
        elif kind in ("markdown", "raw", "heading"):
            made = nbformat.v4.new_markdown_cell(text)
        else:
            continue
        cell_id = cell.get("id")
        made.id = _new_id(cell_id if _is_id(cell_id) else f"cell-{number}", ids)
        ids.add(made.id)
        metadata = cell.get("metadata", {})
        if isinstance(metadata, dict) and isinstance(metadata.get("nbgrader"), dict):
            made.metadata["nbgrader"] = metadata["nbgrader"]
        cells.append(made)
    return nbformat.v4.new_notebook(cells=cells)


def _is_id(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) is not None


def _new_id(wanted: str, taken: Container[str]) -> str:
    """An id like `wanted` that no other cell has."""
    numbered = (f"{wanted[:58]}-{number}" for number in itertools.count(2))
    return wanted if wanted not in taken else next(name for name in numbered if name not in taken)


def _claim(
    notebook: NotebookNode, released: dict[str, NotebookNode], repairs: list[str]
) -> dict[str, NotebookNode]:
    """Which cell of the hand-in is which cell of the course; all other claims are removed.

    Of several cells with one id the last one counts, as in nbgrader; the others still run.
    """
    holders: dict[str, NotebookNode] = {}
    unclaimed = []
    for cell in notebook.cells:
        grade_id = grade_id_of(cell)
        if grade_id in released:
            if grade_id in holders:
                holders[grade_id].metadata.pop("nbgrader", None)
                repairs.append(f"the cell `{grade_id}` is there more than once")
            holders[grade_id] = cell
        else:
            if cell.metadata.pop("nbgrader", None) and grade_id:
                repairs.append(f"the cell `{grade_id}` is none of the assignment's")
            unclaimed.append(cell)
    by_cell_id = {
        original.id: grade_id for grade_id, original in released.items() if "id" in original
    }
    for cell in unclaimed:
        grade_id = by_cell_id.get(cell.id)
        if grade_id and grade_id not in holders:
            holders[grade_id] = cell
            repairs.append(f"the cell `{grade_id}` had lost its id")
    return holders


def _add_missing(
    notebook: NotebookNode,
    holders: dict[str, NotebookNode],
    released: dict[str, NotebookNode],
    grade_id: str,
) -> NotebookNode:
    """Put a missing cell behind the course's cell that comes before it."""
    order = list(released)
    before = [holders[name] for name in order[: order.index(grade_id)] if name in holders]
    at = next((i for i, cell in enumerate(notebook.cells) if before and cell is before[-1]), -1) + 1
    original = released[grade_id]
    locked = original.metadata.nbgrader.get("locked")
    text = original.source if locked else ("" if original.cell_type == "code" else _MISSING_ANSWER)
    kinds = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    cell = kinds[original.cell_type](text)
    wanted = f"missing-{grade_id}"[:64].replace(".", "-")
    cell.id = _new_id(wanted, {other.id for other in notebook.cells})
    notebook.cells.insert(at, cell)
    return cell


_MISSING_ANSWER = "*This answer's cell is missing from the hand-in.*"


def _change_type(cell: NotebookNode, kind: str) -> None:
    cell.cell_type = kind
    if kind == "code":
        cell.outputs, cell.execution_count = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)
