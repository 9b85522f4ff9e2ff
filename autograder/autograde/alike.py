"""The code of a class for a comparison: read as it is judged, never run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from autograder.autograde import collect, gradebook
from autograder.autograde.timestamps import submitted_at
from autograder.course import Course, SourceNotebook
from autograder.course.cells import grade_id_of
from autograder.errors import KitError
from autograder.files import write_whole
from autograder.judge.submission import ReadNotebook, read_notebooks
from autograder.progress import Progress
from autograder.similarity.compare import Comparison, Unit, compare
from autograder.similarity.dolos import write_for_dolos
from autograder.similarity.page import About, similarity_page

OWN_CELLS = "cells of their own"
# As programs draw them for new cells; `cell-3` and the like are the kit's, or counted.
_RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4,12})*|(?=.*\d)[A-Za-z0-9_-]{12}")


@dataclass
class ClassCode:
    """What is compared, and what is known of the students besides."""

    students: list[str]
    units: list[Unit]
    ids: dict[str, set[str]] = field(default_factory=dict)
    about: dict[str, About] = field(default_factory=dict)
    groups: list[frozenset[str]] = field(default_factory=list)

    def comparison(self) -> Comparison:
        return compare(self.students, self.units, self.groups, self.ids)

    def write_for_dolos(self, folder: Path) -> None:
        codes = {
            student: [(u.name, u.codes[student]) for u in self.units if student in u.codes]
            for student in self.students
        }
        release = [(unit.name, unit.base) for unit in self.units]
        write_for_dolos(
            folder, codes, release, {s: about.submitted for s, about in self.about.items()}
        )


def read_class(course: Course, assignment: str, progress: Progress = lambda *_: None) -> ClassCode:
    """Read everybody's code.

    Raises:
        KitError: when fewer than two students have handed something in.
    """
    sources = course.notebooks(assignment)
    students = course.students(assignment)
    if len(students) < 2:
        raise KitError(
            f"{len(students)} submission of `{assignment}`: there is nothing to compare."
        )
    codes: dict[tuple[str, str], dict[str, str]] = {}
    made = ClassCode(students, [])
    records = collect.load(course, assignment)
    names = gradebook.names(course)
    for number, student in enumerate(students):
        progress("reading", number, len(students))
        folder = course.submitted(student, assignment)
        read = read_notebooks(course, assignment, folder)
        for name, notebook in read.items():
            for unit, code in _codes(notebook, sources[name]):
                codes.setdefault((name, unit), {})[student] = code
        made.ids[student] = _own_ids(read, sources)
        when = submitted_at(course, folder).utc
        made.about[student] = About(
            names.get(student, ""), f"{when:%Y-%m-%d %H:%M:%S} +0000" if when else ""
        )
    made.groups = _groups(records)
    for name, source in sources.items():
        base = dict(_codes(ReadNotebook(source.released), source, released=True))
        wanted = [unit for at, unit in codes if at == name]
        order = [*base, *sorted(unit for unit in wanted if unit not in base)]
        made.units += [
            Unit(name, unit, base.get(unit, ""), codes[name, unit])
            for unit in order
            if unit in wanted
        ]
    return made


def write_page(course: Course, assignment: str, code: ClassCode, found: Comparison) -> Path:
    """Write the page into the records, where staff alone look."""
    path = course.make_records() / "similarity" / f"{assignment}.html"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(
        path, similarity_page(assignment, found, code.about).encode("utf-8", "replace").decode()
    )
    return path


def _codes(
    read: ReadNotebook, source: SourceNotebook, released: bool = False
) -> Iterator[tuple[str, str]]:
    """A notebook's solution cells with code, and all other code of the student's own in one piece."""
    solutions = {
        grade_id
        for cell in source.notebook.cells
        if (grade_id := grade_id_of(cell))
        and cell.cell_type == "code"
        and cell.metadata.nbgrader.get("solution")
    }
    given = set() if released else {cell.source for cell in source.released.cells}
    own: list[str] = []
    for cell in read.notebook.cells:
        if cell.cell_type != "code":
            continue
        grade_id = grade_id_of(cell)
        if grade_id in solutions:
            yield str(grade_id), cell.source
        elif grade_id is None and cell.source not in given:
            own.append(cell.source)
    if own:
        yield OWN_CELLS, "\n\n".join(own)


def _own_ids(read: Mapping[str, ReadNotebook], sources: Mapping[str, SourceNotebook]) -> set[str]:
    """The random ids of cells that are not the release's, with their notebooks' names."""
    return {
        f"{name}/{cell.id}"
        for name, notebook in read.items()
        for cell in notebook.notebook.cells
        if _RANDOM_ID.fullmatch(_id(cell)) and _id(cell) not in _ids_of(sources[name])
    }


def _id(cell: NotebookNode) -> str:
    return str(cell.get("id", ""))


def _ids_of(source: SourceNotebook) -> set[str]:
    return {_id(cell) for cell in source.released.cells}


def _groups(records: Mapping[str, Mapping[str, str]]) -> list[frozenset[str]]:
    """Students who handed in together."""
    groups: dict[str, set[str]] = {}
    for student, about in records.items():
        if about.get("group"):
            groups.setdefault(about["group"], set()).add(student)
    return [frozenset(members) for members in groups.values()]
