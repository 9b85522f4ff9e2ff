"""What several tests of the engine share."""

from __future__ import annotations

import pytest

from autograder.engine.job import Job
from autograder.engine.service import JudgeService


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The students for whom a worker was really asked."""
    asked: list[str] = []
    real = JudgeService._start

    def start(self: JudgeService, job: Job, key: str) -> object:
        asked.append(job.student)
        return real(self, job, key)

    monkeypatch.setattr(JudgeService, "_start", start)
    return asked
