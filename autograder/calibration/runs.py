"""Runs the reference over many seeds, and each known mistake over some, for `autograder calibrate`.

Every result is appended at once to a file in the course's records, so that a run which was killed goes
on where it stopped. The file's name has a digest of everything that results depend on (see
`Calibration.made_from`): after a change a new file is begun, and old results are never mixed in. The
results of mistakes lie in a file of their own, which also a change of the mistakes renews.
"""

from __future__ import annotations

import importlib.util
import json
import math
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from autograder import locks
from autograder.course import Course
from autograder.errors import KitError
from autograder.grading.calibration import Calibration
from autograder.grading.importing import imported_anew
from autograder.judge.forked import importing_nothing_from_here
from autograder.judge.pool import prepare_worker
from autograder.judge.training_data import judge_images
from autograder.progress import Progress
from autograder.sandbox import BoxSettings

FILE = "calibrate.py"
FIRST_SEED = 1_000_000
RIGHT = "right"

Result = dict[str, float] | None
Results = dict[tuple[str, int], Result]  # by solution (RIGHT, or a mistake's name) and seed


_LOADING = threading.Lock()  # what is imported, and from where, is the whole process's
_ROOM = 3  # how many times longer than a right run alone a submission's may take


class TooSlow(KitError):
    """Right runs are too slow for thresholds to be of use."""


@dataclass(frozen=True)
class Task:
    """One run: which solution, with which seed. Passes to a worker process."""

    graders: Path
    images: Path | None
    device: str
    solution: str
    seed: int
    most_s: float = math.inf  # a run that takes longer would not do for submissions


def load_calibration(
    course: Course, assignment: str, images: Path | None = None, device: str = "cpu"
) -> Calibration:
    """What the hidden tests of an assignment offer to be calibrated.

    Args:
        images: a folder of labelled images, or None for what grading uses.
        device: as torch names it. Only the CPU need be offered.

    Raises:
        KitError: when there is no such assignment, it offers nothing, or its file is broken.
    """
    if assignment not in course.assignments():
        course.notebooks(assignment)  # says which there are
    graders = course.graders(assignment)
    if not (graders / FILE).is_file():
        raise KitError(
            f"`{assignment}` has nothing to calibrate: there is no {graders / FILE}. It is only needed "
            "where a hidden test asks for a result of chance; autograder/grading/calibration.py says "
            "how to write it."
        )
    return _load(graders, images, device)


def images_on_a_gpu(course: Course, named: Path | None) -> Path | None:
    """The images of runs on a GPU: those that grading takes there, since thresholds fit no others.

    Raises:
        KitError: when others are named, or torch sees no GPU.
    """
    import torch

    if named is not None:
        raise KitError(
            "On a GPU the images of the course itself are used (c.CourseSettings.data_directory). Leave "
            "--cifar10 out."
        )
    if not torch.cuda.is_available():
        raise KitError(
            "torch sees no GPU here, so nothing was run. Calibrate where submissions are graded on one."
        )
    return judge_images(course)


def _load(graders: Path, images: Path | None, device: str) -> Calibration:
    path = graders / FILE
    name = f"calibrate_of_{graders.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    try:
        more = () if device == "cpu" else (device,)
        with _LOADING, imported_anew(path):  # as hidden tests are
            sys.modules[name] = module  # dataclasses look their module up
            spec.loader.exec_module(module)
            found = module.calibration(images, *more)
        if not isinstance(found, Calibration):
            raise TypeError("calibration() should return a Calibration")
    except Exception as error:
        raise KitError(
            f"{path} offers no calibration on {device}: {type(error).__name__}: {error}. "
            "Correct it, or the folder of images."
        ) from error
    return found


@dataclass(frozen=True)
class Plan:
    """What a calibration would still have to run."""

    right: int
    wrong: int
    seconds: (
        float  # of the clock, if every run takes as long as one of the reference's did just now
    )


def plan(
    course: Course,
    assignment: str,
    images: Path | None,
    runs: int,
    wrong_runs: int,
    jobs: int,
    device: str = "cpu",
) -> Plan:
    """What `run_all` would do. Makes two runs of the reference, of which the second is timed, and keeps none.

    Raises:
        KitError: as `run_all`, but a reference that fails is left for it to name.
    """
    calibration = load_calibration(course, assignment, images, device)
    results: Results = {}
    with _records(course, assignment, calibration, results):
        pass
    wanted = _wanted(calibration, runs, wrong_runs)
    missing = [solution for solution, seed in wanted if (solution, seed) not in results]
    right = missing.count(RIGHT)
    seconds = _seconds_of_a_run(calibration) if missing else 0.0
    return Plan(right, len(missing) - right, seconds * len(missing) / jobs)


def _seconds_of_a_run(calibration: Calibration) -> float:
    """How long the reference takes in one thread, as in a worker, once everything is imported."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        calibration.right(FIRST_SEED)
        started_s = time.monotonic()
        calibration.right(FIRST_SEED)
        return time.monotonic() - started_s
    finally:
        torch.set_num_threads(threads)


def run_all(
    course: Course,
    assignment: str,
    images: Path | None,
    runs: int,
    wrong_runs: int,
    jobs: int,
    progress: Progress = lambda *_: None,
    device: str = "cpu",
) -> Results:
    """Make the runs that are not there yet: `runs` of the reference, `wrong_runs` of each mistake.

    Returns:
        all results under the same conditions, also those of earlier calls.

    Raises:
        KitError: when the reference itself fails, a worker dies, or another calibration is running; on
            a GPU also when the reference takes too long for what a box may take.
    """
    calibration = load_calibration(course, assignment, images, device)
    graders = course.graders(assignment)
    results: Results = {}
    with _records(course, assignment, calibration, results) as (right, wrong):
        most_s = math.inf
        if (
            device != "cpu"
        ):  # as in a box, to itself; others' share of a GPU and slower ones need room
            most_s = BoxSettings(config=course.config).probe_wall_s / _ROOM
        wanted = _wanted(calibration, runs, wrong_runs)
        tasks = [
            Task(graders, images, device, solution, seed, most_s)
            for solution, seed in wanted
            if (solution, seed) not in results
        ]
        for task, result in _made(tasks, jobs, progress, len(wanted)):
            if result is None and task.solution == RIGHT:
                raise KitError(
                    f"The reference of `{assignment}` fails with seed {task.seed}, before any "
                    "threshold. Correct the reference or the run."
                )
            results[task.solution, task.seed] = result
            file = right if task.solution == RIGHT else wrong
            line = {"solution": task.solution, "seed": task.seed, "result": result}
            file.write(json.dumps(line) + "\n")
            file.flush()
    return results


def _wanted(calibration: Calibration, runs: int, wrong_runs: int) -> list[tuple[str, int]]:
    """Solutions and seeds, in the order in which they are run."""
    wanted = [(RIGHT, FIRST_SEED + number) for number in range(runs)]
    # Seed by seed, so that a run that was stopped has seen every mistake about equally often.
    numbers = range(wrong_runs)
    return wanted + [
        (name, FIRST_SEED + number) for number in numbers for name in calibration.wrong
    ]


@contextmanager
def _records(
    course: Course, assignment: str, calibration: Calibration, results: Results
) -> Iterator[tuple[IO[str], IO[str]]]:
    """Open the files of right and of wrong runs to append to, and take in what is there."""
    folder = course.make_records() / "calibration" / assignment
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = f"{calibration.test}-{calibration.images}-{calibration.key}"
    of_wrong = {**calibration.made_from, "wrong": calibration.wrong_digest}
    name = f"{stem}-wrong-{calibration.wrong_digest}.jsonl"
    with (
        _record(folder / f"{stem}.jsonl", calibration.made_from, results) as right,
        _record(folder / name, of_wrong, results) as wrong,
    ):
        yield right, wrong


def _made(
    tasks: list[Task], jobs: int, progress: Progress, wanted: int
) -> Iterator[tuple[Task, Result]]:
    """Each task's result as it comes, made by `jobs` worker processes of lowest priority."""
    if not tasks:
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=_prepare)
    try:
        with importing_nothing_from_here():
            futures: dict[Future[Result], Task] = {pool.submit(_run, task): task for task in tasks}
        for number, future in enumerate(as_completed(futures), wanted - len(tasks) + 1):
            task = futures.pop(future)
            yield task, _result(task, future)
            what = "reference" if task.solution == RIGHT else "known mistakes"
            progress(f"{what}, seed {task.seed}", number, wanted)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _result(task: Task, future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise KitError(
            "A worker process died. Is there enough memory? What was done is kept: start again."
        ) from error
    except TooSlow:
        raise
    except Exception as error:
        what = "The reference" if task.solution == RIGHT else f"The mistake `{task.solution}`"
        raise KitError(
            f"{what} raised {type(error).__name__} with seed {task.seed}: {error}. Correct it in "
            f"{task.graders}."
        ) from error


def _prepare() -> None:
    """As a judge's worker, with one thread; and out of the way of everything else.

    Torch is imported after this. With a thread for each core in each worker an LSTM took sixty times as long.
    """
    os.nice(19)
    os.environ.update(
        dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    )
    prepare_worker()


_loaded_once = lru_cache(maxsize=1)(_load)  # a worker lives for one calibration


def _run(task: Task) -> Result:
    calibration = _loaded_once(task.graders, task.images, task.device)
    run = calibration.right if task.solution == RIGHT else calibration.wrong[task.solution]
    started_s = time.monotonic()
    result = run(task.seed)
    took_s = time.monotonic() - started_s
    if task.solution == RIGHT and took_s > task.most_s:
        raise TooSlow(
            f"A right run took {took_s:.0f} seconds on this GPU, over {task.most_s:.0f}: right submissions "
            f"could end at the limit of their box, which is {_ROOM} times that. Raise "
            "c.BoxSettings.probe_wall_s, or grade on a faster GPU."
        )
    return result


@contextmanager
def _record(path: Path, made_from: dict[str, Any], results: Results) -> Iterator[IO[str]]:
    """Open a file of results to append to, and take in what is there.

    A last line that was cut off when the writer was killed is dropped.
    """
    with path.open("a+", encoding="utf-8") as file:
        if not locks.lock(file):
            raise KitError(f"Another `autograder calibrate` is writing {path}. Wait for it.")
        file.seek(0)
        text = file.read()
        whole = text[: text.rfind("\n") + 1]
        file.truncate(len(whole.encode()))
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
            if lines and lines[0] != {"made_from": made_from}:
                raise ValueError("its first line is not what this file is for")
            for line in lines[1:]:
                results[line["solution"], line["seed"]] = line["result"]
        except (ValueError, KeyError, TypeError) as error:
            raise KitError(f"{path} is damaged: {error}. Move it away and start again.") from error
        if not lines:
            file.write(json.dumps({"made_from": made_from}) + "\n")
            file.flush()
        yield file
