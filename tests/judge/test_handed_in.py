"""What is only looked at is not drawn while grading: what was handed in is shown, and no mark changes."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autograder.autograde.keys import writing_key
from autograder.clean import png
from autograder.clean.png import MAX_PIXELS, _chunk, rewritten
from autograder.course import load_course
from autograder.judge.handed_in import NOTHING, SAID, with_handed_in
from autograder.judge.judge import judge_job
from autograder.judge.keys import judgement_key
from autograder.judge.submission import Submission, read_submission
from autograder.sandbox.names import unneeded
from tests.tiny_course import TinyCourse, cell, notebook, tiny_source

TAG = {"tags": ["as-handed-in"]}
DRAWN = 'print("drawn here")\nlength = 2'
GIVEN = {"output_type": "stream", "name": "stdout", "text": ["as it ", "was\n"]}


def picture(mode: str = "RGB", size: tuple[int, int] = (5, 4), **options: Any) -> bytes:
    numbers = np.arange(size[0] * size[1] * 4, dtype=np.uint8).reshape(size[1], size[0], 4)
    stream = io.BytesIO()
    Image.fromarray(numbers).convert(mode).save(stream, "PNG", **options)
    return stream.getvalue()


def display(data: bytes, mime: str = "image/png") -> dict[str, Any]:
    bundle = {mime: base64.b64encode(data).decode(), "text/plain": "<Figure>"}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> TinyCourse:
    """The tiny course with a locked cell that only shows something, and a tag on `double`."""
    from autograder.release.release import build

    tiny = TinyCourse(tmp_path_factory.mktemp("handed-in"))
    cells = tiny_source()["cells"]
    cells[1]["metadata"] |= TAG
    shown = cell("code", DRAWN, "shown", locked=True)
    shown |= {"id": "shown", "metadata": shown["metadata"] | TAG}
    cells[2]["metadata"] |= TAG  # a check: it is run, whatever it says
    tiny.write("source/tiny/tiny.ipynb", json.dumps(notebook(*cells[:3], shown, *cells[3:])))
    build(load_course(tiny.root), "tiny")
    return tiny


def submission(
    tiny: TinyCourse,
    outputs: dict[str, list[dict[str, Any]]] | None = None,
    config: str = "",
    **cells: str,
) -> Submission:
    tiny.configure(config)
    given = tiny.handed_in(cells)
    for entry in given["cells"]:
        grade_id = entry["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in (outputs or {}):
            entry["outputs"] = (outputs or {})[grade_id]
    tiny.write("submitted/ada/tiny/tiny.ipynb", json.dumps(given))
    read = load_course(tiny.root)
    return read_submission(read, "tiny", "ada", read.submitted("ada", "tiny"))


def shown(
    submission: Submission, ours: dict[str, list[dict[str, Any]]] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """What people see, by grade_id, where a box gave these outputs."""
    job = submission.jobs["tiny"]
    outputs = tuple((ours or {}).get(grade_id, []) for grade_id in job.grade_ids)
    return dict(zip(job.grade_ids, with_handed_in(submission, "tiny", outputs), strict=True))


def said(outputs: list[dict[str, Any]]) -> str:
    return "".join(output.get("text", "") for output in outputs)


def test_a_cell_that_only_shows_is_not_run_and_the_marks_are_full(course: TinyCourse) -> None:
    given = submission(course, {"shown": [GIVEN]})
    judgement = judge_job(given.jobs["tiny"])
    assert judgement.card.score == judgement.card.auto_max_score == 7
    seen = dict(zip(given.jobs["tiny"].grade_ids, judgement.outputs, strict=True))
    assert seen["shown"] == []
    assert seen["double_tests"], "a check is always run"
    assert said(shown(given, seen)["shown"]) == SAID + "as it was\n"
    own = "def double(x):\n    return length * x"  # a name that only the cell below gives
    needed = judge_job(submission(course, double=own).jobs["tiny"])
    assert said(needed.outputs[2]) == "drawn here\n"
    assert needed.card.score == 7
    hidden = 'def double(x):\n    return eval("len" + "gth") * x'  # no reading of the text finds it
    looked_again = judge_job(submission(course, double=hidden).jobs["tiny"])
    assert looked_again.card.score == 7


def test_a_course_can_have_it_drawn_anew(course: TinyCourse) -> None:
    given = submission(course, {"shown": [GIVEN]})
    anew = submission(course, {"shown": [GIVEN]}, "c.BoxSettings.pictures_anew = True\n")
    assert given.keys != anew.keys
    judgement = judge_job(anew.jobs["tiny"])
    assert said(judgement.outputs[2]) == "drawn here\n"
    assert with_handed_in(anew, "tiny", judgement.outputs) == judgement.outputs


def test_what_a_source_tags_is_part_of_the_key(
    course: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = submission(course)
    job, read = given.jobs["tiny"], given.course
    source = read.notebooks("tiny")["tiny"]
    assert source.as_handed_in == {"double": False, "shown": True}
    before = judgement_key(read, job)
    monkeypatch.setitem(vars(source), "as_handed_in", {})
    assert judgement_key(read, job) != before


def test_ours_is_shown_where_the_cell_failed_or_nothing_was_handed_in(course: TinyCourse) -> None:
    printed = [{"output_type": "stream", "name": "stdout", "text": "ours\n"}]
    raised = [{"output_type": "error", "ename": "E", "evalue": "x", "traceback": []}]
    stopped = [{"output_type": "stream", "name": "stderr", "text": "[Stopped after 4 seconds.]\n"}]
    with_outputs = submission(course, {"double": [GIVEN], "shown": [GIVEN], "mean": [GIVEN]})
    for ours in (raised, stopped):
        assert shown(with_outputs, {"double": ours})["double"] == ours
    seen = shown(with_outputs, {"double": printed, "mean": printed})
    assert said(seen["double"]) == SAID + "as it was\n"
    assert seen["mean"] == printed, "it has no tag"
    nothing = shown(submission(course), {"double": printed})
    assert (nothing["double"], said(nothing["shown"])) == (printed, NOTHING)


def test_other_outputs_are_written_anew_though_the_marks_are_the_same(course: TinyCourse) -> None:
    given, other = submission(course, {"shown": [GIVEN]}), submission(course)
    assert given.keys == other.keys
    before = writing_key(other.course, other)
    given = submission(course, {"shown": [GIVEN]})
    assert writing_key(given.course, given) != before


def test_what_was_handed_in_is_cleaned_and_bounded(course: TinyCourse) -> None:
    marked = {"text/html": "<b onclick='x'>2</b><script>1</script>", "text/plain": "2"}
    html = {"output_type": "execute_result", "data": marked, "metadata": {}, "execution_count": 1}
    whole = picture()
    bad: list[Any] = [
        7,
        {"output_type": "stream", "text": {"a": 1}},
        {"output_type": ["x"]},
        {"data": None},
    ]
    given = [html, display(whole), display(whole + b"more"), display(b"\x89PNG\r\n"), *bad]
    seen = shown(submission(course, {"shown": given}))["shown"]
    assert [output.get("data", {}).get("text/html") for output in seen[1:2]] == ["<b>2</b>"]
    pictures = [output["data"].get("image/png") for output in seen if "data" in output]
    assert [text is not None for text in pictures] == [False, True, True, False]
    assert all(base64.b64decode(text) == whole for text in pictures if text)
    cut_off = display(whole)
    cut_off["data"]["image/png"] = cut_off["data"]["image/png"][
        :-3
    ]  # a file that was not saved whole
    (_, left) = shown(submission(course, {"shown": [cut_off]}))["shown"]
    assert left["data"] == {"text/plain": "<Figure>"}
    jpeg = shown(submission(course, {"shown": [display(b"\xff\xd8\xff0000", "image/jpeg")]}))
    assert jpeg["shown"][1]["data"] == {"text/plain": "<Figure>"}
    long = [{**GIVEN, "text": "x" * 2**23}, GIVEN]
    cut = shown(submission(course, {"shown": long}))["shown"]
    assert "was cut off" in said(cut)
    assert len(said(cut)) < 2**23 + 1000


def test_a_picture_is_put_together_anew_and_nothing_else_is_kept() -> None:
    for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"):
        numbers = np.arange(20, dtype=np.uint16).reshape(4, 5) * 3000
        stream = io.BytesIO()
        if mode == "I;16":
            Image.fromarray(numbers).save(stream, "PNG")
        data = stream.getvalue() or picture(mode)
        made = rewritten(data)
        assert made is not None, mode
        with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(made)) as after:
            assert before.tobytes() == after.tobytes(), mode
    with_text = picture()[:33] + _chunk(b"tEXt", b"where I live") + picture()[33:] + b"behind"
    assert rewritten(with_text) == picture()


def header(width: int = 5, height: int = 4, *rest: int) -> bytes:
    bits, colour, interlaced = rest or (8, 2, 0)
    numbers = (width.to_bytes(4), height.to_bytes(4), bytes([bits, colour, 0, 0, interlaced]))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", b"".join(numbers))


def body(pixels: bytes) -> bytes:
    return _chunk(b"IDAT", zlib.compress(pixels)) + _chunk(b"IEND", b"")


ROWS = (b"\0" + bytes(15)) * 4
NO_PICTURES = {
    "cut": picture()[:-20],
    "another kind": b"GIF89a" + picture()[6:],
    "a wrong checksum": picture()[:30] + b"\0" + picture()[31:],
    "too few pixels": header() + body(ROWS[:-1]),
    "too many pixels": header() + body(ROWS + b"\0"),
    "something behind the pixels": header()
    + _chunk(b"IDAT", zlib.compress(ROWS) + b"x")
    + _chunk(b"IEND", b""),
    "an unknown filter": header() + body(b"\5" + ROWS[1:]),
    "interlaced": header(5, 4, 8, 2, 1) + body(ROWS),
    "no colours": header(5, 4, 8, 3, 0) + body((b"\0" + bytes(5)) * 4),
    "a depth that is none": header(5, 4, 3, 2, 0) + body(ROWS),
    "nothing": header(0, 4) + body(ROWS),
    "huge": header(MAX_PIXELS + 8, 1, 1, 0, 0) + body(bytes(1 + MAX_PIXELS // 8 + 1)),
    "two heads": header() + header()[8:] + body(ROWS),
    "no pixels at all": header() + _chunk(b"IEND", b""),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_whole_plain_png_is_no_picture(name: str) -> None:
    assert rewritten(header() + body(ROWS)) is not None
    assert rewritten(NO_PICTURES[name]) is None


def test_a_picture_of_too_many_bytes_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "MAX_BYTES", len(ROWS) - 1)
    assert rewritten(header() + body(ROWS)) is None


def test_what_another_cell_has_a_name_from_is_needed() -> None:
    cells = (
        "def f(net):\n    return net",
        "net = 1\nside = 2",
        "print(side)",
        "a = 1",
        "b = a",
        "f(1)",
    )
    assert unneeded(cells, {1, 3, 4}) == {3, 4}, "a parameter is no name of another cell's"
    assert unneeded(cells, {1, 2}) == {1, 2}
    assert unneeded(cells, {3}) == frozenset()
    assert unneeded(("def f():\n    return late", "late = 1"), {1}) == frozenset(), (
        "also from above"
    )


def test_a_submission_that_is_gone_by_now_shows_what_the_box_gave(course: TinyCourse) -> None:
    given = submission(course, {"shown": [GIVEN]})
    (given.folder / "tiny.ipynb").unlink()
    assert said(shown(given)["shown"]) == NOTHING
