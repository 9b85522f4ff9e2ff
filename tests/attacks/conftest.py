"""What the attack tests share: planted targets, and one warm process, ended when they are done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograder.sandbox import warm
from tests.attacks.targets import Targets, planted


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    with planted(tmp_path_factory.mktemp("targets")) as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def _no_warm_process_is_left() -> Iterator[None]:
    yield
    warm.close_warm_processes()
