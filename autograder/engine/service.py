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

from autograder.engine.job import Job, Judgement
from autograder.errors import KitError


class JudgeService:
    """A pool of workers that judge jobs, each job once."""

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or max(1, len(os.sched_getaffinity(0)))
        self._pool: ProcessPoolExecutor | None = None
        self._futures: dict[tuple[str, str, str, str], Future[Judgement]] = {}
        self._lock = threading.Lock()

    def submit(self, job: Job, again: bool = False) -> Future[Judgement]:
        """Have a job judged; the one under way if it was handed in before, unless `again`."""
        with self._lock:
            if again or job.key not in self._futures:
                self._futures[job.key] = self._start(job)
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
                judgement = self.submit(job, again=True).result()
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

    def close(self) -> None:
        """Stop the workers; what is not judged yet is dropped."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
            self._futures.clear()

    def _start(self, job: Job) -> Future[Judgement]:
        from autograder.engine.judge import judge_job  # not before it is needed: imports torch

        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, context, initializer=prepare_worker)
        try:
            return self._pool.submit(judge_job, job)
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


_service: JudgeService | None = None


def judge_service() -> JudgeService:
    """The service of this process, started when it is first needed."""
    global _service
    if _service is None:
        _service = JudgeService()
        atexit.register(_service.close)
    return _service


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
