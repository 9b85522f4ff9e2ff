"""What of a submission may be looked at: the one place that says which HTML and which pictures are harmless.

Outputs pass here when they are collected, and again when they are shown: notebooks reach the pages
for students and staff on other ways too. No script, handler, form, frame or style comes through, no
picture but one that is in the page itself, and no id or name, so that nothing of a submission can take
the place of a part of the page.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import nh3

from autograder.clean.plain_html import TooCostly, write_anew

# SVG can hold scripts, and widgets are scripts: what is left of such an output is a word that says so.
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SIGNATURES = {
    "image/png": re.compile(rb"\x89PNG\r\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
_TEXT = ("text/plain", "text/html", "text/markdown", "text/latex")
_SVG, _JSON, _SCRIPT = "image/svg+xml", "application/json", "application/javascript"
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*+={0,2}\s*")  # `*+`: what is read once is not read again
_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_REPR = re.compile(r"<[^\n]*>")  # what Python says of an object that it has no better words for

NO_SVG = (
    "[A figure as SVG, which is not shown here, for SVG can hold scripts. "
    "Draw it as PNG: %config InlineBackend.figure_formats = ['png']]"
)
NOT_SHOWN = "[An output that lives by scripts or by another page, so not here. Show a picture of it, as PNG.]"
_MOST_JSON = 20_000  # characters
_DEEPEST_JSON = 30  # levels that are shown with a line for each part


def clean_text(text: str) -> str:
    """Text that can be written as UTF-8: JSON may hold halves of characters, which no file takes."""
    return text.encode("utf-8", "replace").decode()


def clean_html(text: str, *, classes: Mapping[str, Iterable[str]] | None = None) -> str:
    """HTML without scripts, handlers, forms, frames, styles, ids and remote content.

    What is nested so that a parser would take hours or gigabytes is shown as its source. A check box
    becomes a sign that says whether it is ticked.

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


def known_part(data: Any) -> dict[str, str]:
    """What `clean_bundle` looks at of a mime bundle: texts. Of SVG and scripts only that they are there.

    JSON becomes plain text, where there is none that says more than that it is an object.
    """
    known: dict[str, str] = {}
    for mime, value in data.items() if isinstance(data, dict) else ():
        if mime in (_SVG, _SCRIPT):
            known[mime] = ""
        elif mime in _TEXT or mime in PICTURES:
            text = "".join(map(str, value)) if isinstance(value, list) else value
            if isinstance(text, str):
                known[mime] = text
    if isinstance(data, dict) and _JSON in data and _says_nothing(known.get("text/plain", "")):
        known["text/plain"] = _json_text(data[_JSON])
    return known


def clean_bundle(data: Any) -> dict[str, str]:
    """The harmless part of an output's mime bundle, which may be anything.

    Where nothing but Python's word for an object would be left of what Jupyter shows, a word of ours says
    what it was. To clean twice changes nothing.
    """
    known = known_part(data)
    kept = {mime: known[mime] for mime in PICTURES if is_picture(mime, known.get(mime))}
    for mime in _TEXT:
        if mime in known:
            text = known[mime]
            kept[mime] = clean_html(text) if mime == "text/html" else clean_text(text)
    if not shows_anything(kept.get("text/html", "x")):
        del kept["text/html"]
    if not kept.keys() - {"text/plain"} and (word := _word_for(known)):
        kept["text/plain"] = word
    return kept


def shows_anything(text: str) -> bool:
    """Whether clean HTML has something to look at."""
    return bool(_TAG.sub("", text).strip()) or "<img" in text


def is_picture(mime: Any, text: Any) -> bool:
    """Whether this is the base64 form of a PNG, JPEG, GIF or WebP picture, and not only said to be one."""
    signature = _SIGNATURES.get(mime) if isinstance(mime, str) else None
    if signature is None or not isinstance(text, str) or not text.isascii():
        return False
    if not _BASE64.fullmatch(text):
        return False
    head = "".join(text[:64].split())[:16]
    return signature.match(base64.b64decode(head[: len(head) // 4 * 4])) is not None


def _word_for(known: dict[str, str]) -> str:
    """What to say of an output that has nothing but plain text, where that says nothing; else nothing."""
    plain = known.get("text/plain", "")
    if _SVG in known:
        return NO_SVG if _says_nothing(plain) else ""
    if known.keys() & {
        _SCRIPT,
        "text/html",
    }:  # without a word of Python's, Jupyter shows nothing, too
        return NOT_SHOWN if plain and _says_nothing(plain) else ""
    return ""


def _says_nothing(plain: str) -> bool:
    return not plain.strip() or _REPR.fullmatch(plain.strip()) is not None


def _json_text(value: Any) -> str:
    """JSON as people read it; what is long or deep stays as compact as it came."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        return NOT_SHOWN
    steps = ((sign in "[{") - (sign in "]}") for sign in text[:_MOST_JSON] if sign in "[]{}")
    deepest = max(itertools.accumulate(steps), default=0)
    if len(text) <= _MOST_JSON and deepest <= _DEEPEST_JSON:
        lines = json.dumps(value, ensure_ascii=False, indent=1)
        text = lines if len(lines) <= _MOST_JSON else text
    return clean_text(text[:_MOST_JSON] + (" …" if len(text) > _MOST_JSON else ""))


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    if (tag, name) == ("img", "src"):
        mime, _, content = value.removeprefix("data:").partition(";base64,")
        return value if value.startswith("data:") and is_picture(mime, content) else None
    if name == "href":
        return value if _LINK.match(value) else None
    return None if name == "cite" else value
