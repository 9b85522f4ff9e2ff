"""Submissions that lie in the wrong place: too high, under another spelling, student and assignment turned.

Who copies submissions by hand or by a script puts some of them there. Nobody guesses whose they are: staff
read where they lie and where they belong. A folder is looked into only where its student has none for the
assignment, and never far.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.clean import clean_text
from autograder.course.beside import ARCHIVE, DOCUMENT, some
from autograder.course.cells import SourceNotebook
from autograder.course.course import Course
from autograder.course.in_its_place import NOTEBOOK
from autograder.course.intake import name_of
from autograder.course.reading import Unreadable, read_notebook
from autograder.course.walk import Entry, Listing, list_folder, list_top

_ENTRIES = 300  # of a student's folder that are looked at
_READ = 5  # notebooks of it that are read, to know whose cells they have
_READ_MIB = 20
_CLOSE = 0.8  # names that are spelt that much alike are taken for one


def find_astray(
    course: Course, assignment: str, students: Collection[str], pattern: str = "*"
) -> dict[str, str]:
    """What lies in the folder of all submissions and may be somebody's for this assignment.

    Args:
        students: who has a folder for it, in the right place.
        pattern: of the students whom staff asked for.

    Returns:
        by its path below that folder, what is wrong with it.
    """
    search = _search(course, assignment)
    if search is None:
        return {}
    top = list_top(search.root)
    wanted = (entry for entry in top if fnmatch.fnmatchcase(entry.name, pattern))
    return {
        entry.label: why
        for entry in wanted
        if entry.name not in students
        and not course.submitted(entry.name, assignment).is_dir()  # the course leaves this one out
        and (why := search.why(entry))
    }


def aside(course: Course, assignment: str, students: Collection[str]) -> Iterator[str]:
    """What lies beside the folders of those who handed in, under nearly the same name."""
    search = _search(course, assignment)
    for student in students if search else ():
        folder = course.submitted(student, assignment)
        names = [entry.name for entry in list_top(folder.parent)]
        alike = [clean_text(name) for name in names if search and search.is_misspelt(name)]
        if alike:
            yield (
                f"{student}: beside `{assignment}` there is also {some(alike)}, which was not looked at. If "
                "that is the one that counts, put it in its place and grade again"
            )


@dataclass(frozen=True)
class _Search:
    """One assignment's submissions, looked for in places that are not theirs."""

    root: Path  # the folder of all submissions
    assignment: str
    known: frozenset[str]  # the course's assignments
    usual: frozenset[str]  # folders that several students have: of an older assignment, perhaps
    sources: Mapping[str, SourceNotebook]

    def why(self, entry: Entry) -> str:
        """What is wrong with something in the folder of all submissions; empty where nothing may be."""
        if entry.kind == "folder":
            return self._why_of_a_student(entry)
        loose = Listing(self.root, (entry,))
        if entry.kind == "file" and self._of_this(loose):
            return (
                f"{self.root.name}/{entry.label} lies in nobody's folder. Put it into "
                f"{self.root.name}/<student>/{self.assignment} and grade again"
            )
        return ""

    def is_misspelt(self, name: str) -> bool:
        """Whether a folder's name is the assignment's, nearly, and no other assignment's."""
        if name in self.known or name == self.assignment:
            return False
        one, other = _plain(name), _plain(self.assignment)
        if one == other:
            return True
        alike = re.findall(r"\d+", one) == re.findall(r"\d+", other)
        return alike and difflib.SequenceMatcher(None, one, other).ratio() >= _CLOSE

    def _why_of_a_student(self, student: Entry) -> str:
        folder = self.root / student.name
        here = f"{self.root.name}/{student.label}"
        target = f"{here}/{self.assignment}"
        top = list_top(folder)
        for entry in top:
            if entry.kind == "folder" and self.is_misspelt(entry.name):
                return (
                    f"{here} holds a folder `{entry.label}`, but none called {self.assignment}. If it is the "
                    f"submission, rename it to {target} and grade again"
                )
        listing = list_folder(folder, max_entries=_ENTRIES)
        entries = [entry for entry in listing.entries if not self._is_anothers(entry)]
        own = Listing(folder, tuple(entries))
        loose = [entry for entry in own.files if entry.depth == 0]
        files = self._of_this(own)
        if files:
            what = f"{here} holds {some(files)}, but no folder {self.assignment}"
            if student.name in self.known:
                return (
                    f"{what}. Are student and assignment turned round? Submissions of a student lie in "
                    f"{self.root.name}/<student>/{self.assignment}"
                )
            return f"{what}. Put it into {target} and grade again"
        named = [entry.label for entry in loose if _plain(self.assignment) in _plain(entry.name)]
        labels = named or ([] if self._has_another(student, top) else self._unknown(own))
        if labels:
            return (
                f"{here} holds {some(labels)}, but no folder {self.assignment}. If it is the submission, put "
                f"it into {target} and grade again"
            )
        return ""

    def _has_another(self, student: Entry, top: list[Entry]) -> bool:
        """Whether what a student has may all be for other assignments."""
        return student.name in self.known or any(entry.name in self.known for entry in top)

    def _unknown(self, listing: Listing) -> list[str]:
        """What is no assignment's: files that could be work, and folders that nearly nobody else has."""
        folders = [
            f"the folder {entry.label}"
            for entry in listing.entries
            if entry.kind == "folder" and entry.depth == 0 and entry.name not in self.usual
            if any(file.place.startswith(f"{entry.place}/") for file in listing.files)
        ]
        files = [entry.label for entry in listing.files if not entry.depth and _may_be_work(entry)]
        return [*files, *folders]

    def _of_this(self, listing: Listing) -> list[str]:
        """The files that go with one of the assignment's notebooks, by their names or their cells."""
        names = [_plain(name) for name in self.sources]
        files, read = [], 0
        for entry in filter(_may_be_work, listing.files):
            like = any(name in _plain(entry.name) for name in names)
            if NOTEBOOK.search(entry.name) and not like and read < _READ:
                read += 1
                like = self._has_our_cells(listing.path(entry))
            if like:
                files.append(entry.label)
        return files

    def _has_our_cells(self, path: Path) -> bool:
        try:
            return name_of(read_notebook(path, _READ_MIB), self.sources) is not None
        except Unreadable:
            return False

    def _is_anothers(self, entry: Entry) -> bool:
        """Whether something lies in a folder of another assignment, where it belongs."""
        others = self.known - {self.assignment}
        return bool(others.intersection(entry.place.split("/")[: entry.depth + 1]))


def _search(course: Course, assignment: str) -> _Search | None:
    """None where submissions lie in no folder of their student's, below one of all."""
    path = course.submitted("student", assignment)
    if (path.parent.name, path.name) != ("student", assignment):
        return None
    root = path.parents[1]
    folders = Counter(
        inner.name
        for student in list_top(root)
        if student.kind == "folder"
        for inner in list_top(root / student.name)
    )
    usual = frozenset(name for name, count in folders.items() if count > 2)
    known = frozenset(course.assignments())
    return _Search(root, assignment, known, usual, course.notebooks(assignment))


def _may_be_work(entry: Entry) -> bool:
    return any(pattern.search(entry.name) for pattern in (NOTEBOOK, DOCUMENT, ARCHIVE))


def _plain(name: str) -> str:
    """A name as people confuse it: `Lenses (1) ` is `lenses`."""
    text = re.sub(r"\s*\(\d+\)(?=\s*(\.\w+)?\s*$)", "", unicodedata.normalize("NFKC", name))
    return re.sub(r"[\W_]+", "", text.casefold())
