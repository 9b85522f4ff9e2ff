"""Whether bytes are a picture through and through, found out without decoding a single pixel of it."""

from __future__ import annotations

import base64
import io
import warnings

from autograder.clean import is_picture

MAX_PIXELS = 120_000_000  # a phone takes up to 108 million; a browser, four bytes for each


def is_whole_picture(mime: str, content: str) -> bool:
    """Whether this base64 text is a picture of its kind, and of no more pixels than a browser can take.

    What is in it beside the picture, such as where a photo was taken, stays: it can do nothing in a page.
    """
    if not is_picture(mime, content):
        return False
    try:
        data = base64.b64decode(content)
        if mime == "image/webp":  # Pillow would make room for its pixels as soon as it is opened
            return _fits(*_webp_size(data))
        from PIL import Image

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of many pixels: they are counted below
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF")) as picture:
                fits = _fits(*picture.size)
                picture.verify()
        return fits
    except Exception:  # Pillow raises what it likes about a broken file
        return False


def _fits(width: int, height: int) -> bool:
    return 0 < width * height <= MAX_PIXELS


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height by the head of a WebP file; (0, 0) for what is none, or is not whole."""
    if len(data) < 30 or int.from_bytes(data[4:8], "little") + 8 > len(data):
        return 0, 0
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        sizes = data[26:28], data[28:30]
        width, height = (int.from_bytes(size, "little") & 0x3FFF for size in sizes)
        return width, height
    return 0, 0
