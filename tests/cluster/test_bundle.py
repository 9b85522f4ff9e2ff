"""What travels to a worker is written there as files of its own folder, by every Python that is supported."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from autograder.cluster.bundle import Bundle, Unpacked, _extract, pack
from autograder.course import load_course
from autograder.errors import KitError
from autograder.judge.judge import judge_job
from autograder.judge.keys import judgement_key
from autograder.judge.submission import read_submission
from tests.tiny_course import TinyCourse


def entry(name: str, **fields: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def archive_of(*entries: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for made in entries:
            archive.addfile(made, io.BytesIO(b"x" * made.size))
    return stream.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        _extract(archive, folder)


def test_files_are_written_with_their_rights(tmp_path: Path) -> None:
    unpack(archive_of(entry("a/b", size=3, mode=0o600), entry("c", mode=0o4777)), tmp_path)
    assert (tmp_path / "a/b").read_bytes() == b"xxx"
    assert (tmp_path / "a/b").stat().st_mode & 0o7777 == 0o600
    assert (tmp_path / "c").stat().st_mode & 0o7133 == 0


NO_FILES = {
    "a way up": entry("../aside"),
    "a way up from below": entry("a/../../aside"),
    "a place of its own": entry("/aside"),
    "a link": entry("link", type=tarfile.SYMTYPE, linkname="aside"),
    "a hard link": entry("link", type=tarfile.LNKTYPE, linkname="first"),
    "a pipe": entry("pipe", type=tarfile.FIFOTYPE),
    "a device": entry("device", type=tarfile.CHRTYPE),
    "a folder": entry("folder", type=tarfile.DIRTYPE),
    "nothing": entry("."),
}


@pytest.mark.parametrize("bad", NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_of_the_folder_is_refused(bad: tarfile.TarInfo, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(KitError, match="no file of its own"):
        unpack(archive_of(entry("first"), bad), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["unpacked"]
    assert [path.name for path in folder.iterdir()] == ["first"]


def test_a_bundle_is_unpacked_by_a_python_without_filters(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.11.2, which is Debian 12's: the filters came with 3.11.4."""
    extract_all = tarfile.TarFile.extractall
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    monkeypatch.setattr(
        tarfile.TarFile, "extractall", lambda self, path=".": extract_all(self, path)
    )
    bundle: Bundle = pack(
        load_course(TinyCourse(tmp_path / "here", released=released).root), "tiny"
    )
    unpacked = Unpacked(bundle, tmp_path / "worker")
    assert (unpacked.folder / "source/tiny/tiny.ipynb").is_file()
    assert (unpacked.folder / "records/secret").stat().st_mode & 0o777 == 0o600
    unpacked.remove()


def test_a_worker_knows_stubs_by_the_courses_own_delimiters(tmp_path: Path, released: Path) -> None:
    """A second look and the time of functions go by what a stub asks for; so the job carries it."""
    tiny = TinyCourse(tmp_path / "course", released=released)
    config = """
c.ClearSolutions.begin_solution_delimeter = "# MINE"
c.ClearSolutions.end_solution_delimeter = "# YOURS"
"""
    tiny.configure(config)
    text = (
        (tiny.root / "source/tiny/tiny.ipynb").read_text().replace("### BEGIN SOLUTION", "# MINE")
    )
    tiny.write("source/tiny/tiny.ipynb", text.replace("### END SOLUTION", "# YOURS"))
    tiny.submission("ada")
    course = load_course(tiny.root)
    submission = read_submission(course, "tiny", "ada", course.submitted("ada", "tiny"))
    unpacked = Unpacked(pack(course, "tiny"), tmp_path / "worker")
    try:
        job = unpacked.job(submission.jobs["tiny"])
        stub = job.stubs[job.grade_ids.index("double")]
        assert "def double(x)" in stub
        assert "x + x" not in stub
        key = judgement_key(unpacked.course, job, pack(course, "tiny").data)
        assert key == submission.keys["tiny"]
        other = dataclasses.replace(job, stubs=("",) * len(job.stubs))
        assert judgement_key(unpacked.course, other, pack(course, "tiny").data) != key
    finally:
        unpacked.remove()


def test_a_worker_judges_tests_in_the_notebook_by_the_courses_own_rules(
    tmp_path: Path, released: Path
) -> None:
    tiny = TinyCourse(tmp_path / "course", released=released)
    tiny.configure("c.CourseSettings.stderr_costs_points = False")
    (tiny.root / "graders/tiny/test_tiny.py").unlink()
    tiny.write("graders/tiny/contract.toml", 'tests = "in the notebook"\ntotal = 12\n')
    tiny.submission("ada", {"mean": "import sys\ndef mean(n):\n    print(1, file=sys.stderr)"})
    course = load_course(tiny.root)
    submission = read_submission(course, "tiny", "ada", course.submitted("ada", "tiny"))
    bundle = pack(course, "tiny")
    unpacked = Unpacked(bundle, tmp_path / "worker")
    try:
        job = unpacked.job(submission.jobs["tiny"])
        assert judgement_key(unpacked.course, job, bundle.data) == submission.keys["tiny"]
        judged = {item.grade_id: item for item in judge_job(job).card.items}
        assert judged["mean_tests"].score == 4
        assert judged["mean_tests"].judged_by == "tests in the notebook"
    finally:
        unpacked.remove()
