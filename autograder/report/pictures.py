"""The pictures of a page, drawn anew as far as the page needs it to stay small."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from autograder.clean.pictures import smaller

MOST_OF_PAGE = 390_000  # characters
_KEPT = 24_000  # characters of base64 that are not worth drawing anew
_STEPS = ((1600, 82), (900, 65), (500, 45))  # the longer side in pixels, quality
_PICTURE = re.compile(
    r'(<img (?:"[^"]*"|[^">])*?src=")data:(image/\w+);base64,([A-Za-z0-9+/=\s]+)("(?:"[^"]*"|[^">])*>)'
)
_LEFT_OUT = '<p class="note">[A picture is too large for this page. It is in your notebook.]</p>'


def fit_pictures(page: str, most: int = MOST_OF_PAGE) -> str:
    """A page of clean HTML with its pictures small enough, where they can be, for the page to be small.

    What does not fit even then is left out, the last ones first, with a word in its place.
    """
    most -= len(page.encode()) - len(page)  # letters of more than a byte
    for most_side, quality in _STEPS:
        page = _PICTURE.sub(_drawn(most_side, quality), page)
        if len(page) <= most:
            return page
    left = most - len(_PICTURE.sub("", page))

    def kept(tag: re.Match[str]) -> str:
        nonlocal left
        if len(tag[0]) > left:
            return _LEFT_OUT
        left -= len(tag[0])
        return tag[0]

    return _PICTURE.sub(kept, page)


def _drawn(most_side: int, quality: int) -> Callable[[re.Match[str]], str]:
    def anew(tag: re.Match[str]) -> str:
        mime, content = tag[2], tag[3]
        if len(content) > _KEPT:
            mime, content = _smaller(content, most_side, quality) or (mime, content)
        return f"{tag[1]}data:{mime};base64,{content}{tag[4]}"

    return anew


# Pictures of code that was given are the same for all of a class.
_smaller = lru_cache(maxsize=64)(smaller)
