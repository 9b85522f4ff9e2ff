"""What a submission's folder holds: which of its files is which notebook, and the files beside them.

A notebook is known by its name, or where that was lost (`x (1).ipynb`, `Copy of x.ipynb`, a subfolder)
by its content: enough of the cells that the course released, and of no other notebook of the
assignment. Where two files could be meant, nobody guesses: staff read both names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.course.cells import SourceNotebook, grade_id_of
from autograder.course.claims import essence
from autograder.course.reading import Unreadable, read_notebook, read_regular

MAX_FILE_MIB = 64  # the other files of a submission, together
MAX_FILES = 200
MAX_CANDIDATES = 40  # files that could be a notebook
_ENOUGH = 0.5  # of a notebook's released cells: fewer, and it may be anything

_NOTEBOOK = re.compile(r".\.ipynb(\.txt|\.json)?$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(zip|tar|tgz|gz|xz|bz2|7z|rar)$", re.IGNORECASE)
_JUNK = {".ipynb_checkpoints", "__MACOSX", "__pycache__", "timestamp.txt"}


@dataclass(frozen=True)
class Candidate:
    """One notebook of an assignment in a submission, or what stands in its way."""

    path: Path
    notebook: NotebookNode | None  # None where `why` says what staff must look at
    why: str = ""
    said: tuple[str, ...] = ()  # how it was known, and what beside it was not


@dataclass(frozen=True)
class _Candidate:
    path: Path
    label: str  # the path as a person reads it
    notebook: NotebookNode | None
    why: str
    kin: str | None  # whose cells these are
    work: tuple[object, ...]  # what is not the course's in it


def find_notebooks(
    folder: Path, sources: Mapping[str, SourceNotebook], limit_mib: int = 150
) -> dict[str, Candidate]:
    """The notebooks of an assignment in a submission's folder, by name.

    A notebook that may be there, but that nobody can tell, is in it with a reason; one that is surely
    not there is not. Nothing in the folder can make this raise.
    """
    candidates = [_look_at(path, folder, sources, limit_mib) for path in _candidates(folder)]
    found = {}
    for name in sources:
        named = [one for one in candidates if one.label == f"{name}.ipynb"]
        named = [one for one in named if one.kin in (name, None)]
        others = [one for one in candidates if one.kin == name and one not in named]
        choice = _choose(name, named[0] if named else None, others)
        if choice is not None:
            found[name] = choice
    names = {f"{name}.ipynb" for name in sources}
    unknown = [one.label for one in candidates if one.kin is None and one.label not in names]
    unknown += [_label(path, folder) for path in _files(folder) if _ARCHIVE.search(path.name)]
    for name in sources.keys() - found.keys():
        why = _why_missing(name, candidates, unknown)
        if why:
            found[name] = Candidate(folder / f"{name}.ipynb", None, why)
    return found


def name_of(notebook: NotebookNode, sources: Mapping[str, SourceNotebook]) -> str | None:
    """Whose released cells a notebook has: enough of one's, and far fewer of any other's."""
    shares = sorted(((_share(notebook, source), name) for name, source in sources.items()))
    best, name = shares[-1]
    second = shares[-2][0] if len(shares) > 1 else 0.0
    return name if best >= _ENOUGH and second <= best / 2 else None


def own_files(folder: Path) -> dict[str, bytes]:
    """The other files of a submission, for the box's work folder: regular ones, up to a total size."""
    found: dict[str, bytes] = {}
    left = MAX_FILE_MIB * 2**20
    for path in _files(folder):
        name = str(path.relative_to(folder))
        if path.suffix == ".ipynb" or len(found) >= MAX_FILES or name != clean_text(name):
            continue
        try:
            content = read_regular(path, left)
        except (Unreadable, OSError):
            continue
        left -= len(content)
        found[name] = content
    return found


def odd_files(folder: Path) -> Iterator[Path]:
    """Links, pipes and devices in a submission, which nobody may open."""
    for path in _walk(folder, junk=True):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            yield path


def course_files(folder: Path) -> dict[str, bytes]:
    """The files that the course gives along with its notebooks; they win over a submission's own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".ipynb"
        and "__pycache__" not in path.parts
        and ".ipynb_checkpoints" not in path.parts
    }


def _choose(name: str, named: _Candidate | None, others: list[_Candidate]) -> Candidate | None:
    """The file that is the notebook: the one of its name, unless the work is in one other alone."""
    if named is not None and named.notebook is not None and (named.work or not others):
        differ = [one.label for one in others if one.work and one.work != named.work]
        said = tuple(f"{label} lies beside {name}.ipynb and was not graded" for label in differ)
        return Candidate(named.path, named.notebook, said=said)
    works = {one.work: one for one in reversed(others) if one.work}
    if len(works) > 1:
        labels = " and ".join(sorted(one.label for one in works.values()))
        state = "not there" if named is None else "unreadable" if named.why else "as released"
        why = (
            f"{name}.ipynb is {state}, but {labels} differ and could each be it. Ask which one counts, "
            f"rename it {name}.ipynb, and grade again"
        )
        return Candidate((named or others[0]).path, None, why)
    if works or (named is None and others):
        (one,) = works.values() or others[:1]
        state = (
            "" if named is None else f", for {named.why or f'{name}.ipynb is as it was released'}"
        )
        return Candidate(
            one.path, one.notebook, said=(f"{one.label} was taken for {name}.ipynb{state}",)
        )
    return Candidate(named.path, named.notebook, named.why) if named else None


def _why_missing(name: str, candidates: list[_Candidate], unknown: list[str]) -> str:
    """Why staff must look before a notebook that was not found may be called missing."""
    if any(one.label == f"{name}.ipynb" for one in candidates):
        return f"{name}.ipynb holds the cells of another notebook. Ask for the right file"
    if not unknown:
        return ""
    files = ", ".join(sorted(unknown)[:5])
    return (
        f"{name}.ipynb is not there, but {files} is. If that is it, rename it (or unpack it) and grade "
        "again"
    )


def _look_at(
    path: Path, folder: Path, sources: Mapping[str, SourceNotebook], limit_mib: int
) -> _Candidate:
    label = _label(path, folder)
    try:
        notebook = read_notebook(path, limit_mib)
    except Unreadable as error:
        return _Candidate(path, label, None, str(error), None, ())
    kin = name_of(notebook, sources)
    given: set[tuple[str, ...]] = set()
    for source in sources.values():
        given |= _texts(source)
    work = tuple(
        text
        for cell in notebook.cells
        if (text := essence(cell.cell_type, cell.source)) and text not in given
    )
    return _Candidate(path, label, notebook, "", kin, work)


def _label(path: Path, folder: Path) -> str:
    """The path as a person reads it; names of files need not be text."""
    return clean_text(str(path.relative_to(folder)))


def _share(notebook: NotebookNode, source: SourceNotebook) -> float:
    """How much of a source's cells a notebook has, by their ids or their text: 0 to 1."""
    ids = {grade_id_of(cell) for cell in notebook.cells}
    texts = {essence(cell.cell_type, cell.source) for cell in notebook.cells}
    known = [
        grade_id_of(cell) in ids - {None} or essence(cell.cell_type, cell.source) in texts
        for cell in source.released.cells
    ]
    return sum(known) / max(len(known), 1)


@lru_cache(maxsize=32)
def _texts(source: SourceNotebook) -> frozenset[tuple[str, ...]]:
    """What students were given; not the solutions, for those may be theirs as well."""
    return frozenset(essence(cell.cell_type, cell.source) for cell in source.released.cells)


def _candidates(folder: Path) -> list[Path]:
    """The files that could be notebooks, those at the top first."""
    at_top = sorted(path for path in _files_here(folder) if _NOTEBOOK.search(path.name))
    below = [
        path for path in _files(folder) if path.parent != folder and _NOTEBOOK.search(path.name)
    ]
    return [*at_top, *below][:MAX_CANDIDATES]


def _files_here(folder: Path) -> list[Path]:
    """What is at the top, whatever it is: a notebook's name may be a link's or a folder's."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    return [folder / entry.name for entry in entries if not _is_junk(entry.name)]


def _files(folder: Path) -> list[Path]:
    """The ordinary files of a folder, sorted, without junk that computers add."""
    return [path for path in _walk(folder) if path.is_file() and not path.is_symlink()]


def _walk(folder: Path, junk: bool = False) -> list[Path]:
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        below = [Path(where, name) for name in folders if junk or not _is_junk(name)]
        linked = [path for path in below if path.is_symlink()]
        folders[:] = sorted(path.name for path in below if path not in linked)
        found += linked
        found += [Path(where, name) for name in names if junk or not _is_junk(name)]
        if len(found) > 50 * MAX_FILES:
            break
    return sorted(found)


def _is_junk(name: str) -> bool:
    return name in _JUNK or name.startswith("._")
