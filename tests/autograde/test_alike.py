"""`autograder similarity` on a class: what is read, what is shown, and that it says nothing about anybody."""

from __future__ import annotations

import csv
import io
import json
import stat
import zipfile
from pathlib import Path

import pytest

from autograder.autograde.alike import OWN_CELLS, read_class
from autograder.course import load_course
from tests.doors import autograder
from tests.similarity.test_compare import numbers
from tests.tiny_course import RIGHT, TinyCourse

SHARED = numbers(1) + "\ntext = '</pre><script>alert(1)</script>'"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Path:
    """A class of eight: bao's and cleo's own cells are alike, dee and eli work in a group."""
    made = TinyCourse(tmp_path_factory.mktemp("course"), released=released)
    for number, student in enumerate(("ada", "bao", "cleo", "dee", "eli", "fay", "gus", "hal")):
        extra = (
            SHARED
            if student in ("bao", "cleo")
            else numbers(2 if student in ("dee", "eli") else 50 + number)
        )
        made.submission(student, extra=extra)
    for student, random_id in (("bao", "a1b2c3d4"), ("cleo", "a1b2c3d4"), ("fay", "a1b2c3d4e5f6")):
        path = made.root / f"submitted/{student}/tiny/tiny.ipynb"
        data = json.loads(path.read_text())
        data["cells"][0]["id"] = random_id
        path.write_text(json.dumps(data))
    for path in (
        made.root / "source/tiny/tiny.ipynb",
        *made.root.glob("submitted/[bc]*/tiny/tiny.ipynb"),
    ):
        path.write_text(path.read_text().replace('"id": "id-0"', '"id": "0a1b2c3d"'))
    made.write("submitted/bao/tiny/timestamp.txt", "2026-07-01 21:30:00 UTC")
    group = {"platform": "moodle", "fields": {}, "who": "", "group": "7", "files": {}}
    made.write("records/collected/tiny.json", json.dumps({"dee": group, "eli": group}))
    return made.root


def test_cells_of_their_own_are_compared_and_groups_are_not(root: Path) -> None:
    code = read_class(load_course(root), "tiny")
    assert [unit.name for unit in code.units] == ["double", "mean", OWN_CELLS]
    assert code.units[0].codes["ada"] == RIGHT["double"]
    assert code.units[0].base.startswith("def double(x):")
    (pair,) = [pair for pair in code.comparison().pairs if pair.weight > 100]
    assert (pair.one, pair.other, pair.cells) == ("bao", "cleo", 1)


def test_the_page_is_for_staff_escapes_code_and_says_nothing_about_anybody(
    root: Path,
) -> None:
    result = autograder(root, "similarity", "tiny")
    assert "bao, cleo" in result.output
    page = root / "records/similarity/tiny.html"
    assert not stat.S_IMODE(page.parent.stat().st_mode) & 0o077
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "This page decides nothing." in text
    assert "handed in 2026-07-01 21:30:00 +0000" in text
    assert "1 cell of both has the same random id" in text
    said = (text + result.output).lower()
    assert not [word for word in ("plagiar", "cheat", "guilty", "suspect", "fraud") if word in said]


def test_dolos_gets_a_file_a_student(root: Path, tmp_path: Path) -> None:
    result = autograder(root, "similarity", "tiny", "--dolos", tmp_path / "dolos")
    assert "dolos run -l python -i release.py" in result.output
    assert "def double(x):" in (tmp_path / "dolos/release.py").read_text()
    with zipfile.ZipFile(tmp_path / "dolos/class.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("info.csv").decode())))
        compile(archive.read("bao.py"), "bao.py", "exec")
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o600}
    assert len(rows) == 8
    assert rows[1] == {
        "filename": "bao.py",
        "full_name": "bao",
        "label": "",
        "created_at": "2026-07-01 21:30:00 +0000",
    }


def test_of_one_submission_there_is_nothing_to_compare(tiny: TinyCourse) -> None:
    result = autograder(tiny.root, "similarity", "tiny", code=2)
    assert "there is nothing to compare" in result.output
