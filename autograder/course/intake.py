"""What a submission's folder holds: which of its files is which notebook.

A notebook is known by its name, or where that was lost (`x (1).ipynb`, `Copy of x.ipynb`, a subfolder)
by its content: enough of the cells that the course released, and of no other notebook of the
assignment. Where two files could be meant, nobody guesses: staff read both names. Where something of the
student's stands in a notebook's place (a page, a link, an archive), a person must look at it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.course.cells import SourceNotebook, grade_id_of
from autograder.course.claims import essence
from autograder.course.in_its_place import NOTEBOOK, only_a_link, stand_ins, what_to_do
from autograder.course.reading import ASK_AGAIN, Unreadable, read_notebook
from autograder.course.walk import Entry, Listing, list_folder

MAX_CANDIDATES = 40  # files that could be a notebook
_OTHER_SUFFIXES = ("", ".json", ".txt")  # that systems give a notebook whose own they do not know
_ENOUGH = 0.5  # of a notebook's released cells: fewer, and it may be anything


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
    advice: str = ASK_AGAIN  # to staff, where `notebook` is None


def find_notebooks(
    folder: Path,
    sources: Mapping[str, SourceNotebook],
    limit_mib: int = 150,
    given: Collection[str] = (),
) -> dict[str, Candidate]:
    """The notebooks of an assignment in a submission's folder, by name.

    A notebook that may be there, but that nobody can tell, is in it with a reason; one that is surely
    not there is not. Nothing in the folder can make this raise.

    Args:
        given: names of the files that the course gives along: they are nothing of the student's.
    """
    listing = list_folder(folder)
    candidates = [
        _look_at(entry, folder, sources, limit_mib) for entry in _candidates(listing, sources)
    ]
    notebooks: dict[str, Candidate] = {}
    for name in sources:
        named = [one for one in candidates if one.label == f"{name}.ipynb"]
        named = [one for one in named if one.kin in (name, None)]
        others = [one for one in candidates if one.kin == name and one not in named]
        choice = _choose(name, named[0] if named else None, others)
        if choice is not None:
            notebooks[name] = choice
    names = {f"{name}.ipynb" for name in sources}
    unknown = {one.label for one in candidates if one.kin is None and one.label not in names}
    untouched = {one.path for one in candidates if one.notebook is not None and not one.work}
    no_work = not any(one.work for one in candidates)
    nothing = not notebooks
    for name in sources:
        choice = notebooks.get(name)
        if choice is not None and not (choice.path in untouched and sources[name].grade_cells):
            continue
        others_there = notebooks.keys() - {name}
        files = stand_ins(
            listing, name, others_there, nothing, given, unknown if not choice else ()
        )
        if choice is not None:  # a report beside may belong to what was done
            files = [file for file in files if file.named or (no_work and file.kind != "other")]
        state = "not there" if choice is None else "as it was released"
        why = f"{name}.ipynb is {state}, but {what_to_do(name, files)}" if files else ""
        if choice is None and any(one.label == f"{name}.ipynb" for one in candidates):
            why = f"{name}.ipynb holds the cells of another notebook. Ask for the right file"
        if why:
            notebooks[name] = Candidate(folder / f"{name}.ipynb", None, why)
    return notebooks


def name_of(notebook: NotebookNode, sources: Mapping[str, SourceNotebook]) -> str | None:
    """Whose released cells a notebook has: enough of one's, and far fewer of any other's."""
    shares = sorted(((_share(notebook, source), name) for name, source in sources.items()))
    best, name = shares[-1]
    second = shares[-2][0] if len(shares) > 1 else 0.0
    return name if best >= _ENOUGH and second <= best / 2 else None


def _choose(name: str, named: _Candidate | None, others: list[_Candidate]) -> Candidate | None:
    """The file that is the notebook: the one of its name, unless the work is in one other alone."""
    without, others = [one for one in others if one.why], [one for one in others if not one.why]
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
    last = named or next(iter(without), None)
    if last is None:
        return None
    return Candidate(last.path, last.notebook, f"{last.why}. {last.advice}" if last.why else "")


def _look_at(
    entry: Entry, folder: Path, sources: Mapping[str, SourceNotebook], limit_mib: int
) -> _Candidate:
    path, label = folder / entry.place, clean_text(entry.place)
    try:
        notebook = read_notebook(path, limit_mib)
    except Unreadable as error:
        return _Candidate(path, label, None, str(error), None, (), error.advice)
    kin = name_of(notebook, sources)
    given: set[tuple[str, ...]] = set()
    for source in sources.values():
        given |= _texts(source)
    work = tuple(
        text
        for cell in notebook.cells
        if (text := essence(cell.cell_type, cell.source)) and text not in given
    )
    why = ""
    if link := only_a_link(work):
        why = f"{label} holds only a link ({link})"
    elif not work and not any(_share(notebook, source) for source in sources.values()):
        why = f"{label} is a notebook with nothing in it"
    return _Candidate(path, label, None if why else notebook, why, kin, work)


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


def _candidates(listing: Listing, names: Collection[str]) -> list[Entry]:
    """What could be a notebook, at the top first: there also a link or a folder of such a name."""
    bare = {f"{name}{suffix}".casefold() for name in names for suffix in _OTHER_SUFFIXES}

    def could_be(entry: Entry) -> bool:
        ordinary = entry.kind == "file" or entry.depth == 0
        return ordinary and (
            NOTEBOOK.search(entry.name) is not None
            or (entry.kind == "file" and entry.name.casefold() in bare)
        )

    found = filter(could_be, listing.entries)
    return sorted(found, key=lambda entry: (entry.depth > 0, entry.place))[:MAX_CANDIDATES]
