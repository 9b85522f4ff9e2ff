"""Markdown of any origin as harmless HTML."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import unquote

from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.token import STANDARD_TYPES

from autograder.clean import clean_html, clean_text, is_picture

# Characters; an essay is a tenth of this. What is longer is shown as it stands.
MAX_MARKDOWN = 30_000
# Of all cells of a notebook. There are texts of which 30,000 characters take a second and a half.
MAX_OF_NOTEBOOK = 300_000
_TOO_MUCH = (
    "[There is so much text in this notebook that from here on it is shown as it was written.]"
)

_MOST_OF_OUTPUT, _MOST_OF_OUTPUTS = 10_000, 200_000  # characters, of one output and of a notebook's
_ATTACHED = re.compile(r"""(<img\b[^>]*?\bsrc\s*=\s*)(["'])attachment:([^"'>]*)\2""", re.IGNORECASE)

_CLASSES = {"div": ["highlight"], "span": [name for name in STANDARD_TYPES.values() if name]}


def render_markdown(source: str, attachments: Any = None, *, tex_as_code: bool = False) -> str:
    """The HTML of a markdown text, cleaned after it was made: markdown can make links of its own.

    Args:
        source: a written answer, or a comment on one.
        attachments: the cell's; pictures among them are shown.
        tex_as_code: formulas as code, for a page that has no MathJax.
    """
    source = clean_text(source)
    if len(source) > MAX_MARKDOWN:
        return f"<pre>{html.escape(source)}</pre>"
    renderer = _Renderer(attachments if isinstance(attachments, dict) else {}, tex_as_code)
    try:
        made = MarkdownWithMath(renderer=renderer).render(source)
    except (RecursionError, ValueError, TypeError, KeyError, AttributeError):
        return f"<pre>{html.escape(source)}</pre>"
    return clean_html(made, classes=_CLASSES)


def as_written(source: str) -> str:
    """The HTML of a markdown text for which there is no time, with a word on that."""
    return f"<p><em>{_TOO_MUCH}</em></p><pre>{html.escape(clean_text(source))}</pre>"


class NotebookMarkdown:
    """Bounds what is made of the markdown in one notebook's cells, and in its outputs."""

    def __init__(self) -> None:
        self._left, self._left_of_cells = _MOST_OF_OUTPUTS, MAX_OF_NOTEBOOK

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


class _Renderer(IPythonRenderer):  # type: ignore[misc]
    def __init__(self, attachments: dict[str, Any], tex_as_code: bool) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self._pictures = {unquote(str(name)): data for name, data in attachments.items()}
        self._tex_as_code = tex_as_code

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
        return self._tex(super().block_math(body))

    def inline_math(self, body: str) -> str:
        return self._tex(super().inline_math(body))

    def latex_environment(self, name: str, body: str) -> str:
        return self._tex(super().latex_environment(name, body))

    def _tex(self, text: str) -> str:
        return f"<code>{text}</code>" if self._tex_as_code else text
