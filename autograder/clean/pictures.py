"""Whether bytes are a picture through and through, found out without decoding a single pixel of it.

Where pages are made for students, and no marks, a large one is decoded and drawn anew, so that it is small.
"""

from __future__ import annotations

import base64
import io
import warnings

from autograder.clean import is_picture

_MOST_DRAWN = 25_000_000  # pixels: a hundred megabytes while it is drawn anew
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


def smaller(content: str, most_side: int, quality: int) -> tuple[str, str] | None:
    """The same picture, drawn anew as WebP: at most so many pixels wide or high.

    Nothing of the file is in it but what is seen.

    Args:
        content: of a picture, in base64.
        quality: from 1 to 100.

    Returns:
        its kind and base64 text; None where it cannot be read, has too many pixels, or would not be smaller.
    """
    from PIL import Image

    try:
        data = base64.b64decode(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as picture:
                if not 0 < picture.width * picture.height <= _MOST_DRAWN:
                    return None
                clear = "A" in picture.mode or "transparency" in picture.info
                drawn = picture.convert("RGBA" if clear else "RGB")
        drawn.thumbnail((most_side, most_side))
        written = io.BytesIO()
        drawn.save(written, "WEBP", quality=quality, method=2)
    except Exception:  # Pillow raises what it likes about a broken file
        return None
    made = base64.b64encode(written.getvalue()).decode()
    return ("image/webp", made) if len(made) < len(content) else None
