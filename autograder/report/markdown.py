"""Markdown of any origin as harmless HTML."""

from __future__ import annotations

import html
from typing import Any

from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.token import STANDARD_TYPES

from autograder.clean import clean_html, clean_text, is_picture

# Characters; an essay is a tenth of this. What is longer is shown as it stands.
MAX_MARKDOWN = 30_000

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


class _Renderer(IPythonRenderer):  # type: ignore[misc]
    def __init__(self, attachments: dict[str, Any], tex_as_code: bool) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self._pictures = attachments
        self._tex_as_code = tex_as_code

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture of the cell's own attachments; the cleaning drops pictures from elsewhere."""
        bundle = self._pictures.get(url.removeprefix("attachment:"))
        for mime, content in bundle.items() if isinstance(bundle, dict) else ():
            if isinstance(content, str) and is_picture(mime, content):
                url = f"data:{mime};base64,{content}"
        return str(HTMLRenderer.image(self, text, url, title))

    def block_math(self, body: str) -> str:
        return self._tex(super().block_math(body))

    def inline_math(self, body: str) -> str:
        return self._tex(super().inline_math(body))

    def latex_environment(self, name: str, body: str) -> str:
        return self._tex(super().latex_environment(name, body))

    def _tex(self, text: str) -> str:
        return f"<code>{text}</code>" if self._tex_as_code else text
