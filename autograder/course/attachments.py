"""Pictures in text cells, which Jupyter keeps as the cell's attachments: what of them is taken in."""

from __future__ import annotations

import json
from typing import Any

from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.clean.pictures import is_whole_picture
from autograder.digest import digest

MAX_PICTURES = 100  # of a notebook
MAX_PICTURE_MIB = 16  # in base64; a phone's photo has 4 to 12
MAX_ALL_MIB = 64
_MAX_NAME = 200


class Attachments:
    """Takes the pictures of one notebook's cells; what is none, and what is over the limits, stays out.

    The text that names it says so where it is shown.
    """

    def __init__(self) -> None:
        self._left, self._left_bytes = MAX_PICTURES, MAX_ALL_MIB * 2**20

    def of(self, cell: dict[str, Any]) -> dict[str, dict[str, str]]:
        """A cell's pictures by name, each as a bundle of one kind, as notebooks have them."""
        attachments = cell.get("attachments")
        taken = {}
        for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
            if self._left <= 0:
                break
            for mime, content in bundle.items() if isinstance(bundle, dict) else ():
                text = "".join(map(str, content)) if isinstance(content, list) else content
                if self._is_welcome(name, mime, text):
                    taken[clean_text(name)] = {mime: "".join(text.split())}
                    self._left -= 1
                    self._left_bytes -= len(text)
                    break
        return taken

    def _is_welcome(self, name: Any, mime: Any, text: Any) -> bool:
        return (
            isinstance(text, str)
            and isinstance(name, str)
            and len(name) <= _MAX_NAME
            and len(text) <= min(MAX_PICTURE_MIB * 2**20, self._left_bytes)
            and is_whole_picture(mime, text)
        )


def words_and_pictures(cell: NotebookNode) -> str:
    """All that a person reads in a cell: its text and, where it has pictures, their digest behind it."""
    pictures = cell.get("attachments")
    text = str(cell.source)
    return f"{text}\n\n{digest(json.dumps(pictures, sort_keys=True))}" if pictures else text
