"""The pieces of a page as one document: headings in order, tables that can be reached, pictures with a text.

What stands in a notebook is another document's: its headings begin anew in every cell, and its tables are as
wide as they are. These are changes to clean HTML, of which tags and attributes are written in one way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup
from nbformat import NotebookNode

TITLE = re.compile(r"[ \t\n]{0,9}#[ \t]+([^\n]{1,200})")
_HEADING = re.compile(r"<(/?)h([1-6])(?=[\s>])")
_NO_ALT = re.compile(r"<img(?=[\s>])(?![^>]*\balt=)")
_EMPTY_HEAD = re.compile(r"<th\b[^>]*>\s*</th>")
_TABLE = re.compile(r"<table\b(?=[\s>])")


class Headings:
    """Gives each heading a level that the one before it allows; only the page's own title is a first one."""

    def __init__(self) -> None:
        self._last = 2  # the points, at the top of every page

    def own(self, level: int) -> None:
        """A heading of the page's own."""
        self._last = level

    def fit(self, content: Markup) -> Markup:
        """A piece of clean HTML with its headings in their places."""
        opened: list[int] = []

        def placed(tag: re.Match[str]) -> str:
            if tag[1]:
                return f"</h{opened.pop() if opened else self._last}"
            self._last = min(max(int(tag[2]), 2), self._last + 1)
            opened.append(self._last)
            return f"<h{self._last}"

        return Markup(_HEADING.sub(placed, content))


def tidy(clean: str) -> str:
    """Clean HTML with a text, if an empty one, for each picture, and tables that scroll by themselves."""
    clean = _NO_ALT.sub('<img alt=""', clean)
    clean = _EMPTY_HEAD.sub("<td></td>", clean)
    clean = _TABLE.sub('<div class="wide" tabindex="0"><table', clean)
    return clean.replace("</table>", "</table></div>")


def title_of(cells: Iterable[NotebookNode]) -> str:
    """A notebook's title, where one of its texts begins with a heading of the first level; else empty."""
    texts = (str(cell.get("source", "")) for cell in cells if cell.get("cell_type") == "markdown")
    return next((match[1].strip(" #") for text in texts if (match := TITLE.match(text))), "")
