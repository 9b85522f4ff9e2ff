"""The judge's workers: each job is judged once, and a worker that dies costs nobody a mark."""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.errors import KitError
from autograder.judge import pool as pool_module
from autograder.judge.job import Job, Judgement, course_of
from autograder.judge.keys import judgement_key
from autograder.judge.pool import LocalPool, PoolLost
from autograder.judge.service import JudgeService, judge_service
from autograder.scorecard import NotebookCard, Scorecard, Verdict
from tests.tiny_course import GRADERS, TinyCourse

KILLS_ITS_WORKER = (
    GRADERS
    + """

@graded("mean_tests")
def test_that_kills_the_judge(student):
    \"\"\"Row.\"\"\"
    import os, pathlib, signal

    marker = pathlib.Path(__file__).with_name("killed")
    if not marker.exists() or ALWAYS:
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
)


def keyed(job: Job) -> tuple[Job, str]:
    return job, judgement_key(course_of(job), job)


def verdicts(service: JudgeService, job: Job) -> list[Verdict | None]:
    return [item.verdict for item in service.result(*keyed(job)).card.items]


RIGHT = [Verdict.PASSED, Verdict.PASSED, None]


def test_a_worker_that_is_killed_is_replaced(tiny: TinyCourse) -> None:
    tiny.write("graders/tiny/test_tiny.py", KILLS_ITS_WORKER.replace("ALWAYS", "False"))
    assert verdicts(judge_service(), tiny.job()) == RIGHT


def test_a_job_that_always_kills_its_worker_is_ours_and_the_next_is_judged(
    tiny: TinyCourse,
) -> None:
    tiny.write("graders/tiny/test_tiny.py", KILLS_ITS_WORKER.replace("ALWAYS", "True"))
    with pytest.raises(KitError, match="tiny of ada died twice"):
        judge_service().result(*keyed(tiny.job()))
    tiny.write("graders/tiny/test_tiny.py", GRADERS)
    assert verdicts(judge_service(), tiny.job()) == RIGHT


def test_workers_killed_while_idle_do_not_stop_the_next_class(tiny: TinyCourse) -> None:
    service = judge_service()
    assert verdicts(service, tiny.job()) == RIGHT
    assert isinstance(service.pool, LocalPool)
    for process in list(service.pool._executors[False]._processes.values()):
        process.kill()
        process.join()
    tiny.submission("ada", extra="x = 1")
    service.submit(*keyed(tiny.job()))
    assert verdicts(service, tiny.job()) == RIGHT


def test_a_job_is_judged_once_however_often_it_is_submitted(
    tiny: TinyCourse, started: list[str]
) -> None:
    job, key = keyed(tiny.job())
    service = judge_service()
    first = service.submit(job, key)
    again = service.submit(job, key)
    assert service.result(job, key, first) == service.result(job, key, again)
    assert service.result(job, key) == first.result()
    assert started == ["ada"]


def test_the_name_of_the_student_changes_no_challenge(tiny: TinyCourse) -> None:
    tiny.submission("bob")
    assert tiny.job("ada").content == tiny.job("bob").content
    tiny.submission("bob", {"why": "other words"})
    assert tiny.job("ada").content == tiny.job("bob").content, "only code counts"
    tiny.submission("bob", extra="x = 1")
    assert tiny.job("ada").content != tiny.job("bob").content


class BreaksFirst:
    """A pool whose first worker dies; notes what it is asked to do about it."""

    workers = 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    def submit(self, job: Job, _key: str) -> Future[Judgement]:
        future: Future[Judgement] = Future()
        if "submit" in self.asked:
            card = Scorecard("tiny", job.student, (NotebookCard("tiny", ()),))
            future.set_result(Judgement(card, ()))
        else:
            future.set_exception(BrokenProcessPool())
        self.asked.append("submit")
        return future

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.asked.append(name)


def test_a_worker_that_dies_takes_nothing_of_others_with_it(tiny: TinyCourse) -> None:
    pool = BreaksFirst()
    service = JudgeService()
    service.pool = pool  # type: ignore[assignment]
    assert service.result(*keyed(tiny.job())).card.student == "ada"
    assert pool.asked == ["submit", "mend", "submit"], (
        "and no `stop`, which drops all that is judged"
    )
    service.close()


@pytest.mark.parametrize("error", [EOFError, ConnectionResetError])
@pytest.mark.parametrize("times", [1, 2])
def test_what_cannot_be_forked_from_is_started_again_once_and_then_named(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch, error: type[Exception], times: int
) -> None:
    left = [error] * times

    class DiesFirst(ProcessPoolExecutor):
        def submit(self, *arguments: Any, **more: Any) -> Any:
            if left:
                raise left.pop()
            return super().submit(*arguments, **more)

    monkeypatch.setattr(pool_module, "ProcessPoolExecutor", DiesFirst)
    service, job = JudgeService(workers=1), tiny.job()
    if times == 1:
        assert verdicts(service, job) == RIGHT
    else:
        with pytest.raises(PoolLost, match=r"cannot be started .*import torch"):
            service.result(*keyed(job))
    service.close()


def test_what_could_not_be_begun_early_is_begun_when_it_is_needed(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_with_torch: bool) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(pool_module, "start_importing", broken)
    run = grade_class(load_course(tiny.root), "tiny")
    assert [card.score for card in run.cards] == [7.0]
    assert "AF_UNIX path too long" in caplog.text
