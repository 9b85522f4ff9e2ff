"""The judge's workers, shared by every door to grading in this process.

`autograder grade` hands in all jobs of a class at once; nbgrader's converter then asks for one
notebook after the other and finds it judged or under way. Stock nbgrader and the formgrader's button
ask without handing in first. Either way a job is judged once, in a worker process, so that pytest,
torch and the graders never load into a notebook server.
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
from autograder.judge.job import Job, Judgement
from autograder.judge.judge import course_of
from autograder.judge.keys import judgement_key
from autograder.judge.ledger import Ledger, as_of, ledger_path
from autograder.judge.pool import CourseChanged, LocalPool, Pool, PoolLost

_TRIES = 4  # of one job, while workers die or the course changes


class JudgeService:
    """Has jobs judged by a pool of workers: each content once, and none that the ledger has."""

    def __init__(self, workers: int | None = None) -> None:
        self._pool: Pool = LocalPool(workers)
        self._futures: dict[tuple[str, str, str, str], Future[Judgement]] = {}  # by job
        self._running: dict[str, Future[Judgement]] = {}  # by content
        self._ledgers: dict[Path, Ledger] = {}
        self._lock = threading.RLock()

    @property
    def workers(self) -> int:
        """How many jobs are judged side by side."""
        return self._pool.workers

    def check(self, gpu: int | None) -> None:
        """See whether anything can be judged at all.

        Args:
            gpu: as `BoxSettings.gpu`.

        Raises:
            KitError: when not, with the repair.
        """
        self._pool.check(gpu)

    def prepare(self, course: Course) -> None:
        """Begin what the first job of a course would wait for, and do not wait for it."""
        self._pool.prepare(course)

    @contextlib.contextmanager
    def judging_on(self, pool: Pool) -> Iterator[None]:
        """Have jobs judged by another pool within the block, which closes it."""
        self.stop()
        before, self._pool = self._pool, pool
        try:
            yield
        finally:
            self.stop()
            pool.close()
            self._pool = before

    def submit(self, job: Job, anew: bool = False) -> Future[Judgement]:
        """Have a job judged, unless it was handed in before.

        Args:
            anew: whatever the ledger has.
        """
        with self._lock:
            if job.key not in self._futures:
                self._futures[job.key] = self._find_or_start(job, anew)
            return self._futures[job.key]

    def result(self, job: Job) -> Judgement:
        """The judgement of a job, once it is there. A result is handed out once, then forgotten.

        Raises:
            KitError: when a worker died twice over this job, or the course changes all the time; that is
                no fault of the student's.
        """
        lost = 0
        try:
            for _ in range(_TRIES):
                try:
                    return self.submit(job, anew=lost > 0).result()
                except CourseChanged:
                    self.forget(job)
                except BrokenProcessPool:
                    # Others whose worker was the same one find it broken, too, and come here in their turn.
                    self._pool.mend()
                    self.forget(job)
                    lost += 1
                    if lost == 2:
                        raise KitError(
                            f"The worker that judged {job.notebook} of {job.student} died twice. Is there "
                            "enough memory? Grade again, or look into the log."
                        ) from None
        finally:
            self.forget(job)
        raise KitError(
            f"The course was changed again and again while {job.notebook} of {job.student} was judged. "
            "Grade again when it is as it should be."
        )

    def forget(self, job: Job) -> None:
        """Drop what was judged and not asked for, so that it cannot stand in for a later judgement."""
        with self._lock:
            self._futures.pop(job.key, None)

    def troubles(self) -> list[str]:
        """What went wrong with ledgers since this was asked last, for staff."""
        with self._lock:
            found = [ledger.trouble for ledger in self._ledgers.values() if ledger.trouble]
            for ledger in self._ledgers.values():
                ledger.trouble = ""
            return found

    def close(self) -> None:
        """Stop the workers; what is not judged yet is dropped."""
        self._pool.close()  # not under the lock, which the end of a job takes
        with self._lock:
            self._futures.clear()
            self._running.clear()
            for ledger in self._ledgers.values():
                ledger.close()
            self._ledgers.clear()

    def stop(self) -> None:
        """Drop what is being judged, at once; the service can be used again."""
        with self._lock:
            self._futures.clear()
            self._running.clear()
        self._pool.stop()

    def raise_if_lost(self, judged: Iterable[Future[Judgement]]) -> None:
        """Stop a run of which jobs ended because nothing can be judged any more.

        Raises:
            PoolLost: then; such an end says nothing about the job.
        """
        for job in judged:
            if not job.cancelled() and isinstance(error := job.exception(), PoolLost):
                raise error

    def _find_or_start(self, job: Job, anew: bool) -> Future[Judgement]:
        found: Future[Judgement] = Future()
        try:
            course = course_of(job)
            key = judgement_key(course, job)
            ledger = self._ledgers.setdefault(course.root, Ledger(ledger_path(course)))
        except (KitError, OSError):  # the worker meets the same trouble, and says it on the card
            return self._start(job, "")
        kept = None if anew else ledger.find(key, job)
        if kept is not None:
            found.set_result(kept)
            return found
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = self._start(job, key)
            running.add_done_callback(lambda done: self._end(key, ledger, done))
        running.add_done_callback(lambda done: _pass_on(done, job, found))
        return found

    def _end(self, key: str, ledger: Ledger, done: Future[Judgement]) -> None:
        if not done.cancelled() and done.exception() is None:
            ledger.keep(key, done.result())
        with self._lock:
            if self._running.get(key) is done:  # else the pool was replaced in between
                del self._running[key]

    def _start(self, job: Job, key: str) -> Future[Judgement]:
        return self._pool.submit(job, key)


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
