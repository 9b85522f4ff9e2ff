"""Where jobs are judged: by processes of this machine, or (see `cluster`) by workers elsewhere."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from autograder.course import Course
from autograder.errors import KitError
from autograder.judge.forked import (
    importing_nothing_from_here,
    start_importing,
    worker_context,
)
from autograder.judge.job import Job, Judgement, course_of
from autograder.judge.judge import judge_job
from autograder.judge.keys import judgement_key
from autograder.judge.needs import (
    box_of_job_needs_torch,
    boxes_need_torch,
    judge_needs_torch,
    set_imports,
)
from autograder.judge.slots import check_walls, slots_of, uses_gpu
from autograder.judge.training_data import box_data
from autograder.sandbox import BoxSettings, warm

log = logging.getLogger("autograder")


class PoolLost(KitError):
    """Nothing can be judged there any more; this is about the whole run, not about one job."""


class LocalPool:
    """Processes of this machine, started when the first job comes; `cluster` adds workers elsewhere.

    What is judged in slots of GPUs has workers of its own, one for each slot: so none waits for a slot that
    could judge something else, and no more processes than these ever hold CUDA's part of a GPU's memory.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or max(1, len(os.sched_getaffinity(0)))
        self._executors: dict[bool, ProcessPoolExecutor] = {}  # by whether it is for slots

    @property
    def workers(self) -> int:
        """How many jobs are judged side by side, at least 1. It may change."""
        return self._workers

    def check(self, course: Course) -> None:
        """See whether anything can be judged at all.

        Raises:
            KitError: when not, with the repair.
        """
        check_walls(course)

    def prepare(self, course: Course, assignment: str) -> None:
        """Begin what the first job of an assignment would wait for, and do not wait for it."""
        try:
            start_importing(judge_needs_torch(course, assignment))
            _warm_process_of(course, assignment, boxes_need_torch(course, assignment))
        except Exception:  # the first job meets the same trouble, and it is named there
            log.exception("nothing could be begun before the first submission")

    def submit(self, job: Job, key: str) -> Future[Judgement]:
        """Have a job judged.

        Args:
            key: the job's judgement key.

        The future's exception is a `PoolLost` when the place itself is lost, a `BrokenProcessPool`
        when a job may be tried again, `CourseChanged` when its key is not true any more, and another
        `KitError` when it cannot be judged.

        Raises:
            PoolLost: when nothing can be judged there at all.
        """
        forks, in_slot, workers = None, False, self._workers
        with contextlib.suppress(KitError):  # the worker meets the same, and says it on the card
            course = course_of(job)
            if not self._executors:  # before the warm process, to import beside it
                start_importing(judge_needs_torch(course, job.assignment))
            forks = _warm_process_of(course, job.assignment, box_of_job_needs_torch(course, job))
            in_slot = uses_gpu(course, job.notebook)
            workers = slots_of(course) if in_slot else workers
        try:
            return self._start(in_slot, workers, key, job, forks)
        except BrokenProcessPool as error:  # a worker died before; whoever asks starts anew
            broken: Future[Judgement] = Future()
            broken.set_exception(error)
            return broken
        except (EOFError, OSError):
            self._drop(in_slot)  # the process from which workers are forked died, perhaps killed
        try:
            return self._start(in_slot, workers, key, job, forks)
        except (EOFError, OSError) as error:
            self._drop(in_slot)
            raise PoolLost(
                f"The processes that judge cannot be started ({type(error).__name__}: {error}). Is there "
                f"enough memory, and does torch work? Try: {sys.executable} -P -c 'import torch._dynamo'"
            ) from error

    def mend(self) -> None:
        """After a `BrokenProcessPool`: put what broke in order, and leave alone what did not."""
        for in_slot in [key for key, executor in self._executors.items() if executor._broken]:
            self._drop(in_slot)

    def _start(
        self, in_slot: bool, workers: int, key: str, job: Job, forks: Path | None
    ) -> Future[Judgement]:
        with importing_nothing_from_here():
            if in_slot not in self._executors:
                self._executors[in_slot] = ProcessPoolExecutor(
                    workers, worker_context(), initializer=prepare_worker
                )
            return self._executors[in_slot].submit(judge_by, key, job, forks)

    def _drop(self, in_slot: bool) -> None:
        executor = self._executors.pop(in_slot, None)
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Drop what is being judged, at once; the pool can be used again."""
        executors, self._executors = self._executors, {}
        for executor in executors.values():
            workers = list(executor._processes.values())  # the pool's kill_workers comes with 3.14
            executor.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.kill()

    def close(self) -> None:
        """Drop what is waiting, and end the workers, or the connection to them."""
        executors, self._executors = self._executors, {}
        for executor in executors.values():
            executor.shutdown(wait=True, cancel_futures=True)


def _warm_process_of(course: Course, assignment: str, needs_torch: bool) -> Path | None:
    """The address of the warm process from which all workers' kernels are forked, if there can be one."""
    try:
        settings = BoxSettings(config=course.config)
        set_imports(settings, course, assignment, needs_torch)
        return warm.address(settings, box_data(course))
    except (KitError, OSError):  # the worker meets the same trouble, and says it on the card
        return None


class CourseChanged(Exception):
    """What a job was to be judged by has changed since it was handed in."""


def judge_by(key: str, job: Job, forks: Path | None) -> Judgement:
    """Judge a job by exactly what its key says. Runs in a worker.

    Raises:
        CourseChanged: when the course was another one before or after it.
    """

    def see() -> None:
        if judgement_key(course_of(job), job) != key:
            raise CourseChanged(job.notebook)

    see()
    judged = judge_job(job, forks)
    see()
    return judged


def prepare_worker() -> None:
    """One thread of computation, as in the box, and no life after the process that started it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # kernels are interrupted by it
    torch = sys.modules.get("torch")
    if torch is not None:  # else its first import heeds OMP_NUM_THREADS
        torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Without this, a killed grader would leave its workers, and so its boxes, behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
