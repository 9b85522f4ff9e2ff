"""What stands in a source notebook for nbgrader: solutions, hidden tests, mark schemes, stubs, headers.

Delimiters and stubs are the course's own (`c.ClearSolutions`, `c.ClearHiddenTests`, `c.ClearMarkScheme`,
`c.IncludeHeaderFooter`, `c.InstantiateTests`), and what the release makes of a notebook is asked of
nbgrader's preprocessors themselves, so that no rule of theirs stands here a second time. Importing nbgrader
takes more than a second: it is done where it is needed, and never in a worker of the judge.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from traitlets.config import Config

from autograder.errors import KitError

_SECTIONS = (
    "GenerateAssignment",
    "IncludeHeaderFooter",
    "InstantiateTests",
    "ClearSolutions",
    "ClearHiddenTests",
    "ClearMarkScheme",
)
_CLEARING = ("ClearSolutions", "ClearHiddenTests", "ClearMarkScheme")


@dataclass(frozen=True)
class Delimiters:
    """The texts that begin and end a region: a line with one of them in it is a delimiter, as in nbgrader."""

    begin: str
    end: str

    def regions(self, text: str) -> tuple[list[list[str]], str]:
        """The lines of each region, and what is wrong with the delimiters; "" if nothing is."""
        regions: list[list[str]] = []
        inside = False
        for line in text.split("\n"):
            if self.begin in line:
                if inside:
                    return regions, f"a second `{self.begin}` stands before `{self.end}`."
                inside = True
                regions.append([])
            elif self.end in line:
                if not inside:
                    return regions, f"`{self.end}` stands without `{self.begin}`."
                inside = False
            elif inside:
                regions[-1].append(line)
        return regions, f"`{self.begin}` has no `{self.end}`." if inside else ""

    def without_regions(self, text: str) -> str:
        """The text outside of regions; one that never ends goes to the end of the text."""
        lines = []
        inside = False
        for line in text.split("\n"):
            inside = inside or self.begin in line
            if not inside:
                lines.append(line)
            elif self.end in line and self.begin not in line:
                inside = False
        return "\n".join(lines)

    def without_delimiters(self, text: str) -> str:
        """The text with its regions, but without the lines that mark them."""
        lines = text.split("\n")
        return "\n".join(line for line in lines if self.begin not in line and self.end not in line)


@dataclass(frozen=True)
class Markers:
    """A course's settings of what stands in its source notebooks. Equal where the settings are."""

    root: Path = Path()
    config: Config = field(default_factory=Config, compare=False)
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sections = {name: self.config[name] for name in _SECTIONS if name in self.config}
        object.__setattr__(self, "key", repr(sections))

    @cached_property
    def solution(self) -> Delimiters:
        made = self._made("ClearSolutions")
        return Delimiters(made.begin_solution_delimeter, made.end_solution_delimeter)

    @cached_property
    def hidden_tests(self) -> Delimiters:
        made = self._made("ClearHiddenTests")
        return Delimiters(made.begin_test_delimeter, made.end_test_delimeter)

    @cached_property
    def mark_scheme(self) -> Delimiters:
        made = self._made("ClearMarkScheme")
        return Delimiters(made.begin_mark_scheme_delimeter, made.end_mark_scheme_delimeter)

    def for_students(self, text: str) -> str:
        """The text of a grade cell or a task cell without what is for staff."""
        return self.mark_scheme.without_regions(self.hidden_tests.without_regions(text))

    @cached_property
    def autotest(self) -> str:
        """What marks a cell whose tests nbgrader writes when it makes the release (AUTOTEST)."""
        return str(self._made("InstantiateTests").autotest_delimiter)

    def with_header(self, notebook: NotebookNode) -> NotebookNode:
        """The notebook with the cells of the course's header and footer around its own.

        Raises:
            KitError: when one of them cannot be read.
        """
        if "IncludeHeaderFooter" not in self.config:
            return notebook
        for made in self._active(("IncludeHeaderFooter",)):
            for name in ("header", "footer"):
                file = getattr(made, name)
                if file and not (self.root / file).is_file():
                    raise KitError(
                        f"c.IncludeHeaderFooter.{name} names {file}, which is not there. Correct it in "
                        "course_config.py."
                    )
                setattr(made, name, str(self.root / file) if file else "")
            try:
                notebook, _ = made.preprocess(notebook, {})
            except Exception as error:
                raise KitError(
                    f"The notebooks of c.IncludeHeaderFooter cannot be read: {error}. Correct them."
                ) from error
        return notebook

    def released(self, notebook: NotebookNode) -> NotebookNode:
        """A copy of a source notebook without what students do not get, as nbgrader makes it.

        Raises:
            KitError: when nbgrader makes no release of it; the message says why.
        """
        notebook = copy.deepcopy(notebook)
        try:
            for made in self._active(_CLEARING):
                notebook, _ = made.preprocess(notebook, {})
        except Exception as error:
            raise KitError(f"nbgrader makes no release of it: {error}") from error
        return notebook

    def _made(self, name: str) -> Any:
        """One of nbgrader's preprocessors with the course's settings."""
        from nbgrader import preprocessors

        try:
            return getattr(preprocessors, name)(config=copy.deepcopy(self.config))
        except Exception as error:
            raise KitError(
                f"c.{name} in course_config.py cannot be read: {error}. Correct it."
            ) from error

    def _active(self, names: tuple[str, ...]) -> Iterator[Any]:
        """The preprocessors of these names that take part in the course's releases, in their order."""
        for kind in preprocessors_of_release(self.config):
            for name in names:
                if name in {base.__name__ for base in kind.__mro__}:
                    made = kind(config=copy.deepcopy(self.config))
                    if made.enabled:
                        yield made


def preprocessors_of_release(config: Config) -> list[type]:
    """The classes of `c.GenerateAssignment.preprocessors`.

    Raises:
        KitError: when one of them cannot be imported.
    """
    from nbgrader.converters import GenerateAssignment
    from traitlets.utils.importstring import import_item

    try:
        entries = GenerateAssignment(config=copy.deepcopy(config)).preprocessors
        kinds = [import_item(entry) if isinstance(entry, str) else entry for entry in entries]
    except Exception as error:
        raise KitError(
            f"c.GenerateAssignment in course_config.py cannot be read: {error}. Correct it."
        ) from error
    return [kind for kind in kinds if isinstance(kind, type)]
