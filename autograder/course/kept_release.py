"""What nbgrader makes of a source notebook, kept from one command to the next.

To ask nbgrader imports it, which takes longer than all else that a command does before it judges.
What it said is true for as long as the source, the whole configuration, nbgrader and this package's way of
asking stay as they are. A preprocessor of the course's own may heed anything, so nothing is kept beside one.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.course import markers as asking
from autograder.course.markers import Markers
from autograder.digest import digest
from autograder.files import write_whole


@dataclass(frozen=True)
class MadeByNbgrader:
    """A source notebook as nbgrader sees it.

    Attributes:
        released: without solutions, hidden tests and mark schemes.
        autotest: the text that marks the cells whose tests nbgrader writes when it makes the release.
    """

    released: NotebookNode
    autotest: str

    def writes_tests_of(self, cell: NotebookNode) -> bool:
        """Whether nbgrader writes this cell's tests (AUTOTEST)."""
        return cell.cell_type == "code" and self.autotest in cell.source


def made_by_nbgrader(
    notebook: NotebookNode, markers: Markers, kept_in: Path | None
) -> MadeByNbgrader:
    """What nbgrader makes of a source notebook.

    Args:
        kept_in: the file in which it is kept, if it is.

    Raises:
        KitError: when nbgrader makes no release of it.
    """
    if kept_in is None or "preprocessors" in markers.config.get("GenerateAssignment", {}):
        return MadeByNbgrader(markers.released(notebook), markers.autotest)
    key = digest(
        json.dumps(notebook),
        repr(markers.config),
        version("nbgrader"),
        Path(asking.__file__).read_bytes(),
    )
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none, or a damaged one
        kept = json.loads(kept_in.read_text())
        if kept["key"] == key:
            return MadeByNbgrader(nbformat.from_dict(kept["released"]), kept["autotest"])
    made = MadeByNbgrader(markers.released(notebook), markers.autotest)
    with contextlib.suppress(OSError):  # a disk that is full, or not ours to write on
        text = json.dumps({"key": key, "autotest": made.autotest, "released": made.released})
        write_whole(kept_in, text)
    return made
