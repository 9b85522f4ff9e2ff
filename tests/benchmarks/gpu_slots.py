"""How many submissions a minute one GPU grades: python -m tests.benchmarks.gpu_slots [--submissions 12] [--gpu 0]

Needs a GPU. Each submission is the reference's notebook 3 in a box of its own; its cells run, then its `fit`
trains the real VGG16 at 224×224 as a hidden test has it done, and the parameters are judged beside it. So
it is what the check on a GPU costs, with the box, and without the other checks. With 1, 2 and 4 slots: so
many boxes share the GPU. What each worker's first submission takes, with imports and the start of CUDA, is
left out. The images are drawn, or CIFAR-10's with `--cifar10 FOLDER`. Aim: 20 a minute.

Without a GPU nothing is measured: exit code 2. `--smoke` runs the same in boxes on the CPU with a handful of
small images, and prints no figure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from autograder.course import course_at
from autograder.errors import KitError
from autograder.graders.vgg16 import full_run
from autograder.grading import Device, Student
from autograder.grading.training import Result
from autograder.judge.device import current, device_for
from autograder.judge.forked import worker_context
from autograder.judge.pool import prepare_worker
from autograder.judge.slots import GpuWatch, with_gpu
from autograder.judge.submission import as_read, make_job
from autograder.judge.training_data import box_data, judge_images
from autograder.release.cases import submission_of
from autograder.sandbox import BoxSettings, open_box
from tests.course_copy import copy_of_the_course

ASSIGNMENT, NOTEBOOK = "vgg16", "3_training"
SLOTS = (1, 2, 4)


def graded(root: Path, number: int, smoke: bool) -> Result:
    """Judge one submission's training, in a slot if the course names a GPU. Runs in a worker.

    Raises:
        KitError: when the box or the judge does not get the GPU.
    """
    course = course_at(root)
    source = course.notebooks(ASSIGNMENT)[NOTEBOOK]
    job = make_job(
        course, ASSIGNMENT, f"ada{number}", source, as_read(submission_of(source), source), root
    )
    images = judge_images(course)

    def run(settings: BoxSettings, watch: GpuWatch) -> Result:
        with open_box(settings, job.cells, dict(job.files), box_data(course), seed=number) as box:
            watch.look_at(box.run_cells())
            watched = watch.around(box)
            device = Device("cpu") if smoke else device_for(settings, watched)
            if not smoke and not device.has_gpu:
                raise KitError(device.why)
            budget = full_run.SMOKE if smoke else full_run.FULL
            with current(device):
                drawn = full_run.drawn_run(number, full_run.source_of(images), device.name, budget)
                return drawn.judge(Student(watched).run(full_run.full_run, **drawn.data))

    return with_gpu(course, NOTEBOOK, run)


def course_with(folder: Path, config: str) -> Path:
    """A copy of the repository's course with more in its configuration."""
    root = copy_of_the_course(folder)
    path = root / "course_config.py"
    path.write_text(path.read_text() + config)
    return root


def times_of(root: Path, workers: int, count: int, smoke: bool) -> tuple[list[float], list[Result]]:
    """When each of so many submissions was done, in seconds since the start, and what came of it."""
    began_s = time.perf_counter()
    done_s, results = [], []
    pool = ProcessPoolExecutor(workers, worker_context(), initializer=prepare_worker)
    try:
        futures = [pool.submit(graded, root, number, smoke) for number in range(count)]
        for future in as_completed(futures):
            results.append(future.result())
            done_s.append(time.perf_counter() - began_s)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return done_s, results


def per_minute(done_s: Sequence[float], workers: int) -> float:
    """Submissions a minute once each worker has done its first."""
    return 60 * (len(done_s) - workers) / (done_s[-1] - done_s[workers - 1])


def smoke() -> int:
    """The same in boxes on the CPU."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        _, results = times_of(course_with(Path(folder), ""), 1, 1, smoke=True)
    print(f"smoke: {len(results)} submission ran through, with 16 images of 32×32 on the CPU.")
    print("smoke: Nothing was measured.")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options and measure."""
    made = argparse.ArgumentParser(prog="gpu_slots", description=(__doc__ or "").splitlines()[0])
    made.add_argument("--submissions", type=int, default=12, help="for each number of slots")
    made.add_argument("--gpu", type=int, default=0, help="as nvidia-smi counts")
    made.add_argument("--cifar10", type=Path, metavar="FOLDER", help="CIFAR-10 in its own format")
    made.add_argument("--smoke", action="store_true", help="on the CPU: measures nothing")
    options = made.parse_args(arguments)
    if options.smoke:
        return smoke()
    if not torch.cuda.is_available():
        print("There is no GPU here that torch can use: nothing was measured.", file=sys.stderr)
        return 2
    for slots in SLOTS:
        config = (
            f"\nc.CourseSettings.gpus = [{options.gpu}]\nc.CourseSettings.gpu_slots = {slots}\n"
        )
        if options.cifar10 is not None:
            config += f"c.CourseSettings.data_directory = {str(options.cifar10.resolve())!r}\n"
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            root = course_with(Path(folder), config)
            done_s, results = times_of(root, slots, options.submissions + slots, smoke=False)
        ratios, accuracies = ([getattr(one, name) for one in results] for name in FIGURES)
        print(
            f"{slots} slots: {per_minute(done_s, slots):.1f} submissions a minute; the first after "
            f"{done_s[0]:.1f} s; loss ratio {min(ratios):.2f} to {max(ratios):.2f}, accuracy "
            f"{min(accuracies):.0%} to {max(accuracies):.0%}",
            flush=True,
        )
    return 0


FIGURES = ("loss_ratio", "accuracy")


if __name__ == "__main__":
    sys.exit(main())
