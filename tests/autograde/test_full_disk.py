"""A disk that is full in the middle of a class: said in one sentence, and made good by the next run."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from autograder import files
from autograder.autograde.grade import grade_class
from autograder.autograde.records import load_card
from autograder.course import load_course
from autograder.errors import KitError
from tests import kept
from tests.tiny_course import TinyCourse

STUDENTS = ("ada", "bob", "cem")


def class_of(root: Path, released: Path) -> TinyCourse:
    tiny = TinyCourse(root, released=released)
    tiny.write("records/secret", "5" * 64)
    for number, student in enumerate(STUDENTS):
        tiny.submission(student, extra=f"x = {number}")
    return tiny


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Path:
    tiny = class_of(tmp_path_factory.mktemp("undisturbed"), released)
    assert grade_class(load_course(tiny.root), "tiny").reasons == {}
    return tiny.root


class SmallDisk:
    """A disk of two MiB."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            for size in (2**16, 2**10, 1):
                try:
                    while True:
                        file.write(b"." * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def make_room(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "small", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("kind", ["gradebook", "scorecard", "autograded", "ledger"])
def test_a_full_disk_is_named_and_the_next_run_makes_it_good(
    kind: str, tmp_path: Path, released: Path, undisturbed: Path, disk: SmallDisk
) -> None:
    tiny = class_of(tmp_path / "course", released)
    on_it = {
        "gradebook": "records/gradebook.db",
        "scorecard": "records/scorecards",
        "autograded": "autograded",
        "ledger": "records/ledger.db",
    }[kind]
    place = tiny.root / on_it
    target = disk.place / place.name
    if place.exists():
        shutil.move(place, target)
    elif kind != "ledger":
        target.mkdir()
    place.symlink_to(target)
    course = load_course(tiny.root)
    full = False

    def fills_up(_what: str, done: int, _total: int) -> None:
        nonlocal full
        if done and not full:
            full = True
            disk.fill()

    if kind == "ledger":  # which grading can do without
        run = grade_class(course, "tiny", progress=fills_up)
        assert run.reasons == {}
        assert any(
            "ledger.db cannot be written" in note and "Make room" in note for note in run.notes
        )
    else:
        folder = tiny.root / "records" if kind == "gradebook" else place
        with pytest.raises(KitError, match=rf"no room to write in {folder}.*Make room there"):
            grade_class(course, "tiny", progress=fills_up)
        assert load_card(course, "tiny", "ada") is not None
        for student in ("bob", "cem"):
            assert load_card(course, "tiny", student) is None
            written = [value for key, value in kept.rows(tiny.root).items() if key[0] == student]
            assert written == [], "half a submission's marks"
            assert not (tiny.root / "autograded" / student / "tiny").exists()
    assert full
    disk.make_room()
    again = grade_class(course, "tiny")
    assert again.kept == (list(STUDENTS) if kind == "ledger" else ["ada"])
    assert kept.differences(kept.everything(tiny.root), kept.everything(undisturbed)) == []


def test_one_submission_that_does_not_fit_stops_nobody_else(
    tmp_path: Path, released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = class_of(tmp_path, released)
    real = Path.write_bytes

    def does_not_fit(path: Path, data: bytes) -> int:
        if path.name == "huge":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, data)

    tiny.write("submitted/bob/tiny/huge", "not really")
    monkeypatch.setattr(Path, "write_bytes", does_not_fit)
    run = grade_class(load_course(tiny.root), "tiny")
    assert list(run.reasons) == ["bob"]
    assert "No space left on device" in run.reasons["bob"][0]
    assert run.graded == ["ada", "cem"]


def raised_from(cause: Exception, error: Exception) -> Exception:
    try:
        raise error from cause
    except Exception as caught:
        return caught


FULL = sqlite3.OperationalError("database or disk is full")
FULL.sqlite_errorcode = sqlite3.SQLITE_FULL
BUSY = sqlite3.OperationalError("database is locked")
BUSY.sqlite_errorcode = sqlite3.SQLITE_BUSY


@pytest.mark.parametrize(
    ("error", "is_full"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.EROFS, "read-only"), True),
        (OSError(errno.EACCES, "denied"), False),
        (OperationalError("INSERT", {}, FULL), True),
        (OperationalError("INSERT", {}, BUSY), False),
        (raised_from(OSError(errno.ENOSPC, "full"), ValueError("could not")), True),
        (ValueError("could not"), False),
    ],
    ids=["ENOSPC", "EROFS", "EACCES", "SQLITE_FULL", "SQLITE_BUSY", "a cause", "another"],
)
def test_a_full_disk_is_told_from_other_trouble(error: Exception, is_full: bool) -> None:
    assert (files.no_room(error) is not None) == is_full


def test_a_disk_that_may_only_be_read_is_not_called_full(tmp_path: Path) -> None:
    """No room that is made helps there."""
    said = r"Nothing can be written in .*Mount it"
    with pytest.raises(KitError, match=said), files.naming_full_disk(tmp_path):
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "a"))
