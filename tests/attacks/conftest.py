"""What the attack tests share: planted targets, and one warm process, ended when they are done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.sandbox import warm
from tests.attacks.targets import Targets, planted


@pytest.fixture(scope="session")
def targets() -> Iterator[Targets]:
    # Open to all users, unlike pytest's own folders: so that nothing but the wall holds.
    with tempfile.TemporaryDirectory(prefix="targets-") as folder:
        Path(folder).chmod(0o755)
        with planted(Path(folder)) as found:
            yield found


@pytest.fixture(scope="session", autouse=True)
def _no_warm_process_is_left() -> Iterator[None]:
    yield
    warm.close_warm_processes()
