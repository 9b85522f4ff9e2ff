"""What tests of a graded class share."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.autograde.class_run import ClassRun
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from tests.tiny_course import TinyCourse


@pytest.fixture(scope="module")
def of_class(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, released: Path
) -> TinyCourse:
    """A released tiny course to which a module's `submit_a_class` has submitted."""
    made = TinyCourse(tmp_path_factory.mktemp("course"), released=released)
    request.module.submit_a_class(made)
    return made


@pytest.fixture(scope="module")
def course(of_class: TinyCourse) -> Course:
    return load_course(of_class.root)


@pytest.fixture(scope="module")
def run(course: Course) -> ClassRun:
    """The class as it was graded, once for a module."""
    return grade_class(course, "tiny")
