"""Tracebacks as people read them: what went wrong, then the line of theirs, then all the rest folded."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape
from nbconvert.filters.ansi import strip_ansi
from nbformat import NotebookNode

from autograder.clean import clean_text

_FRAME = re.compile(r"^Cell In ?\[(\d{1,7})\], line (\d{1,7})", re.MULTILINE)
_ARROW = re.compile(r"^-+> ?(\d{1,7}) ?([^\n]*)", re.MULTILINE)
_MOST = 200_000  # characters that are looked through
_MOST_SAID = 1500


def traceback_box(output: dict[str, Any], full: Markup) -> Markup:
    """An error of a cell.

    Args:
        output: as it is in the notebook.
        full: its whole traceback; empty where it must not be shown.
    """
    evalue = clean_text(str(output.get("evalue", ""))).strip()
    said = f"{clean_text(str(output.get('ename', '')))}: {evalue}".rstrip(": ")
    place = _place(output)
    if not (said or full):
        return Markup("")
    parts = [Markup('<p class="said">{}</p>').format(_short(said))]
    if full and place:
        cell, line, code = place
        where = Markup('<p class="where">cell {}, line {}{}</p>')
        quoted = Markup(": <code>{}</code>").format(code) if code else ""
        parts.append(where.format(cell, line, quoted))
    if full and _bare(_text(output)) != _bare(said):
        parts.append(
            Markup(
                "<details><summary>The whole traceback</summary>"
                '<pre class="traceback" tabindex="0">{}</pre></details>'
            ).format(full)
        )
    return Markup('<div class="output err">{}</div>').format(Markup("").join(parts))


def line_of_error(cell: NotebookNode) -> int:
    """The line of a cell that raised when the cell ran; 0 where none did."""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict) and output.get("output_type") == "error":
            text = _text(output)
            own = [line for number, line in _FRAME.findall(text) if number == _count(cell)]
            if own:
                return int(own[-1])
    return 0


def _count(cell: NotebookNode) -> str:
    return str(cell.get("execution_count"))


def _place(output: dict[str, Any]) -> tuple[int, int, str] | None:
    """The last frame in a cell: its number, the line's, and the line."""
    text = _text(output)
    found = list(_FRAME.finditer(text))
    if not found:
        return None
    cell, line = int(found[-1][1]), int(found[-1][2])
    arrows = (arrow for arrow in _ARROW.finditer(text, found[-1].start()) if int(arrow[1]) == line)
    arrow = next(arrows, None)
    return cell, line, arrow[2].strip()[:200] if arrow else ""


def _text(output: dict[str, Any]) -> str:
    lines = output.get("traceback")
    text = "\n".join(map(str, lines)) if isinstance(lines, list) else ""
    return str(strip_ansi(clean_text(text[:_MOST])))


def _bare(text: str) -> str:
    """Letters and numbers alone: there are several ways to set the same words."""
    return re.sub(r"\W", "", text)


def _short(text: str) -> Markup:
    return escape(text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]} …")
