"""What of a submission may be looked at: the one place that says which HTML and which pictures are harmless.

Outputs pass here when they are collected, and again when they are shown: notebooks reach the pages
for students and staff on other ways too. No script, handler, form, frame or style comes through, no
picture but one that is in the page itself, and no id or name, so that nothing of a submission can take
the place of a part of the page.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

import nh3

from autograder.clean.plain_html import TooCostly, write_anew

# SVG can hold scripts, and widgets are scripts: what is left of such an output is its plain text.
_SIGNATURES = {"image/png": b"\x89PNG\r\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8"}
_TEXT = ("text/plain", "text/html", "text/latex")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")
_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Text that can be written as UTF-8: JSON may hold halves of characters, which no file takes."""
    return text.encode("utf-8", "replace").decode()


def clean_html(text: str, *, classes: Mapping[str, Iterable[str]] | None = None) -> str:
    """HTML without scripts, handlers, forms, frames, styles, ids and remote content.

    What is nested so that a parser would take hours or gigabytes is shown as its source.

    Args:
        text: HTML of any origin.
        classes: the CSS classes that may stay, by tag; none by default.
    """
    text = clean_text(text)
    try:
        written = write_anew(text)
    except TooCostly:
        return html.escape(text)
    return nh3.clean(
        written,
        url_schemes={"http", "https", "mailto", "data"},
        attribute_filter=_keep_attribute,
        allowed_classes={tag: set(names) for tag, names in (classes or {}).items()},
    )


def clean_bundle(data: Any) -> dict[str, str]:
    """The harmless part of an output's mime bundle, which may be anything."""
    kept = {}
    for mime, value in data.items() if isinstance(data, dict) else ():
        text = "".join(map(str, value)) if isinstance(value, list) else value
        if not isinstance(text, str):
            continue
        if is_picture(mime, text):
            kept[mime] = text
        elif mime == "text/html":
            kept[mime] = clean_html(text)
        elif mime in _TEXT:
            kept[mime] = clean_text(text)
    return kept


def is_picture(mime: Any, text: str) -> bool:
    """Whether this is the base64 form of a PNG, JPEG or GIF picture, and not only said to be one."""
    signature = _SIGNATURES.get(mime) if isinstance(mime, str) else None
    if signature is None or not text.isascii() or not _BASE64.fullmatch(text):
        return False
    head = "".join(text[:64].split())[:16]
    return base64.b64decode(head[: len(head) // 4 * 4]).startswith(signature)


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    if (tag, name) == ("img", "src"):
        mime, _, content = value.removeprefix("data:").partition(";base64,")
        return value if value.startswith("data:") and is_picture(mime, content) else None
    if name == "href":
        return value if _LINK.match(value) else None
    return None if name == "cite" else value
