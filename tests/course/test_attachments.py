"""Pictures that are pasted into text cells: which of them are taken in, and that they are part of the answer."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from autograder.clean.pictures import MAX_PIXELS, is_whole_picture
from autograder.course import attachments, read_notebook
from autograder.course.attachments import words_and_pictures
from tests.damages import cell_of, source_of, taken_in
from tests.report.samples import picture
from tests.tiny_course import cell, notebook, tiny_source


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pictures_of(tmp_path: Path, *cells: dict[str, Any]) -> list[Any]:
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps(notebook(*cells)))
    return [cell.get("attachments") for cell in read_notebook(path).cells]


def attached(pictures: Any, text: str = "See ![](attachment:p)") -> dict[str, Any]:
    return {**cell("markdown", text), "attachments": pictures}


KINDS = {
    "image/png": picture(),
    "image/jpeg": picture("JPEG"),
    "image/gif": picture("GIF"),
    "image/webp": picture("WEBP"),
}


@pytest.mark.parametrize("mime", KINDS)
def test_a_picture_is_kept(tmp_path: Path, mime: str) -> None:
    content = KINDS[mime]
    assert pictures_of(tmp_path, attached({"p": {mime: content}})) == [{"p": {mime: content}}]


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"exif": b"Exif\0\0"}], ids=["lossless", "exif"]
)
def test_every_form_of_webp_is_kept(tmp_path: Path, options: dict[str, Any]) -> None:
    bundle = {"image/webp": picture("WEBP", **options)}
    assert pictures_of(tmp_path, attached({"p": bundle})) == [{"p": bundle}]


def test_a_photo_of_a_phone_with_a_second_one_in_it_is_kept(tmp_path: Path) -> None:
    second = [Image.new("RGB", (2, 2))]
    bundle = {"image/jpeg": picture("MPO", save_all=True, append_images=second)}
    assert pictures_of(tmp_path, attached({"p": bundle})) == [{"p": bundle}]


def test_a_picture_in_lines_is_kept_in_one(tmp_path: Path) -> None:
    lines = [picture()[:8] + "\n", picture()[8:]]
    assert pictures_of(tmp_path, attached({"p": {"image/png": lines}})) == [
        {"p": {"image/png": picture()}}
    ]


def _head_of_png(width: int, height: int) -> bytes:
    whole = base64.b64decode(picture())
    import zlib

    head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + whole[24:29]
    return whole[:12] + head + zlib.crc32(head).to_bytes(4, "big") + whole[33:]


SIDE = int(MAX_PIXELS**0.5) + 1
REFUSED: dict[str, Any] = {
    "SVG": {"image/svg+xml": encoded(b"<svg xmlns='http://www.w3.org/2000/svg'/>")},
    "SVG that calls itself PNG": {"image/png": encoded(b"<svg xmlns='http://www.w3.org/2000/svg'/>")},
    "a PNG that calls itself JPEG": {"image/jpeg": picture()},
    "the head of a PNG": {"image/png": encoded(base64.b64decode(picture())[:20])},
    "a PNG with a changed byte": {
        "image/png": encoded(base64.b64decode(picture()).replace(b"IDAT", b"IDAT\0", 1))
    },
    "the head of a WebP": {"image/webp": encoded(base64.b64decode(picture("WEBP"))[:20])},
    "a PNG of too many pixels": {"image/png": encoded(_head_of_png(SIDE, SIDE))},
    "a WebP of too many pixels": {
        "image/webp": encoded(
            b"RIFF" + (30).to_bytes(4, "little") + b"WEBPVP8X" + bytes(8) + (SIDE).to_bytes(3, "little") * 2 + bytes(8)
        )
    },
    "HTML": {"text/html": "<b>x</b>"},
    "no base64": {"image/png": "iVBORw0KGgo<script>"},
    "a number": {"image/png": 5},
    "no bundle": "iVBORw0KGgo=",
    "nothing": {},
}  # fmt: skip


@pytest.mark.parametrize("bundle", REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_is_not_kept(tmp_path: Path, bundle: Any) -> None:
    good = {"image/png": picture()}
    assert pictures_of(tmp_path, attached({"p": bundle, "good": good})) == [{"good": good}]


@pytest.mark.parametrize("odd", [5, [], "x", None, {"p" * 300: {"image/png": picture()}}, {}])
def test_attachments_of_another_form_are_none(tmp_path: Path, odd: Any) -> None:
    assert pictures_of(tmp_path, attached(odd)) == [None]


def test_a_head_of_a_png_with_few_pixels_is_one() -> None:
    """Or the test of too many pixels could pass for another reason."""
    assert is_whole_picture("image/png", encoded(_head_of_png(3, 2)))


def test_pictures_are_taken_in_up_to_a_number_and_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {str(number): {"image/png": picture()} for number in range(3)}
    cells = [attached(pictures), attached(pictures)]
    monkeypatch.setattr(attachments, "MAX_PICTURES", 4)
    assert [len(taken) for taken in pictures_of(tmp_path, *cells)] == [3, 1]
    monkeypatch.setattr(attachments, "MAX_PICTURES", 100)
    monkeypatch.setattr(attachments, "MAX_ALL_MIB", 2.5 * len(picture()) / 2**20)
    assert [len(taken or ()) for taken in pictures_of(tmp_path, *cells)] == [2, 0]
    monkeypatch.setattr(attachments, "MAX_PICTURE_MIB", 0)
    assert pictures_of(tmp_path, *cells) == [None, None]


def test_a_code_cell_has_none(tmp_path: Path) -> None:
    code = {**cell("code", "x"), "attachments": {"p": {"image/png": picture()}}}
    assert pictures_of(tmp_path, code) == [None]


def test_a_code_cell_that_came_as_text_has_none(tmp_path: Path) -> None:
    data = tiny_source()
    odd = cell_of(data, "double")
    odd |= {"cell_type": "markdown", "attachments": {"p": {"image/png": picture()}}}
    repaired = taken_in(tmp_path, source_of(tmp_path), data)
    double = next(cell for cell in repaired.notebook.cells if "def double" in cell.source)
    assert double.cell_type == "code"
    assert "attachments" not in double


def test_a_changed_picture_is_a_changed_answer(tmp_path: Path) -> None:
    path = tmp_path / "tiny.ipynb"
    contents = []
    for pictures in (
        {},
        {"p": {"image/png": picture()}},
        {"p": {"image/png": picture(size=(9, 9))}},
    ):
        path.write_text(json.dumps(notebook(attached(pictures))))
        contents.append(words_and_pictures(read_notebook(path).cells[0]))
    assert contents[0] == "See ![](attachment:p)"
    assert len(set(contents)) == 3
