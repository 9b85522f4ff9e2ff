"""The judge's workers, shared by every door to grading in this process.

`autograder grade` hands in all jobs of a class at once; nbgrader's converter then asks for one
notebook after the other and finds it judged or under way. Stock nbgrader and the formgrader's button
ask without handing in first. Either way a job is judged once, in a worker process, so that pytest,
torch and the graders never load into a notebook server.
"""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.connection
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from autograder.engine.inputs import judgement_key
from autograder.engine.job import Job, Judgement
from autograder.engine.judge import course_of, judge_job
from autograder.engine.ledger import Ledger, as_of, ledger_path
from autograder.engine.training_data import box_data
from autograder.errors import KitError
from autograder.sandbox import BoxSettings, warm


class JudgeService:
    """A pool of workers that judge jobs: each content once, and none that the ledger has."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or max(1, len(os.sched_getaffinity(0)))
        self._pool: ProcessPoolExecutor | None = None
        self._futures: dict[tuple[str, str, str, str], Future[Judgement]] = {}  # by job
        self._running: dict[str, Future[Judgement]] = {}  # by content
        self._ledgers: dict[Path, Ledger] = {}
        self._lock = threading.RLock()

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
            KitError: when a worker died twice over this job; that is no fault of the student's.
        """
        try:
            judgement = self.submit(job).result()
        except BrokenProcessPool:
            self._replace_pool()
            try:
                judgement = self.submit(job, anew=True).result()
            except BrokenProcessPool:
                self._replace_pool()
                raise KitError(
                    f"The worker that judged {job.notebook} of {job.student} died twice. Is there "
                    "enough memory? Grade again, or look into the log."
                ) from None
        finally:
            self.forget(job)
        return judgement

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
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:  # not under the lock, which the end of a job takes
            pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._futures.clear()
            self._running.clear()
            for ledger in self._ledgers.values():
                ledger.close()
            self._ledgers.clear()

    def stop(self) -> None:
        """Drop what is being judged, at once; the service can be used again."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._futures.clear()
            self._running.clear()
        if pool is not None:
            workers = list(pool._processes.values())  # the pool's kill_workers comes with 3.14
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.kill()

    def _find_or_start(self, job: Job, anew: bool) -> Future[Judgement]:
        found: Future[Judgement] = Future()
        try:
            course = course_of(job)
            key = judgement_key(course, job)
            ledger = self._ledgers.setdefault(course.root, Ledger(ledger_path(course)))
        except (KitError, OSError):  # the worker meets the same trouble, and says it on the card
            return self._start(job)
        kept = None if anew else ledger.find(key, job)
        if kept is not None:
            found.set_result(kept)
            return found
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = self._start(job)
            running.add_done_callback(lambda done: self._end(key, ledger, done))
        running.add_done_callback(lambda done: _pass_on(done, job, found))
        return found

    def _end(self, key: str, ledger: Ledger, done: Future[Judgement]) -> None:
        if not done.cancelled() and done.exception() is None:
            ledger.keep(key, done.result())
        with self._lock:
            if self._running.get(key) is done:  # else the pool was replaced in between
                del self._running[key]

    def _start(self, job: Job) -> Future[Judgement]:
        forks = _warm_process_for(job)
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=prepare_worker)
        try:
            return self._pool.submit(judge_job, job, forks)
        except BrokenProcessPool as error:  # a worker died before; `result` starts anew
            broken: Future[Judgement] = Future()
            broken.set_exception(error)
            return broken

    def _replace_pool(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            self._futures.clear()
            self._running.clear()


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


def _warm_process_for(job: Job) -> Path | None:
    """The address of the warm process from which all workers' kernels are forked, if there can be one."""
    try:
        course = course_of(job)
        return warm.address(BoxSettings(config=course.config), box_data(course))
    except (KitError, OSError):  # the worker meets the same trouble, and says it on the card
        return None


def prepare_worker() -> None:
    """One thread of computation, as in the box, and no life after the process that started it."""
    import signal

    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Without this, a killed grader would leave its workers, and so its boxes, behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
