"""Marks and feedback on their way back, through the commands: from a platform's archive to its own sheet."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import nbformat
import pytest
from click.testing import Result

from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.lms.canvas_api import TOKEN
from tests.doors import autograder
from tests.kept import mark
from tests.lms import exports, importers
from tests.lms.exports import zipped
from tests.lms.fake_canvas import PATH, fake_canvas
from tests.tiny_course import TinyCourse

ATTACHMENTS = {"4711_9001": "tiny.ipynb", "4712_9003": "tiny.ipynb", "4713_9004": "tiny.ipynb"}


def command(*words: str, code: int = 0) -> Result:
    """In the course's folder, whose files are named."""
    return autograder(Path(), *words, code=code)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Path:
    """A class that came from Canvas: ada and joerg are marked, li's written answer waits."""
    made = TinyCourse(tmp_path_factory.mktemp("course"), released=released)
    wrong = {"mean": "def mean(numbers):\n    return '`<b>` $x$'"}
    files = {
        name: json.dumps(made.handed_in(cells)).encode()
        for name, cells in {
            "lovelaceada_4711_9001_tiny-1.ipynb": {},
            "müllerjörg_LATE_4712_9003_tiny.ipynb": wrong,
            "wangli_4713_9004_tiny.ipynb": {},
        }.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.root)
        Path("gradebook.csv").write_bytes(exports.CANVAS)
        archive = str(zipped(made.root / "archive.zip", files))
        command("collect", "tiny", archive, "--from", "canvas", "--roster", "gradebook.csv")
        grade_class(load_course(made.root), "tiny")
        mark(load_course(made.root), "ada", why=4.5)
        mark(load_course(made.root), "joerg", why=0.0)
        command("feedback", "tiny")
    return made.root


@pytest.fixture(autouse=True)
def _in_the_course(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def test_marks_go_into_the_platforms_own_sheet() -> None:
    sheet = ("--template", "gradebook.csv", "--output", "filled.csv")
    done = command("export", "tiny", "--format", "canvas", *sheet)
    filled = Path("filled.csv").read_bytes()
    assert importers.canvas(exports.CANVAS, filled) == {"4711": "11.50"}  # joerg has his 3 already
    assert filled == exports.CANVAS.replace(b'A",,5.00', b'A",11.5,5.00')
    assert "1 student, something still waits, and the sheet is left as it is: li\n" in done.output
    assert "Wang, Li (li2), Student, Test (hash)" in done.output
    assert "1 mark written, 1 there already" in done.output


def test_canvas_finds_each_students_feedback() -> None:
    command("feedback", "tiny", "--zip", "canvas")
    with zipfile.ZipFile("feedback-tiny-canvas.zip") as archive:
        names = archive.namelist()
        given = importers.canvas_feedback(names, ATTACHMENTS)
        texts = {name: archive.read(name).decode() for name in names}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o600}
    assert given == {user: ["tiny.ipynb"] for user in ("4711", "4712", "4713")}
    wrong = nbformat.reads(texts["müllerjörg_LATE_4712_9003_tiny.ipynb"], as_version=4)
    nbformat.validate(wrong)
    assert [cell.cell_type for cell in wrong.cells] == ["markdown"] * 4
    text = "\n".join(cell.source for cell in wrong.cells)
    assert "3 of 7 points; 1 of 3 items wait for a person." in text
    assert "✗ The mean of a list." in text
    assert "<b>" not in text
    assert not any(sign in text.replace(f"\\{sign}", "") for sign in "`$")


def test_moodle_finds_each_students_feedback(root: Path) -> None:
    """The same class, as if it had been collected there."""
    record = root / "records/collected/tiny.json"
    before = record.read_text()
    data = json.loads(before)
    for number, about in enumerate(data.values(), 71):
        about.update(platform="moodle", fields={"id": str(number), "name": f"Ad_a {number}"})
    try:
        record.write_text(json.dumps(data))
        done = command("feedback", "tiny", "--zip", "moodle")
    finally:
        record.write_text(before)
    with zipfile.ZipFile("feedback-tiny-moodle.zip") as archive:
        given = importers.moodle_feedback(archive.namelist(), {"71", "72", "73"})
        page = archive.read("Ad a 71_71_assignfeedback_file_/tiny.html")
    assert given == {number: ["index.html", "tiny.html"] for number in ("71", "72", "73")}
    assert page == (root / "feedback/ada/tiny/tiny.html").read_bytes()
    assert "For moodle, 3 students" in done.output


def test_moodles_number_alone_gives_nobody_feedback(root: Path) -> None:
    """In the archive it may be a team's, and the same as some student's."""
    record = root / "records/collected/tiny.json"
    before = record.read_text()
    data = json.loads(before)
    for about in data.values():
        about.update(platform="moodle", fields={})
    try:
        record.write_text(json.dumps(data))
        result = command("feedback", "tiny", "--zip", "moodle", code=2)
    finally:
        record.write_text(before)
    assert "ada: no worksheet said which participant this is" in result.output


def test_nothing_goes_back_where_nothing_came_from() -> None:
    result = command("feedback", "tiny", "--zip", "moodle", code=2)
    assert "Nothing of `tiny` was collected from moodle" in result.output


def test_a_row_a_student() -> None:
    rows = list(csv.DictReader(io.StringIO(command("export", "tiny", "--wide").stdout)))
    assert rows == [
        {
            "student": student,
            "submitted": "",
            "seconds_late": "0",
            "late_penalty": "0",
            "points": points,
            "max_score": "12",
            "waits": waits,
            "needs_staff": "",
            "tiny/double_tests": "3",
            "tiny/mean_tests": mean,
            "tiny/why": why,
        }
        for student, points, waits, mean, why in (
            ("ada", "11.5", "0", "4", "4.5"),
            ("joerg", "3", "0", "0", "0"),
            ("li", "7", "5", "4", ""),
        )
    ]


@pytest.mark.filterwarnings("ignore:Canvas may respond unexpectedly")  # of http, on this machine
def test_marks_are_posted_to_canvas_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("canvasapi")
    monkeypatch.setenv(TOKEN, "right")
    with fake_canvas() as canvas:
        dry = command("post", "tiny", canvas.url + PATH)
        assert "ada: – → 11.5\n" in dry.output
        assert "Nothing was sent: add --send." in dry.output
        assert canvas.scores[4711] is None
        sent = command("post", "tiny", canvas.url + PATH, "--send")
        assert "1 mark sent, 1 there already" in sent.output
        assert canvas.scores == {4711: 11.5, 4712: 3.0, 4713: None}
        canvas.scores[4711], canvas.deaf = None, {4711}
        lost = command("post", "tiny", canvas.url + PATH, "--send", code=3)
        assert "has not taken the marks of ada" in lost.output


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "canvas"],
        ["--template", "gradebook.csv"],
        ["--column", "tiny (901)"],
        ["--wide", "--format", "json"],
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str]) -> None:
    command("export", "tiny", *options, code=2)
