"""Code and outputs of a submission as harmless HTML: everything is escaped or cleaned here."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from nbconvert.filters.ansi import ansi2html, strip_ansi
from nbformat import NotebookNode
from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
    _TokenType,
)

from autograder.clean import PICTURES, clean_bundle, clean_text
from autograder.report.formulas import mathml
from autograder.report.markdown import NotebookMarkdown, render_markdown
from autograder.report.structure import tidy
from autograder.report.tracebacks import traceback_box

MAX_HIGHLIGHTED = 60_000  # characters; beyond that, and beyond so many colours, text stays plain
MAX_COLOURS = 2_000
_SHOWN_LINES, _FOLDED_LINES = 20, 10  # of an output; fewer than so many more are not folded

_STYLE = re.compile(
    r'<span(?: class="([^"]*)")? style="(?:color: rgb\((\d+), ?(\d+), ?(\d+)\))?[^"]*">'
)
_COLOURS = ("grey", "red", "green", "yellow", "blue", "magenta", "cyan", "grey")
_TEX = re.compile(r"(\${1,2})(?:\\displaystyle\b)?(.*?)\1", re.DOTALL)
_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"),
    (String, "s"),
    (Number, "m"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Decorator, "f"),
    (Name.Builtin, "b"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")


@lru_cache(maxsize=128)  # the pages of a class show the same checks
def highlight(source: str) -> Markup:
    """Python code with a span for each keyword, text, number and comment."""
    return Markup("\n").join(_coloured_lines(source))


def numbered(source: str, marked: Collection[int] = ()) -> Markup:
    """The same in lines that a page can number; those that are `marked`, from 1, stand out."""
    return Markup("").join(
        Markup('<span class="{}">{}\n</span>').format("l hit" if n in marked else "l", line)
        for n, line in enumerate(_coloured_lines(source), 1)
    )


def _coloured_lines(source: str) -> list[Markup]:
    source = clean_text(source)
    if len(source) > MAX_HIGHLIGHTED:
        return [escape(line) for line in source.split("\n")]
    lines: list[list[Markup]] = [[]]
    for token, text in lex(source, PythonLexer(stripnl=False, ensurenl=False)):
        name = next((name for kind, name in _CLASSES if token in kind), "")
        span = Markup('<span class="{}">{}</span>') if name else Markup("{1}")
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append(span.format(name, part))
    return [Markup("").join(parts) for parts in lines]


def coloured(text: str) -> Markup:
    """What a terminal would show, without its tricks."""
    text = few_colours(_CONTROL.sub("", clean_text(text)))
    return Markup(_STYLE.sub(_in_our_colours, ansi2html(text).replace("\x1b", "")))


def _in_our_colours(span: re.Match[str]) -> str:
    """A colour of 256 as one that can be read on the page, light or dark."""
    red, green, blue = (int(part or 0) for part in span.groups()[1:])
    name = "grey"
    if span[2] is not None and max(red, green, blue) - min(red, green, blue) > 60:
        strong = [value > (red + green + blue) / 3 for value in (red, green, blue)]
        name = _COLOURS[strong[0] + 2 * strong[1] + 4 * strong[2]]
    return f'<span class="{span[1] or ""} ansi-{name}-fg">'


def few_colours(text: str) -> str:
    """A terminal's text; without its colours where they are so many that to show them would take minutes."""
    return str(strip_ansi(text)) if text.count("\x1b") > MAX_COLOURS else text


def inline_code(text: str) -> Markup:
    """Plain text, in which `backticks` mark code."""
    parts = clean_text(text).split("`")
    if len(parts) % 2 == 0:
        return escape(clean_text(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def render_outputs(
    cell: NotebookNode,
    *,
    tracebacks: bool = True,
    markdown: NotebookMarkdown | None = None,
    alt: str = "A figure of your notebook",
) -> list[Markup]:
    """The outputs of a code cell, one piece of HTML each; what cannot be shown is left out.

    Args:
        tracebacks: whether an exception is shown with its traceback.
        markdown: one for all cells of a notebook.
        alt: what pictures are, for those who do not see them.
    """
    outputs = cell.get("outputs")
    markdown = markdown or NotebookMarkdown()
    pieces = [
        _render(output, tracebacks, markdown, alt)
        for output in (outputs if isinstance(outputs, list) else [])
        if isinstance(output, dict)
    ]
    return [piece for piece in pieces if piece]


def _render(
    output: dict[str, Any], tracebacks: bool, markdown: NotebookMarkdown, alt: str
) -> Markup:
    kind = output.get("output_type")
    if kind == "stream":
        name = "err" if output.get("name") == "stderr" else "out"
        return _box(name, markdown.terminal(_joined(output.get("text"))))
    if kind == "error":
        lines = output.get("traceback")
        full = "\n".join(map(str, lines)) if tracebacks and isinstance(lines, list) else ""
        return traceback_box(output, coloured(full))
    return _richest(markdown.bounded(clean_bundle(output.get("data"))), alt, markdown)


def _richest(data: dict[str, str], alt: str, markdown: NotebookMarkdown) -> Markup:
    """What Jupyter would choose of an output's forms, among those that can be shown here."""
    if "text/html" in data:
        return _rich(data["text/html"])
    text = data.get("text/markdown", "")
    if text.strip():
        return _rich(render_markdown(text))
    for mime in PICTURES:
        if mime in data:
            figure = Markup('<img class="figure" alt="{}" src="data:{};base64,{}">')
            return figure.format(alt, mime, "".join(data[mime].split()))
    if (formula := data.get("text/latex", "")).strip():
        return _rich(formula_of(formula))
    return _box("out", markdown.terminal(data.get("text/plain", "")))


def formula_of(latex: str) -> str:
    """A formula that is an output, or text with formulas in it; what cannot be shown stays TeX."""
    whole = _TEX.fullmatch(latex.strip())
    tex = (whole[2] if whole else latex).strip()
    shown = "" if "$" in tex else mathml(tex, block=True)
    return shown or f"<pre>{escape(clean_text(tex))}</pre>"


def _rich(clean: str) -> Markup:
    return Markup('<div class="output html" tabindex="0">{}</div>').format(Markup(tidy(clean)))


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")


def _box(name: str, text: str) -> Markup:
    """A terminal's text; of a long one the beginning, and the rest folded."""
    if not _CONTROL.sub("", text).strip():
        return Markup("")
    lines = text.split("\n")
    more = lines[_SHOWN_LINES:]
    if len(more) < _FOLDED_LINES:
        return Markup('<pre class="output {}" tabindex="0">{}</pre>').format(name, coloured(text))
    return Markup(
        '<div class="output {}"><pre tabindex="0">{}</pre><details><summary>{} more lines</summary>'
        '<pre tabindex="0">{}</pre></details></div>'
    ).format(name, coloured("\n".join(lines[:_SHOWN_LINES])), len(more), coloured("\n".join(more)))
