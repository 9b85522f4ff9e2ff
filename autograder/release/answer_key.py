"""The answer key: an assignment's own notebooks with their solutions, executed.

In the box it comes out at the size that a notebook has without a GPU. The full size needs a GPU, time,
and the real images with their test part, none of which this box has: so these notebooks, the course's
own, run in an ordinary kernel. There is no such way for a submission.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import platform
import shutil
import time
from pathlib import Path

from nbgrader.converters import GenerateSolution
from nbgrader.converters.base import BaseConverter

from autograder.course import Course
from autograder.course.beside import course_files
from autograder.course.converters import run_converter
from autograder.errors import KitError
from autograder.release.release import move, scratch
from autograder.scorecard import counted

NOTE = "EXECUTED.md"
_CIFAR10 = (50_000, 10_000)  # images
_DATA = "data"
# The notebooks' kernel may be another Python than this one.
_NEEDS_GPU = (
    "import torch\nassert torch.cuda.is_available(), 'the kernel of the notebooks sees no GPU'"
)


class _AnswerKey(GenerateSolution):  # type: ignore[misc]
    """nbgrader's, but for assignments that this machine has never released, too."""

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        BaseConverter.init_assignment(self, assignment_id, student_id)  # the course's other files


def make_answer_key(
    course: Course, assignment: str, unsafe_no_box: bool = False, full_size: Path | None = None
) -> Path:
    """Write the assignment's answer key, with a note that says where and how it was executed.

    Args:
        unsafe_no_box: run the notebooks in an ordinary kernel, not in the box.
        full_size: the same, on this machine's GPU, with the real CIFAR-10 in this folder; the notebooks
            find it by the variable COURSE_DATA.

    Raises:
        KitError: when a solution raises, or `full_size` is asked for where it cannot be had. Then
            nothing is run, and an older answer key stays.
    """
    course.notebooks(assignment)
    gpu = "" if full_size is None else check_full_size(full_size)
    config = copy.deepcopy(course.config)
    began_s = time.monotonic()
    with scratch(course) as folder:
        # Made aside and moved: nbgrader deletes the old one first, and a long run may break off.
        config.CourseDirectory.solution_directory = str((folder / "made").relative_to(course.root))
        if unsafe_no_box or full_size is not None:
            kept = [name for name in config.GenerateSolution.preprocessors if "RunIn" not in name]
            place = "autograder.nbgrader_plugin.solution.RunInKernel"
            config.GenerateSolution.preprocessors = [*kept, place]
            config.RunInKernel.folder = str(folder / "work")
            write_course_files(course, assignment, folder / "work")
            if full_size is not None:
                (folder / "work" / _DATA).symlink_to(full_size.resolve())
                config.RunInKernel.data = _DATA  # so that no output names a folder of this machine
                config.RunInKernel.first = _NEEDS_GPU
        aside = dataclasses.replace(course, config=config)
        run_converter(aside, assignment, _AnswerKey)
        made = folder / "key"
        move(aside.solution(assignment), made)
        minutes = (time.monotonic() - began_s) / 60
        (made / NOTE).write_text(_note(assignment, gpu, unsafe_no_box, minutes))
        target = course.solution(assignment)
        target.parent.mkdir(parents=True, exist_ok=True)
        _keep_links(course, assignment, made, target)
        if target.exists():
            shutil.move(target, folder / "old")
        shutil.move(made, target)
    return target


def check_full_size(folder: Path) -> str:
    """The GPU's name, if this machine can make the answer key at full size.

    Raises:
        KitError: there is no GPU that torch can use, or the folder does not hold the real CIFAR-10.
    """
    import torch

    from autograder.data import CIFAR10_CLASSES, load_images

    if not torch.cuda.is_available():
        raise KitError(
            "There is no GPU here that torch can use, so nothing was run: the full size would take "
            "days on a CPU. Run this on a machine with a GPU, or leave --full-size out for the short "
            "size."
        )
    try:
        parts = [load_images(folder, train=train) for train in (True, False)]
    except (OSError, ValueError) as error:
        raise KitError(f"CIFAR-10 cannot be read, so nothing was run: {error}") from error
    sizes = tuple(len(images) for images in parts)
    if tuple(parts[0].classes) != CIFAR10_CLASSES or sizes != _CIFAR10:
        raise KitError(
            f"{folder} is not the real CIFAR-10, so nothing was run: it holds {sizes[0]:,} training "
            f"and {sizes[1]:,} test images of the classes {', '.join(parts[0].classes[:3])}, …"
        )
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}"


def write_course_files(course: Course, assignment: str, folder: Path) -> None:
    """Write the files that the course gives along with its notebooks into a new folder."""
    folder.mkdir()
    for name, content in course_files(course.source(assignment)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _keep_links(course: Course, assignment: str, made: Path, target: Path) -> None:
    """Make what is a link in the source, to a file of the course, one in the key: nbgrader has copied it.

    So a helper file has one text, and the key's notebooks still run where they lie, in `target`.
    """
    source, root = course.source(assignment), course.root.resolve()
    for name in course_files(source):
        file = (source / name).resolve()
        if (source / name).is_symlink() and file.is_relative_to(root) and (made / name).is_file():
            (made / name).unlink()
            (made / name).symlink_to(os.path.relpath(file, (target / name).parent.resolve()))


def _note(assignment: str, gpu: str, unsafe_no_box: bool, minutes: float) -> str:
    at_full_size = f"autograder release {assignment} --full-size FOLDER"
    if gpu:
        text = (
            f"Executed at **full size** by `{at_full_size}`, on {gpu}, with the real CIFAR-10, in "
            f"{counted(round(minutes), 'minute')} for all notebooks. Curves, accuracies, kernels, seconds "
            "and gigabytes in the outputs are that machine's."
        )
    elif unsafe_no_box:
        text = "Executed in an ordinary kernel. The outputs say on which device, and at which size."
    else:
        text = (
            f"Executed by `autograder release {assignment} --solutions`, in the box, on the CPU "
            f"({platform.machine()}). **No GPU took part**: where a notebook has a full size and a "
            "short one, this is the short one, and its figures say nothing about the full size. On a "
            f"machine with a GPU `{at_full_size}` makes that."
        )
    return f"# The answer key of {assignment}\n\n{text}\n"
