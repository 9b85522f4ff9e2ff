"""Grader files share helpers that lie beside them, and no process keeps one for another."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from autograder.grading.plugin import judge
from autograder.scorecard import Verdict
from tests.grading.test_judge import StubBox, only

TEST = '''
from autograder.grading import expect, graded
from helpers import wanted


@graded("a")
def test_it(student):
    """Row."""
    expect(student.answer() == wanted(), "Another answer.")
'''


def graders(folder: Path, wanted: int) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "helpers.py").write_text(f"def wanted():\n    return {wanted}\n")
    path = folder / "test_one.py"
    path.write_text(TEST)
    return path


def verdict(path: Path, answer: int) -> Verdict:
    return only(judge(path, StubBox(answer), b"secret", "submission")).verdict


def test_a_helper_beside_the_tests_is_found_and_is_of_its_own_assignment(tmp_path: Path) -> None:
    places = list(sys.path)
    first, second = graders(tmp_path / "first", 1), graders(tmp_path / "second", 22)
    assert verdict(first, 1) is Verdict.PASSED
    assert verdict(second, 22) is Verdict.PASSED
    assert verdict(second, 1) is Verdict.FAILED
    assert verdict(first, 1) is Verdict.PASSED
    assert sys.path == places
    assert "helpers" not in sys.modules


def test_a_helper_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = graders(tmp_path / "first", 1)
    assert verdict(path, 1) is Verdict.PASSED
    graders(tmp_path / "first", 333)
    assert verdict(path, 333) is Verdict.PASSED


@pytest.mark.parametrize("name", ["json", "colorsys"])
def test_a_file_beside_the_tests_takes_no_packages_place(tmp_path: Path, name: str) -> None:
    path = graders(tmp_path / "first", 1)
    (tmp_path / f"first/{name}.py").write_text("raise ValueError")
    path.write_text(
        path.read_text().replace("\nfrom autograder", f"\nimport {name}\nfrom autograder", 1)
    )
    assert verdict(path, 1) is Verdict.PASSED
