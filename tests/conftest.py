"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# A shell's own options for pytest are not for the graders that the tests run.
os.environ.pop("PYTEST_ADDOPTS", None)


@pytest.fixture(scope="session", autouse=True)
def _no_judge_is_left() -> Iterator[None]:
    """The judge's workers end with the tests, not with the interpreter."""
    yield
    from autograder.engine import service

    if service._service is not None:
        service._service.close()
