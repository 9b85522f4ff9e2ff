"""Code and outputs of a submission as harmless HTML: everything is escaped or cleaned here."""

from __future__ import annotations

import re
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
from autograder.report.markdown import NotebookMarkdown, render_markdown

MAX_HIGHLIGHTED = 60_000  # characters; beyond that, and beyond so many colours, text stays plain
MAX_COLOURS = 2_000

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


def highlight(source: str) -> Markup:
    """Python code with a span for each keyword, text, number and comment."""
    source = clean_text(source)
    if len(source) > MAX_HIGHLIGHTED:
        return escape(source)
    parts = []
    for token, text in lex(source, PythonLexer(stripnl=False, ensurenl=False)):
        name = next((name for kind, name in _CLASSES if token in kind), "")
        parts.append(
            Markup('<span class="{}">{}</span>').format(name, text) if name else escape(text)
        )
    return Markup("").join(parts)


def coloured(text: str) -> Markup:
    """What a terminal would show, without its tricks."""
    text = few_colours(_CONTROL.sub("", clean_text(text)))
    return Markup(ansi2html(text).replace("\x1b", ""))


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
    cell: NotebookNode, *, tracebacks: bool = True, markdown: NotebookMarkdown | None = None
) -> list[Markup]:
    """The outputs of a code cell, one piece of HTML each; what cannot be shown is left out.

    Args:
        tracebacks: whether an exception is shown with its traceback.
        markdown: one for all cells of a notebook.
    """
    outputs = cell.get("outputs")
    markdown = markdown or NotebookMarkdown()
    pieces = [
        _render(output, tracebacks, markdown)
        for output in (outputs if isinstance(outputs, list) else [])
        if isinstance(output, dict)
    ]
    return [piece for piece in pieces if piece]


def _render(output: dict[str, Any], tracebacks: bool, markdown: NotebookMarkdown) -> Markup:
    kind = output.get("output_type")
    if kind == "stream":
        name = "err" if output.get("name") == "stderr" else "out"
        return _box(name, coloured(_joined(output.get("text"))))
    if kind == "error":
        lines = output.get("traceback")
        said = f"{output.get('ename', '')}: {output.get('evalue', '')}"
        full = "\n".join(map(str, lines)) if tracebacks and isinstance(lines, list) else ""
        return _box("err", coloured(full or said))
    return _richest(markdown.bounded(clean_bundle(output.get("data"))))


def _richest(data: dict[str, str]) -> Markup:
    """What Jupyter would choose of an output's forms, among those that can be shown here.

    A formula is shown as its source, so a picture of it is the richer form.
    """
    if "text/html" in data:
        return _rich(data["text/html"])
    text = data.get("text/markdown", "")
    if text.strip():
        return _rich(render_markdown(text, tex_as_code=True))
    for mime in PICTURES:
        if mime in data:
            content = "".join(data[mime].split())
            return Markup('<img class="figure" alt="A figure of your notebook" src="{}">').format(
                f"data:{mime};base64,{content}"
            )
    if (formula := data.get("text/latex", "")).strip():
        whole = _TEX.fullmatch(formula.strip())
        return _box("out", coloured((whole[2] if whole else formula).strip()))
    return _box("out", coloured(data.get("text/plain", "")))


def _rich(clean: str) -> Markup:
    return Markup('<div class="output html" tabindex="0">{}</div>').format(Markup(clean))


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")


def _box(name: str, content: Markup) -> Markup:
    if not content.strip():
        return Markup("")
    return Markup('<pre class="output {}" tabindex="0">{}</pre>').format(name, content)
