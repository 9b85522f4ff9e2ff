"""A course that changes while it is graded: no mark is from anything but what its key says."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from autograder import digest as digests
from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.data import draw_images, write_images
from autograder.errors import KitError
from autograder.judge import keys as inputs
from autograder.judge import pool
from autograder.judge.job import Job, Judgement
from autograder.judge.keys import judgement_key
from autograder.judge.pool import CourseChanged, LocalPool, judge_by
from autograder.judge.service import judge_service
from autograder.judge.training_data import box_data, judge_images
from tests.tiny_course import GRADERS, TinyCourse

WRONG = GRADERS.replace("2 * number)", "3 * number)").replace("[2 * n ", "[3 * n ")


def test_a_job_is_judged_by_what_its_key_says_or_not_at_all(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny.job()
    key = judgement_key(load_course(tiny.root), job)
    tiny.write("graders/tiny/test_tiny.py", WRONG)

    def judge_job(_job: Job, _forks: Any) -> str:
        tiny.write("graders/tiny/test_tiny.py", GRADERS)  # taken back before the end
        return "judged by the wrong one"

    monkeypatch.setattr(pool, "judge_job", judge_job)
    with pytest.raises(CourseChanged):
        judge_by(key, job, None)


def test_a_change_while_a_job_is_judged_is_seen_afterwards(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny.job()
    key = judgement_key(load_course(tiny.root), job)

    def judge_job(_job: Job, _forks: Any) -> str:
        tiny.write("graders/tiny/test_tiny.py", WRONG)
        return "judged by the one or the other"

    monkeypatch.setattr(pool, "judge_job", judge_job)
    with pytest.raises(CourseChanged):
        judge_by(key, job, None)


def test_a_wrong_test_that_was_there_for_a_moment_leaves_no_mark(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved after the submission was taken in and before a worker came to it, then taken back."""
    course = load_course(tiny.root)
    real = LocalPool.submit
    tries: list[str] = []

    def submit(self: LocalPool, job: Job, key: str) -> Future[Judgement]:
        tries.append(key)
        tiny.write("graders/tiny/test_tiny.py", WRONG if len(tries) == 1 else GRADERS)
        future = real(self, job, key)
        future.exception()  # it has come to an end before the file changes again
        tiny.write("graders/tiny/test_tiny.py", GRADERS)
        return future

    monkeypatch.setattr(LocalPool, "submit", submit)
    run = grade_class(course, "tiny")
    assert [card.score for card in run.cards] == [7.0]
    assert len(tries) == 2
    monkeypatch.undo()
    again = grade_class(course, "tiny")
    assert again.kept == ["ada"]
    assert again.cards[0].score == 7.0


def test_a_course_that_never_rests_is_named_and_nothing_is_kept(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def submit(_self: LocalPool, _job: Job, _key: str) -> Future[Judgement]:
        overtaken: Future[Judgement] = Future()
        overtaken.set_exception(CourseChanged())
        return overtaken

    monkeypatch.setattr(LocalPool, "submit", submit)
    with pytest.raises(KitError, match="changed again and again"):
        judge_service().result(tiny.job(), "")
    run = grade_class(load_course(tiny.root), "tiny")
    assert "changed again and again" in run.reasons["ada"][0]


def test_a_helper_beside_hidden_tests_is_imported_again_when_it_changes(tiny: TinyCourse) -> None:
    tiny.write("graders/__init__.py", "")
    tiny.write("graders/tiny/__init__.py", "")
    tiny.write("graders/tiny/factor.py", "FACTOR = 3\n")
    head = f"import sys\nsys.path.insert(0, {str(tiny.root / 'graders')!r})\n"
    tests = GRADERS.replace("2 * number)", "FACTOR * number)").replace("[2 * n ", "[FACTOR * n ")
    tiny.write("graders/tiny/test_tiny.py", f"{head}from tiny.factor import FACTOR\n{tests}")
    course = load_course(tiny.root)
    assert grade_class(course, "tiny").cards[0].score == 4.0
    tiny.write("graders/tiny/factor.py", "FACTOR = 2  # corrected\n")
    assert grade_class(course, "tiny").cards[0].score == 7.0, "in a worker that has judged before"


def test_new_images_are_what_the_box_and_the_judge_get(tiny: TinyCourse) -> None:
    places = []
    for seed in (1, 2):
        pixels, labels = draw_images(2600, seed)
        data = pixels, labels.tolist()
        shutil.rmtree(tiny.root / "images", ignore_errors=True)
        write_images(tiny.root / "images", "0123456789", data, data)
        tiny.configure('c.CourseSettings.data_directory = "images"')
        course = load_course(tiny.root)
        places.append((box_data(course), judge_images(course)))
    assert places[0][0] != places[1][0]
    assert places[0][1] != places[1][1]


def test_too_few_images_are_named(tiny: TinyCourse) -> None:
    pixels, labels = draw_images(504, 1)
    write_images(tiny.root / "images", "0123456789", (pixels, labels), (pixels, labels))
    tiny.configure('c.CourseSettings.data_directory = "images"')
    with pytest.raises(KitError, match=r"504 training images will not do; 505 .*data_directory"):
        box_data(load_course(tiny.root))


def test_the_order_of_packages_on_the_disk_is_of_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"package{number}-1.{number}.dist-info" for number in range(40)]
    found: set[str] = set()
    for order in (names, names[::-1]):
        folder = tmp_path / str(len(found)) / "site-packages"
        for name in (*order, "old_form-2.0-py3.11.egg-info"):
            (folder / name).mkdir(parents=True)
        monkeypatch.setattr(sys, "path", [str(folder)])
        assert inputs.packages()["old-form"] == "2.0"
        inputs._environment_digest.cache_clear()
        found.add(inputs._kit())
    inputs._environment_digest.cache_clear()
    assert len(found) == 1


def test_a_test_that_was_corrected_after_a_job_was_judged_is_the_one_that_counts(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged by the wrong one already, but its marks are not written yet."""
    tiny.write("graders/tiny/test_tiny.py", WRONG)
    real = LocalPool.submit
    tries: list[str] = []

    def submit(self: LocalPool, job: Job, key: str) -> Future[Judgement]:
        future = real(self, job, key)
        future.exception()
        tries.append(key)
        tiny.write("graders/tiny/test_tiny.py", GRADERS)
        return future

    monkeypatch.setattr(LocalPool, "submit", submit)
    run = grade_class(load_course(tiny.root), "tiny")
    assert [card.score for card in run.cards] == [7.0]
    assert len(tries) == 2


def test_another_package_is_another_key(tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch) -> None:
    job, course = tiny.job(), load_course(tiny.root)
    before = judgement_key(course, job)
    packages = inputs.packages()
    assert packages["torch"]
    assert packages["pillow"]
    monkeypatch.setattr(inputs, "packages", lambda: {**packages, "einops": "0.8"})
    inputs._environment_digest.cache_clear()
    assert judgement_key(course, job) != before
    monkeypatch.undo()
    inputs._environment_digest.cache_clear()
    assert judgement_key(course, job) == before


def test_another_stub_is_another_key(tiny: TinyCourse) -> None:
    """A second look goes by what a stub asks for; it travels with the job."""
    before = judgement_key(load_course(tiny.root), tiny.job())
    source = tiny.root / "source/tiny/tiny.ipynb"
    source.write_text(source.read_text().replace("def double(x)", "def double(number)"))
    assert judgement_key(load_course(tiny.root), tiny.job()) != before


def test_a_file_that_vanishes_while_a_folder_is_read_stops_nobody(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = digests.files_in
    for module in (digests, inputs):
        monkeypatch.setattr(module, "files_in", lambda place: [*real(place), place / "gone"])
    assert digests.folder_digest(tiny.root / "graders")
    run = grade_class(load_course(tiny.root), "tiny")
    assert run.reasons == {}
