"""Bonus items: what a contract announces, what a course gives, and the files that submissions bring for them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.course import load_course
from autograder.course.bonus import (
    Bonus,
    announced,
    check_bonus,
    find_bonus_files,
    given,
    ordinary_cells,
    read_bonuses,
)
from autograder.errors import KitError
from tests.tiny_course import TinyCourse

CONTRACT = """
total = 12

[bonus.tiny.mean_tests]
points = 2.5
file = "numbers.safetensors"
max_mib = 1
"""
BONUS = Bonus("mean_tests", 2.5, "numbers.safetensors", 1)


def test_a_course_gives_what_it_names_of_what_is_announced(tmp_path: Path) -> None:
    off = TinyCourse(tmp_path / "off")
    on = TinyCourse(tmp_path / "on", 'c.CourseSettings.bonus = ["mean_tests"]')
    for tiny in (off, on):
        tiny.write("graders/tiny/contract.toml", CONTRACT)
        course = load_course(tiny.root)
        assert announced(course, "tiny", "tiny") == {"mean_tests": BONUS}
        cells = ordinary_cells(course, "tiny", course.notebooks("tiny")["tiny"])
        assert [cell.grade_id for cell in cells] == ["double_tests", "why"]
        check_bonus(course)
    assert given(load_course(off.root), "tiny", "tiny") == {}
    assert given(load_course(on.root), "tiny", "tiny") == {"mean_tests": BONUS}


def test_without_a_contract_nothing_is_announced(tmp_path: Path) -> None:
    course = load_course(TinyCourse(tmp_path).root)
    assert announced(course, "tiny", "tiny") == {}


def test_a_name_that_nothing_announces_is_refused(tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path, 'c.CourseSettings.bonus = ["meen_tests"]')
    tiny.write("graders/tiny/contract.toml", CONTRACT)
    with pytest.raises(KitError, match=r"meen_tests, .*\(there: mean_tests\)"):
        check_bonus(load_course(tiny.root))


@pytest.mark.parametrize(
    "entry",
    [
        {},
        3,
        {"points": 2, "file": "a"},
        {"points": 2, "file": "a", "max_mib": 1, "more": 1},
        {"points": 0, "file": "a", "max_mib": 1},
        {"points": "2", "file": "a", "max_mib": 1},
        {"points": True, "file": "a", "max_mib": 1},
        {"points": 2, "file": "../a", "max_mib": 1},
        {"points": 2, "file": "a.ipynb", "max_mib": 1},
        {"points": 2, "file": "a", "max_mib": -1},
        {"points": 2, "file": "a", "max_mib": 1, "real_images": "yes"},
    ],
)
def test_an_entry_that_is_no_bonus_is_refused(entry: object) -> None:
    with pytest.raises(ValueError, match="the bonus `mean_tests` needs"):
        read_bonuses({"tiny": {"mean_tests": entry}})


def test_what_needs_real_images_is_refused_without_any(tmp_path: Path) -> None:
    for images, fine in (("", False), ("images", True)):
        more = (
            f'c.CourseSettings.bonus = ["mean_tests"]\nc.CourseSettings.data_directory = "{images}"'
        )
        tiny = TinyCourse(tmp_path / images, more)
        tiny.write("graders/tiny/contract.toml", CONTRACT + "real_images = true\n")
        if fine:
            check_bonus(load_course(tiny.root))
        else:
            with pytest.raises(KitError, match="data_directory"):
                check_bonus(load_course(tiny.root))


def test_a_broken_contract_is_named(tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path)
    path = tiny.write("graders/tiny/contract.toml", "bonus = [")
    with pytest.raises(KitError, match=str(path)):
        announced(load_course(tiny.root), "tiny", "tiny")


def test_files_are_known_by_their_content(tmp_path: Path) -> None:
    (tmp_path / BONUS.file).write_bytes(b"one")
    (found,) = find_bonus_files([tmp_path / "not there", tmp_path], {"mean_tests": BONUS})
    assert found.path == tmp_path / BONUS.file
    assert found.digest == hashlib.sha256(b"one").hexdigest()


def test_the_file_beside_the_notebook_comes_first(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    for folder in (tmp_path, beside):
        (folder / BONUS.file).write_text(folder.name)
    (found,) = find_bonus_files([beside, tmp_path], {"mean_tests": BONUS})
    assert found.path.parent == beside


def test_links_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the gradebook")
    path = tmp_path / BONUS.file
    makes: list[Callable[[], None]] = [
        lambda: path.symlink_to(secret),
        lambda: os.mkfifo(path),
        lambda: path.mkdir(),
    ]
    for make in makes:
        make()
        assert list(find_bonus_files([tmp_path], {"mean_tests": BONUS})) == []
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / BONUS.file).open("wb") as file:
        file.truncate(2**42)
    (found,) = find_bonus_files([tmp_path], {"mean_tests": BONUS})
    assert found.digest == f"too large: {2**42}"
