"""A PNG file taken apart and put together anew: nothing of it is left but the picture.

Everything is read in plain Python, within bounds that the picture's own size sets; only zlib, which stops
where it is told to, unpacks its pixels, to see that all of them are there and nothing behind them. What comes
out has the four kinds of chunk that a picture needs, each as its rule wants it.
"""

from __future__ import annotations

import struct
import zlib

MAX_PIXELS = 16_000_000  # a figure of 8 x 6 inches at 300 dpi has 4.3 million
MAX_BYTES = 2**26  # of its pixels, unpacked
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# By colour type: samples a pixel, and the bits a sample that PNG allows (RFC 2083, table in 4.1.1).
_FORMS = {
    0: (1, (1, 2, 4, 8, 16)),
    2: (3, (8, 16)),
    3: (1, (1, 2, 4, 8)),
    4: (2, (8, 16)),
    6: (4, (8, 16)),
}
_PALETTE = 3


def rewritten(data: bytes) -> bytes | None:
    """The same picture in a file of our own making; None where this is no whole, plain PNG.

    Interlaced ones, which nobody draws figures as, are none.
    """
    try:
        return _rewritten(data)
    except (struct.error, zlib.error, ValueError, KeyError):
        return None


def _rewritten(data: bytes) -> bytes:
    chunks = _chunks(data)
    width, height, bits, colour, compression, filters, interlace = struct.unpack(
        ">IIBBBBB", chunks[b"IHDR"]
    )
    samples, allowed = _FORMS[colour]
    if bits not in allowed or (compression, filters, interlace) != (0, 0, 0):
        raise ValueError
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError
    row = 1 + (width * samples * bits + 7) // 8  # bytes, with the number of its filter before it
    if row * height > MAX_BYTES:
        raise ValueError
    pixels = _unpacked(chunks[b"IDAT"], row * height)
    if max(pixels[::row]) > 4:
        raise ValueError
    palette = chunks.get(b"PLTE", b"")
    if len(palette) % 3 or len(palette) > 768 or (colour == _PALETTE and not palette):
        raise ValueError
    if len(chunks.get(b"tRNS", b"")) > 256:
        raise ValueError
    order = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
    parts = [_chunk(kind, chunks[kind]) for kind in order if kind in chunks]
    return b"".join([_SIGNATURE, *parts, _chunk(b"IEND", b"")])


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks by kind; those of the pixels joined."""
    if not data.startswith(_SIGNATURE):
        raise ValueError
    found: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    at = len(_SIGNATURE)
    while True:
        size, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + size]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + size)
        if checksum != zlib.crc32(kind + content):
            raise ValueError
        at += 12 + size
        if kind == b"IEND":
            found[b"IDAT"] = b"".join(pixels)
            return found
        if kind == b"IDAT":
            pixels.append(content)
        elif kind in found:
            raise ValueError
        else:
            found[kind] = content


def _unpacked(packed: bytes, size: int) -> bytes:
    """Exactly so many bytes; never more are made."""
    stream = zlib.decompressobj()
    content = stream.decompress(packed, size)
    if len(content) != size or stream.decompress(stream.unconsumed_tail, 1):
        raise ValueError
    if not stream.eof or stream.unused_data:
        raise ValueError
    return content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I4s", len(content), kind)
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
