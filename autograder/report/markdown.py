"""Markdown of any origin as harmless HTML."""

from __future__ import annotations

import html
import re
import secrets
from typing import Any
from urllib.parse import unquote

from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.token import STANDARD_TYPES

from autograder.clean import clean_html, clean_text, is_picture
from autograder.report.formulas import mathml

# Characters; an essay is a tenth of this. What is longer is shown as it stands.
MAX_MARKDOWN = 30_000
# Of all cells of a notebook. There are texts of which 30,000 characters take a second and a half.
MAX_OF_NOTEBOOK = 300_000
_TOO_MUCH = (
    "[There is so much text in this notebook that from here on it is shown as it was written.]"
)

# Characters of what programs print, on a page: of a notebook, of one output, and of one after many others.
_MOST_OF_TERMINAL, _MOST_PRINTED, _LEAST_PRINTED = 120_000, 20_000, 500
_MOST_OF_OUTPUT, _MOST_OF_OUTPUTS = 10_000, 200_000  # characters, of one output and of a notebook's
_MOST_AS_WRITTEN = 60_000  # characters, on a page that is to stay small
_MOST_FORMULAS = 200  # of a cell; a millisecond each
_ATTACHED = re.compile(r"""(<img\b[^>]*?\bsrc\s*=\s*)(["'])attachment:([^"'>]*)\2""", re.IGNORECASE)

_CLASSES = {"div": ["highlight"], "span": [name for name in STANDARD_TYPES.values() if name]}


def render_markdown(source: str, attachments: Any = None) -> str:
    """The HTML of a markdown text, cleaned after it was made: markdown can make links of its own.

    Formulas become MathML, or code where that would lose something: the pages have no MathJax.

    Args:
        source: a written answer, or a comment on one.
        attachments: the cell's; pictures among them are shown.
    """
    source = clean_text(source)
    if len(source) > MAX_MARKDOWN:
        return _plain(source)
    formulas = _Formulas()
    renderer = _Renderer(attachments if isinstance(attachments, dict) else {}, formulas)
    try:
        made = MarkdownWithMath(renderer=renderer).render(source)
    except (RecursionError, ValueError, TypeError, KeyError, AttributeError):
        return _plain(source)
    return formulas.put_in(clean_html(made, classes=_CLASSES))


def _plain(source: str) -> str:
    if len(source) > _MOST_AS_WRITTEN:
        left_out = f"[{len(source) - _MOST_AS_WRITTEN:,} more characters are in your notebook]"
        source = f"{source[:_MOST_AS_WRITTEN]}\n{left_out}"
    return f"<pre>{html.escape(source)}</pre>"


def as_written(source: str) -> str:
    """The HTML of a markdown text for which there is no time, with a word on that."""
    return f"<p><em>{_TOO_MUCH}</em></p><pre>{html.escape(clean_text(source))}</pre>"


class NotebookMarkdown:
    """Bounds what is made of the markdown in one notebook's cells, and in its outputs."""

    def __init__(self) -> None:
        self._left, self._left_of_cells = _MOST_OF_OUTPUTS, MAX_OF_NOTEBOOK
        self._left_of_terminal = _MOST_OF_TERMINAL

    def terminal(self, text: str) -> str:
        """What a program printed, up to a length: the file has all of it."""
        room = min(_MOST_PRINTED, max(self._left_of_terminal, _LEAST_PRINTED))
        self._left_of_terminal -= min(len(text), room)
        if len(text) <= room:
            return text
        return f"{text[:room]}\n[{len(text) - room:,} more characters are in your notebook]"

    def has_room(self, source: str) -> bool:
        """Whether a cell is rendered; one that is too long in itself takes no time."""
        if len(source) > MAX_MARKDOWN:
            return True
        self._left_of_cells -= len(source)
        return self._left_of_cells >= 0

    def bounded(self, data: dict[str, str]) -> dict[str, str]:
        """A clean bundle, without its markdown where that is too much: a program writes more than people."""
        text = data.get("text/markdown", "")
        if not text or "text/html" in data:
            return data
        if len(text) <= min(self._left, _MOST_OF_OUTPUT):
            self._left -= len(text)
            return data
        return {"text/plain": text}


def _missing(name: str) -> str:
    return (
        f"[The picture {name[:80]} did not come with the answer, or cannot be shown: only PNG, JPEG, GIF and "
        "WebP pictures of a usual size can.]"
    )


class _Formulas:
    """Formulas, clean by themselves, beside a text that is cleaned: in it stand only their places."""

    def __init__(self) -> None:
        self._sign = f"formula{secrets.token_hex(8)}n"  # nobody can have written it
        self._made: list[tuple[str, str]] = []  # as HTML, and as written
        self._find = re.compile(rf'(<(?:"[^"]*"|[^">])*>)|{self._sign}(\d+)z')

    def place(self, tex: str, block: bool, written: str) -> str:
        room = len(self._made) < _MOST_FORMULAS
        shown = mathml(tex, block=block) if room else ""
        self._made.append((shown or f"<code>{written}</code>", written))
        return f"{self._sign}{len(self._made) - 1}z"

    def put_in(self, clean: str) -> str:
        def formula(part: re.Match[str]) -> str:
            if part[1] is None:
                return self._made[int(part[2])][0]
            if self._sign not in part[1]:
                return part[1]
            # In the text of a picture, say: a tag has room for no other one.
            return re.sub(rf"{self._sign}(\d+)z", self._as_written, part[1])

        return self._find.sub(formula, clean)

    def _as_written(self, place: re.Match[str]) -> str:
        return self._made[int(place[1])][1].replace('"', "&quot;")


class _Renderer(IPythonRenderer):  # type: ignore[misc]
    def __init__(self, attachments: dict[str, Any], formulas: _Formulas) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self._pictures = {unquote(str(name)): data for name, data in attachments.items()}
        self._formulas = formulas

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture of the cell's own attachments; the cleaning drops pictures from elsewhere."""
        if url.startswith("attachment:"):
            name = unquote(html.unescape(url.removeprefix("attachment:")))
            if not (data := self._picture(name)):
                return f"<em>{html.escape(_missing(name))}</em>"
            url = data
        return str(HTMLRenderer.image(self, text, url, title))

    def block_html(self, text: str) -> str:
        return str(super().block_html(self._with_pictures(text)))

    def inline_html(self, text: str) -> str:
        return str(super().inline_html(self._with_pictures(text)))

    def _with_pictures(self, text: str) -> str:
        """HTML with the cell's attachments as its pictures; with such HTML, people make them smaller."""

        def with_data(tag: re.Match[str]) -> str:
            name = unquote(html.unescape(tag[3]))
            data = self._picture(name)
            missing = "" if data else f' alt="{html.escape(_missing(name))}"'
            return f'{tag[1]}"{data}"{missing}'

        return _ATTACHED.sub(with_data, text)

    def _picture(self, name: str) -> str:
        """An attachment as the address of a picture; empty where it is none."""
        bundle = self._pictures.get(name)
        for mime, content in bundle.items() if isinstance(bundle, dict) else ():
            if is_picture(mime, content):
                return f"data:{mime};base64,{content}"
        return ""

    def block_math(self, body: str) -> str:
        return self._formulas.place(body, True, super().block_math(body))

    def inline_math(self, body: str) -> str:
        return self._formulas.place(body, False, super().inline_math(body))

    def latex_environment(self, name: str, body: str) -> str:
        written = super().latex_environment(name, body)
        return self._formulas.place(rf"\begin{{{name}}}{body}\end{{{name}}}", True, written)
