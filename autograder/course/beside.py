"""The files beside a submission's notebooks: which of them lie beside a notebook in its box.

Students hand in whole folders, so there is a limit, and an order in which files are taken: what the
notebook can import, what it names, small files, the others; in each of them what lies at the top first. It
depends on names and sizes alone, never on the disk. What was left out is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from autograder.clean import clean_text
from autograder.course.reading import Unreadable, read_regular
from autograder.course.walk import Entry, Listing, list_folder

MAX_FILES = 500
MAX_MIB = 64  # together
_SMALL = 2**20
_TEXTS = (".json", ".txt", ".csv", ".tsv", ".toml", ".yaml", ".yml", ".cfg", ".ini", ".md")
_MAX_NOTEBOOKS = 20  # of a student's own, which others run
_MAX_NOTEBOOK_MIB = 16

_WORD = re.compile(r"\w+")
# Nobody but a person can judge these: they are named wherever they lie.
DOCUMENT = re.compile(
    r"\.(html?|mhtml|xhtml|pdf|docx?|odt|pages|rtf|tex|pptx?|odp|key|gdoc|gsheet|url|webloc|lnk|desktop)$",
    re.IGNORECASE,
)
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tbz2?|txz|gz|xz|bz2|zst|7z|rar)$", re.IGNORECASE)


@dataclass
class Beside:
    """What of a submission lies beside one notebook in its box."""

    files: dict[str, bytes] = field(default_factory=dict)  # by name
    left_out: list[str] = field(default_factory=list)  # labels of files for which there was no room
    more: bool = False  # there is more than was looked at


class FilesBeside:
    """The files of one submission, each read at most once for all of its notebooks."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self._contents: dict[str, bytes | None] = {}

    def pick(
        self,
        code: str = "",
        notebook: str = "",
        taken_from: str = "",
        others: Collection[str] = (),
    ) -> Beside:
        """The files for a notebook's box.

        Args:
            code: the notebook's own, which may name files.
            notebook: its own file, which does not lie beside itself.
            taken_from: the folder in which it lies; what is in it lies beside it in the box as well.
            others: names of files that come from elsewhere, or that no box gets.
        """
        picked = Beside(more=self.listing.more)
        words = set(_WORD.findall(code))
        prefix = "" if taken_from in ("", ".") else f"{taken_from}/"
        unwanted = {notebook, *others, *(f"{prefix}{name}" for name in others)}
        files = [entry for entry in self.listing.files if entry.place not in unwanted]
        plain = [entry for entry in files if not _is_notebook(entry)]
        helpers = self._helpers([entry for entry in files if _is_notebook(entry)], words)
        left = MAX_MIB * 2**20
        for entry in sorted((*helpers, *plain), key=lambda entry: _rank(entry, words)):
            if entry.place != clean_text(entry.place):
                picked.left_out.append(entry.label)
                continue
            names = {entry.place}
            if prefix and entry.place.startswith(prefix):
                names.add(entry.place.removeprefix(prefix))
            full = len(picked.files) + len(names) > MAX_FILES or entry.size * len(names) > left
            content = None if full else self._read(entry, left // len(names))
            if content is None:
                picked.left_out.append(entry.label)
                continue
            for name in names:
                if name not in picked.files or name != entry.place:  # beside it wins over the top
                    picked.files[name] = content
            left -= len(content) * len(names)
        return picked

    def _helpers(self, notebooks: list[Entry], words: set[str]) -> list[Entry]:
        """The notebooks that this one runs, and those that they run, by their names in the code."""
        helpers: list[Entry] = []
        small = [entry for entry in notebooks if entry.size <= _MAX_NOTEBOOK_MIB * 2**20]
        while len(helpers) < _MAX_NOTEBOOKS:
            named = [entry for entry in small if entry not in helpers and _is_named(entry, words)]
            if not named:
                break
            helpers.append(named[0])
            content = self._read(named[0], _MAX_NOTEBOOK_MIB * 2**20) or b""
            words |= set(_WORD.findall(content.decode(errors="replace")))
        return helpers

    def _read(self, entry: Entry, limit: int) -> bytes | None:
        """A file's bytes; None for one that is no ordinary file any more, or has grown."""
        if entry.place not in self._contents:
            try:
                content = read_regular(self.listing.path(entry), min(limit, MAX_MIB * 2**20))
            except (Unreadable, OSError):
                return None
            self._contents[entry.place] = content
        content = self._contents[entry.place] or b""
        return content if len(content) <= limit else None


def own_files(folder: Path) -> dict[str, bytes]:
    """The files of a folder that may lie beside a notebook, in which no file is named."""
    return FilesBeside(list_folder(folder)).pick().files


def unused(listing: Listing) -> Iterator[str]:
    """The labels of what nobody reads when a submission is judged: documents, archives, links."""
    for entry in listing.entries:
        if entry.hidden:
            continue
        if entry.kind == "odd":
            yield f"{entry.label} (a link, or no ordinary file)"
        elif entry.kind == "file" and (DOCUMENT.search(entry.name) or ARCHIVE.search(entry.name)):
            yield entry.label


def some(labels: list[str], most: int = 5) -> str:
    """Some of the names, and how many more there are."""
    names = ", ".join(label if len(label) <= 80 else f"{label[:79]}…" for label in labels[:most])
    return f"{names} and {len(labels) - most} more" if len(labels) > most else names


def course_files(folder: Path) -> dict[str, bytes]:
    """The files that the course gives along with its notebooks; they win over a submission's own."""
    return {name: (folder / name).read_bytes() for name in names_of_course_files(folder)}


def names_of_course_files(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".ipynb"
        and "__pycache__" not in path.parts
        and ".ipynb_checkpoints" not in path.parts
    ]


def that_fit(first: Mapping[str, bytes], others: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of the others that can lie in one folder with the first: no file is another one's folder."""
    taken = set(first)
    folders = {folder for name in first for folder in _folders_of(name)}
    fitting = {}
    for name, content in others.items():
        above = _folders_of(name)
        if name not in folders and taken.isdisjoint(above):
            fitting[name] = content
            taken.add(name)
            folders |= above
    return fitting


def _folders_of(name: str) -> set[str]:
    return {str(folder) for folder in PurePosixPath(name).parents}


def _rank(entry: Entry, words: set[str]) -> tuple[int, int, str]:
    """In which order files are taken."""
    small = entry.size <= _SMALL
    if entry.hidden:
        tier = 5
    elif small and entry.name.endswith((".py", ".ipynb")):
        tier = 0
    elif _is_named(entry, words):
        tier = 1
    elif small:
        tier = 2 if entry.name.lower().endswith(_TEXTS) else 3
    else:
        tier = 4
    return (tier, entry.depth, entry.place)


def _is_named(entry: Entry, words: set[str]) -> bool:
    """Whether code may name a file: with its suffix or without, in which folder ever."""
    stem = entry.name.rpartition(".")[0] or entry.name
    own = _WORD.findall(stem)
    return bool(own) and words.issuperset(own)


def _is_notebook(entry: Entry) -> bool:
    return entry.name.lower().endswith(".ipynb")
