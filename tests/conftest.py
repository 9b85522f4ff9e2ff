"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# A shell's own options for pytest are not for the graders that the tests run.
os.environ.pop("PYTEST_ADDOPTS", None)


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released tiny course, to be copied: making a gradebook takes nbgrader some seconds."""
    from autograder.course import load_course
    from autograder.engine.release import release
    from tests.tiny_course import TinyCourse

    tiny = TinyCourse(tmp_path_factory.mktemp("released"))
    release(load_course(tiny.root), "tiny")
    return tiny.root


@pytest.fixture(scope="session", autouse=True)
def _no_judge_is_left() -> Iterator[None]:
    """The judge's workers end with the tests, not with the interpreter."""
    yield
    from autograder.engine import service

    if service._service is not None:
        service._service.close()
