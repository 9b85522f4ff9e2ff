"""The judge's workers, shared by every door to grading in this process.

`autograder grade` submits the jobs of a class side by side and asks for each judgement when it writes
the marks; stock nbgrader and the formgrader's button ask for one notebook after the other. Either way
a job is judged once, in a worker process, so that pytest, torch and the graders never load into a
notebook server.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from autograder.course import Course
from autograder.errors import KitError
from autograder.judge.job import Job, Judgement, course_of
from autograder.judge.keys import judgement_key
from autograder.judge.ledger import Ledger, as_of, ledger_path
from autograder.judge.pool import CourseChanged, LocalPool, PoolLost

_TRIES = 4  # of one job, while workers die or the course changes


class JudgeService:
    """Has jobs judged by a pool of workers: each content once, and none that the ledger has."""

    def __init__(self, workers: int | None = None) -> None:
        self.pool = LocalPool(workers)
        self._running: dict[str, Future[Judgement]] = {}  # by key
        self._ledgers: dict[Path, Ledger] = {}
        self._lock = threading.RLock()

    def knows(self, job: Job, key: str) -> bool:
        """Whether the ledger has the judgement of a job."""
        with self._lock:
            return self._ledger_of(course_of(job)).find(key, job) is not None

    @contextlib.contextmanager
    def judging_on(self, pool: LocalPool) -> Iterator[None]:
        """Have jobs judged by another pool within the block, which closes it."""
        self.stop()
        before, self.pool = self.pool, pool
        try:
            yield
        finally:
            self.stop()
            pool.close()
            self.pool = before

    def submit(self, job: Job, key: str, anew: bool = False) -> Future[Judgement]:
        """Have a job judged, unless the ledger has its judgement or an equal one is under way.

        Args:
            key: the job's judgement key.
            anew: whatever the ledger has.
        """
        course = course_of(job)
        answer: Future[Judgement] = Future()
        with self._lock:
            ledger = self._ledger_of(course)
            kept = None if anew else ledger.find(key, job)
            if kept is not None:
                answer.set_result(kept)
                return answer
            running = self._running.get(key)
            if running is None:
                running = self._running[key] = self.pool.submit(job, key)
                kept_in = None if job.draw else ledger  # nobody will ask for a trial again
                running.add_done_callback(lambda done: self._end(key, kept_in, done))
        running.add_done_callback(lambda done: _pass_on(done, job, answer))
        return answer

    def result(self, job: Job, key: str, under_way: Future[Judgement] | None = None) -> Judgement:
        """The judgement of a job, once it is there.

        Args:
            under_way: what `submit` gave, if the job was submitted before.

        Raises:
            KitError: when a worker died twice over this job, or the course changes all the time; that is
                no fault of the student's.
        """
        lost = 0
        for _ in range(_TRIES):
            try:
                return (under_way or self.submit(job, key, anew=lost > 0)).result()
            except CourseChanged:
                key = judgement_key(course_of(job), job)
            except BrokenProcessPool:
                # Others whose worker was the same one find it broken, too, and come here in their turn.
                self.pool.mend()
                lost += 1
                if lost == 2:
                    raise KitError(
                        f"The worker that judged {job.notebook} of {job.student} died twice. Is there "
                        "enough memory? Grade again, or look into the log."
                    ) from None
            under_way = None
        raise KitError(
            f"The course was changed again and again while {job.notebook} of {job.student} was judged. "
            "Grade again when it is as it should be."
        )

    def troubles(self) -> list[str]:
        """What went wrong with ledgers since this was asked last, for staff."""
        with self._lock:
            troubles = [ledger.trouble for ledger in self._ledgers.values() if ledger.trouble]
            for ledger in self._ledgers.values():
                ledger.trouble = ""
            return troubles

    def close(self) -> None:
        """Stop the workers; what is not judged yet is dropped."""
        self.pool.close()  # not under the lock, which the end of a job takes
        with self._lock:
            self._running.clear()
            for ledger in self._ledgers.values():
                ledger.close()
            self._ledgers.clear()

    def stop(self) -> None:
        """Drop what is being judged, at once; the service can be used again."""
        with self._lock:
            self._running.clear()
        self.pool.stop()

    def raise_if_lost(self, judged: Iterable[Future[Judgement]]) -> None:
        """Stop a run of which jobs ended because nothing can be judged any more.

        Raises:
            PoolLost: then; such an end says nothing about the job.
        """
        for job in judged:
            if not job.cancelled() and isinstance(error := job.exception(), PoolLost):
                raise error

    def _ledger_of(self, course: Course) -> Ledger:
        return self._ledgers.setdefault(course.root, Ledger(ledger_path(course)))

    def _end(self, key: str, ledger: Ledger | None, done: Future[Judgement]) -> None:
        if ledger is not None and not done.cancelled() and done.exception() is None:
            ledger.keep(key, done.result())
        with self._lock:
            if self._running.get(key) is done:  # else the pool was replaced in between
                del self._running[key]


def _pass_on(done: Future[Judgement], job: Job, to: Future[Judgement]) -> None:
    if done.cancelled():
        to.cancel()
        to.set_running_or_notify_cancel()
    elif (error := done.exception()) is not None:
        to.set_exception(error)
    else:
        to.set_result(as_of(done.result(), job))


_service: JudgeService | None = None


def judge_service() -> JudgeService:
    """The service of this process, started when it is first needed."""
    global _service
    if _service is None:
        _service = JudgeService()
        atexit.register(_service.close)
    return _service
