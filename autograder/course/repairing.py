"""Puts back what the course owns in a submitted notebook, and keeps the student's work from harm.

Points, ids, kinds and locked cells come from the course's source notebook; from the submission come only
the sources of the other cells. What a student wrote in the wrong place is kept, no repair costs a
point, and each one is said. To repair twice changes nothing: nbgrader's converter passes here again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from autograder.course.cells import SourceNotebook, grade_id_of
from autograder.course.claims import (
    Cells,
    bound_names,
    claim,
    defined_names,
    essence,
    is_answer,
    is_code_stub,
    is_locked,
    is_marked_by_person,
    is_untouched,
    wanted_names,
)
from autograder.course.otter_checks import put_tests_at_checks
from autograder.course.reading import new_id

_PASSES = 5  # two are enough for every damage that we know
_LINES = 40
MISSING_ANSWER = "*This answer's cell is missing from the submission.*"


@dataclass
class RepairedNotebook:
    """A submitted notebook that is ready for the box."""

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        """The sources of the code cells, in order."""
        return tuple(cell.source for cell in self.notebook.cells if cell.cell_type == "code")

    @property
    def grade_ids(self) -> tuple[str, ...]:
        """The grade_ids of the code cells, in order; "" for a student's own."""
        code = (cell for cell in self.notebook.cells if cell.cell_type == "code")
        return tuple(grade_id_of(cell) or "" for cell in code)


def repair(notebook: NotebookNode, source: SourceNotebook) -> RepairedNotebook:
    """Put back what the course owns, and say what was not as released.

    Idempotent: a repaired notebook is left as it is.
    """
    said = put_tests_at_checks(notebook, source)
    for _ in range(_PASSES):  # what one repair brings to light, the next pass finds its place for
        found = _repair_once(notebook, source)
        said += found
        if not found:
            break
    kernelspec = source.notebook.metadata.get("kernelspec")
    if kernelspec:
        notebook.metadata["kernelspec"] = NotebookNode(kernelspec)
    return RepairedNotebook(notebook, _brief(said))


def empty_notebook(source: SourceNotebook) -> NotebookNode:
    """A notebook with the course's cells and nothing in them, to stand for one that is unreadable."""
    cells = []
    for original in source.released_cells().values():
        cell = NotebookNode(original)
        if not is_locked(original):
            cell.source = ""
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells.append(cell)
    notebook = nbformat.v4.new_notebook(cells=cells)
    if source.notebook.metadata.get("kernelspec"):
        notebook.metadata["kernelspec"] = NotebookNode(source.notebook.metadata.kernelspec)
    return notebook


def _repair_once(notebook: NotebookNode, source: SourceNotebook) -> list[str]:
    work = _Repair(notebook, source)
    work.join_parts()
    holders = work.claim_cells()
    for grade_id, original in work.released.items():
        if grade_id not in holders:
            work.add_missing(grade_id)
        work.put_back(holders[grade_id], grade_id, original)
    work.collect_answers()
    work.stubs_hide_nothing()
    work.setup_comes_first()
    return work.said


class _Repair:
    """The repairs of one notebook, in the order in which `_repair_once` takes them."""

    def __init__(self, notebook: NotebookNode, source: SourceNotebook) -> None:
        self.cells: list[NotebookNode] = notebook.cells
        self.released: Cells = source.released_cells()
        self.given_texts = {essence("markdown", cell.source) for cell in source.released.cells}
        self.stubs = {
            essence("code", cell.source): grade_id
            for grade_id, cell in self.released.items()
            if wanted_names(cell)
        }
        self.holders: Cells = {}
        self.copies: dict[str, list[NotebookNode]] = {}
        self.said: list[str] = []

    def join_parts(self) -> None:
        """A cell that goes on in the middle of a function belongs to the one above it."""
        at = 1
        while at < len(self.cells):
            above, below = self.cells[at - 1], self.cells[at]
            if self._was_split(above, below):
                above.source += "\n" + below.source
                if grade_id_of(above) not in self.released:
                    above.metadata = below.metadata
                self.said.append(f"the cell `{grade_id_of(above)}` was split and was joined again")
                del self.cells[at]
            else:
                at += 1

    def _was_split(self, above: NotebookNode, below: NotebookNode) -> bool:
        names = {grade_id_of(above), grade_id_of(below)}
        found = [cell for name, cell in self.released.items() if name in names]
        if len(found) != 1 or not is_code_stub(found[0]):
            return False
        if above.cell_type != "code" or below.cell_type != "code":
            return False
        # Only where the cut went through a body: else the joined cell might not even parse.
        head = [_indent(line) for line in above.source.splitlines() if line.strip()]
        tail = [_indent(line) for line in below.source.splitlines() if line.strip()]
        return bool(head and tail and head[-1] and tail[0]) and tail[0] in head

    def claim_cells(self) -> Cells:
        """Find out which cell is which."""
        claims = claim(self.cells, self.released)
        self.holders, self.copies = claims.holders, claims.copies
        self.said += claims.said
        return self.holders

    def add_missing(self, grade_id: str) -> None:
        """Put a missing cell behind the course's cell that comes before it."""
        original = self.released[grade_id]
        order = list(self.released)
        before = [
            self.holders[name] for name in order[: order.index(grade_id)] if name in self.holders
        ]
        at = self._place(before[-1]) + 1 if before else 0
        text = "" if original.cell_type == "code" else MISSING_ANSWER
        self.holders[grade_id] = self._insert(
            at,
            original.cell_type,
            original.source if is_locked(original) else text,
            f"missing-{grade_id}",
        )
        self.said.append(f"the cell `{grade_id}` was missing and was put back")

    def put_back(self, cell: NotebookNode, grade_id: str, original: NotebookNode) -> None:
        """Give a cell the course's metadata and kind, and a locked one the course's text."""
        for key in ("deletable", "editable"):
            cell.metadata.pop(key, None)
        cell.metadata["nbgrader"] = NotebookNode(original.metadata.nbgrader)
        if is_locked(original) and cell.source != original.source:
            kind = original.cell_type if cell.cell_type == original.cell_type else "markdown"
            if essence(kind, cell.source) != essence(kind, original.source):
                self.said.append(f"the locked cell `{grade_id}` was changed and was put back")
                self._keep_work(cell, grade_id, original)
            cell.source = original.source
        if cell.cell_type != original.cell_type:
            _change_type(cell, original.cell_type)
            self.said.append(f"the cell `{grade_id}` had another type")
        if is_locked(original):
            _set_attachments(cell, original.get("attachments", {}))

    def _keep_work(self, cell: NotebookNode, grade_id: str, original: NotebookNode) -> None:
        """What a student wrote in a locked cell: words, and code that is nowhere else."""
        text = cell.source.replace(original.source.strip(), "").strip()
        if cell.cell_type != original.cell_type or not text:
            return
        if cell.cell_type == "code":
            needed = {name for one in self.released.values() for name in wanted_names(one)}
            written = {name for one in self._written() for name in defined_names(one.source)}
            kept = defined_names(text) & (needed - written)
            if not kept:
                return
        at = self._place(cell) + (cell.cell_type != "code")
        made = self._insert(at, cell.cell_type, text, f"from-{grade_id}")
        _set_attachments(made, _shown(text, cell.get("attachments", {})))
        self.said.append(f"what was written in `{grade_id}` was kept in a cell of its own")

    def _written(self) -> Iterator[NotebookNode]:
        """The code cells in which a student wrote something."""
        for cell in self.cells:
            original = self.released.get(grade_id_of(cell) or "")
            locked = original is not None and is_locked(original)
            if cell.cell_type == "code" and not locked and self._stub_of(cell) is None:
                yield cell

    def _stub_of(self, cell: NotebookNode) -> str | None:
        """The grade_id of the solution cell of which this is the untouched stub."""
        return self.stubs.get(essence("code", cell.source)) if cell.cell_type == "code" else None

    def collect_answers(self) -> None:
        """Words beside an answer's cell, when that is empty, untouched or there twice, belong in it."""
        for grade_id, original in self.released.items():
            cell = self.holders[grade_id]
            if not is_answer(original):
                continue
            empty = not cell.source.strip() or cell.source == MISSING_ANSWER
            if empty or is_untouched(cell, original):
                parts, old = self._own_words_around(cell), ""
            else:
                old = cell.source
                parts = [one for one in self.copies.get(grade_id, ()) if self._is_own_text(one)]
            if not parts:
                continue
            cell.source = old
            taken = {id(part) for part in parts}
            here = [one for one in self.cells if one is cell or id(one) in taken]
            _join(cell, here)
            self.cells[:] = [one for one in self.cells if id(one) not in taken]
            self.said.append(f"the answer `{grade_id}` was put together from several cells")

    def _own_words_around(self, cell: NotebookNode) -> list[NotebookNode]:
        """A student's own texts between the given cells above and below a cell.

        What stands below another cell that a person marks may be that one's, so it stays in its place,
        where the person finds it, too.
        """
        at = self._place(cell)
        words = []
        for way in (range(at - 1, -1, -1), range(at + 1, len(self.cells))):
            passed: list[NotebookNode] = []
            for number in way:
                one = self.cells[number]
                given = self.released.get(grade_id_of(one) or "")
                if given is not None and number < at and is_marked_by_person(given):
                    passed.clear()
                if given is not None or self._is_given_text(one):
                    break
                if self._is_own_text(one):
                    passed.append(one)
            words += passed
        return words

    def _is_own_text(self, cell: NotebookNode) -> bool:
        is_text = cell.cell_type == "markdown" and bool(cell.source.strip())
        return is_text and not self._is_given_text(cell)

    def _is_given_text(self, cell: NotebookNode) -> bool:
        text = essence("markdown", cell.source)
        return cell.cell_type == "markdown" and bool(text) and text in self.given_texts

    def setup_comes_first(self) -> None:
        """Imports and helpers of the course that come before every solution need nothing of them."""
        order = list(self.released)
        stubs = [name for name in order if is_code_stub(self.released[name])]
        before = order[: order.index(stubs[0])] if stubs else []
        setup = [name for name in before if self.released[name].cell_type == "code"]
        for number, name in enumerate(setup):
            others = (*setup[number + 1 :], *stubs)
            first = min(others, key=lambda other: self._place(self.holders[other]))
            if self._place(self.holders[name]) > self._place(self.holders[first]):
                self._move_before(self.holders[name], self.holders[first])
                self.said.append(f"the cell `{name}` stood below `{first}` and was put above it")

    def stubs_hide_nothing(self) -> None:
        """A stub that nobody touched must not undo what a cell above it defines."""
        first: dict[str, NotebookNode] = {}  # the first cell that defines what a stub should
        perhaps: set[str] = set()  # stubs whose functions may come by a star import, or may not
        ahead: dict[int, list[NotebookNode]] = {}  # stubs to be put above a cell
        written = {id(cell) for cell in self._written()}
        for cell in self.cells:
            if id(cell) in written:
                names = bound_names(cell.source)
                for grade_id in self.stubs.values():
                    wanted = wanted_names(self.released[grade_id])
                    if grade_id not in first and names & {"*", *wanted}:
                        first[grade_id] = cell
                        if not names & wanted:
                            perhaps.add(grade_id)
            stub = self._stub_of(cell)
            if stub in first:
                ahead.setdefault(id(first[stub]), []).append(cell)
                if stub not in perhaps:
                    self.said.append(
                        f"the untouched stub of `{stub}` stood below a cell that defines it, and was "
                        "put above that"
                    )
        moved = {id(stub) for stubs in ahead.values() for stub in stubs}
        stay = [cell for cell in self.cells if id(cell) not in moved]
        self.cells[:] = [one for cell in stay for one in (*ahead.get(id(cell), ()), cell)]

    def _place(self, cell: NotebookNode) -> int:
        return next(number for number, one in enumerate(self.cells) if one is cell)

    def _move_before(self, cell: NotebookNode, other: NotebookNode) -> None:
        del self.cells[self._place(cell)]
        self.cells.insert(self._place(other), cell)

    def _insert(self, at: int, kind: str, text: str, wanted_id: str) -> NotebookNode:
        make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
        cell = make[kind](text)
        ids = {other.id for other in self.cells}
        cell.id = new_id(wanted_id[:64].replace(".", "-"), ids)
        self.cells.insert(at, cell)
        return cell


def _brief(said: list[str]) -> list[str]:
    """What people can read, however many cells a submission has and whatever they call themselves."""
    lines = list(dict.fromkeys(line if len(line) <= 300 else line[:299] + "…" for line in said))
    more = len(lines) - _LINES
    return [*lines[:_LINES], f"and {more} more"] if more > 0 else lines


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _join(cell: NotebookNode, parts: list[NotebookNode]) -> None:
    """Put the texts of some cells into one, each once, with the pictures that they show."""
    texts: dict[str, None] = {}
    attachments: dict[str, Any] = {}
    for part in parts:
        text = part.source.strip()
        for name, bundle in _shown(text, part.get("attachments", {})).items():
            free = name  # Jupyter calls every picture that is pasted image.png
            while attachments.setdefault(free, bundle) != bundle:
                free = f"_{free}"
            for form in (name, quote(name)):
                text = text.replace(f"attachment:{form}", f"attachment:{free[: -len(name)]}{form}")
        texts |= {text: None} if text else {}
    cell.source = "\n\n".join(texts)
    _set_attachments(cell, attachments)


def _shown(text: str, attachments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: data
        for name, data in attachments.items()
        if f"attachment:{name}" in text or f"attachment:{quote(name)}" in text
    }


def _set_attachments(cell: NotebookNode, attachments: dict[str, Any]) -> None:
    cell.pop("attachments", None)
    if attachments and cell.cell_type != "code":
        cell["attachments"] = NotebookNode(attachments)


def _change_type(cell: NotebookNode, kind: str) -> None:
    cell.cell_type = kind
    if kind == "code":
        cell.outputs, cell.execution_count = [], None
        cell.pop("attachments", None)  # which a code cell cannot have
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)
