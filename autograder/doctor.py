"""What this machine and this course lack, each with its repair."""

from __future__ import annotations

import contextlib
import platform
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

from autograder.course import Course, find_course, load_course, packages
from autograder.course.bonus import check_bonus
from autograder.course.contract import CONTRACT
from autograder.course.course import CourseSettings
from autograder.course.judged_by import judged_in_notebook, words_for
from autograder.course.unhonoured import unhonoured
from autograder.errors import KitError
from autograder.judge.slots import settings_for
from autograder.sandbox import BoxSettings, check_wall, warm
from autograder.sandbox.forms import LACKS, form_of
from autograder.sandbox.gpu import find_gpu
from autograder.sandbox.settings import WALLS
from autograder.sandbox.wall import packages_inside
from autograder.scorecard import counted

_IN_NOTEBOOKS = ("torch", "torchvision", "ipykernel", "safetensors")
_PACKAGES = (*_IN_NOTEBOOKS, "nbgrader", "pytest")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    text: str


def _finding(what: str, look: Callable[[], str]) -> Finding:
    """What a look tells; a bad one where it raises what is wrong."""
    try:
        return Finding(what, True, look())
    except KitError as error:
        return Finding(what, False, str(error))


def examine(folder: Path) -> Iterator[Finding]:
    """Look at the machine and at the course at or above `folder`."""
    version = platform.python_version()
    yield Finding("Python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")
    for name in _PACKAGES:
        try:
            yield Finding(name, True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, False, f"not installed. Run `pip install {name}`, or `make setup`.")
    yield from _box(folder)
    free_gib = shutil.disk_usage(folder).free / 2**30
    yield Finding("disk", free_gib > 2, f"{free_gib:.0f} GiB free (2 GiB are needed for a class)")
    yield from _examine_course(folder)


def _box(folder: Path) -> Iterator[Finding]:
    """The form of the wall that boxes get here, and which others could be had."""
    settings = BoxSettings()
    with contextlib.suppress(KitError):  # which is told below
        settings = BoxSettings(config=load_course(find_course(folder)).config)
    try:
        text = check_wall(weakest=settings.wall)
        form = form_of(settings)
    except KitError as error:
        yield Finding("box", False, f"{error}{_weaker(settings)}")
        return
    yield Finding("box", True, f"{text}.{LACKS[form]}")
    yield _kernels(form)


def _weaker(settings: BoxSettings) -> str:
    """What a course could allow instead of what cannot be had."""
    for form in WALLS[WALLS.index(settings.wall) + 1 :]:
        with contextlib.suppress(KitError):
            check_wall(weakest=form)
            return (
                f" What can be had here is a weaker form: {form}.{LACKS[form]} To allow it for a course, "
                f'write `c.BoxSettings.wall = "{form}"` into its course_config.py.'
            )
    return ""


def _kernels(form: str) -> Finding:
    try:
        inside = packages_inside(form)
    except KitError as error:
        return Finding("kernels", False, str(error))
    if absent := [name for name in _IN_NOTEBOOKS if name not in inside]:
        text = (
            f"no notebook can import {', '.join(absent)}: a box has the packages of {sys.prefix} alone, and "
            "none of PYTHONPATH or of a user's own folder. Install what is missing there."
        )
        return Finding("kernels", False, text)
    trouble = warm.warm_trouble(form)
    if trouble is None:
        return Finding("kernels", True, "forked from one warm process, in a fifth of a second")
    text = f"each starts from nothing, in some seconds; no warm process can be had here: {trouble}"
    return Finding("kernels", True, text)


def _gpus(course: Course) -> Iterator[Finding]:
    settings = BoxSettings(config=course.config)
    if not course.settings.gpus:
        yield _gpu(settings)
    elif settings.gpu is not None:
        text = "c.BoxSettings.gpu and c.CourseSettings.gpus both name one. Take the first out."
        yield Finding("GPU", False, text)
    else:
        for gpu in course.settings.gpus:
            yield _slots(course, gpu)


def _slots(course: Course, gpu: int) -> Finding:
    try:
        found = find_gpu(gpu)
        check_wall(gpu, BoxSettings(config=course.config).wall)
    except KitError as error:
        return Finding(f"GPU {gpu}", False, str(error))
    try:
        sharing = course.settings.gpu_slots
        own, alone = (settings_for(course, gpu, n).gpu_memory_mib for n in (sharing, 1))
    except KitError as error:
        return Finding(f"GPU {gpu}", False, str(error))
    promised = BoxSettings(config=course.config).gpu_memory_mib
    text = f"{found.name}; {sharing} at a time, each with {own} of {found.memory_mib} MiB"
    if own < promised:
        text += f"; one that needs more is judged again alone, with {promised}"
    return Finding(f"GPU {gpu}", promised == alone, f"{text}; {_judged_there(gpu)}")


def _judged_there(gpu: int) -> str:
    """Where hidden tests compute that could use the GPU of their box."""
    from autograder.judge.device import same_gpu

    try:
        same_gpu(gpu)
    except KitError as error:
        return str(error)
    return "hidden tests of training compute there as well"


def _gpu(settings: BoxSettings) -> Finding:
    import torch

    if settings.gpu is None:
        if not torch.cuda.is_available():
            return Finding(
                "GPU", True, "none; submissions are graded on the CPU, in the short size"
            )
        name = torch.cuda.get_device_name(0)
        text = (
            f"{name}, which no box uses: submissions are graded on the CPU (see c.BoxSettings.gpu)"
        )
        return Finding("GPU", True, text)
    try:
        gpu = find_gpu(settings.gpu)
        check_wall(settings.gpu, settings.wall)
    except KitError as error:
        return Finding("GPU", False, str(error))
    share = f"a box may hold {settings.gpu_memory_mib} of {gpu.memory_mib} MiB"
    text = f"{gpu.name}; {share}; {_judged_there(settings.gpu)}"
    return Finding("GPU", settings.gpu_memory_mib <= gpu.memory_mib, text)


def _examine_course(folder: Path) -> Iterator[Finding]:
    from autograder.autograde import gradebook
    from autograder.calibration import thresholds

    try:
        course = load_course(find_course(folder))
    except KitError as error:
        yield Finding("course", False, str(error))
        return
    yield Finding("course", True, str(course.root))
    for text in unhonoured(course, BoxSettings):
        yield Finding("setting", False, text)
    yield from _packages(course)
    yield from _gpus(course)
    if course.settings.bonus:
        yield _finding("bonus", lambda: _bonus(course))
    yield (book := _finding("gradebook", lambda: gradebook.describe(course)))
    for assignment in course.assignments():
        yield _finding(assignment, partial(_assignment, course, assignment, book.good))
        for text in thresholds.fit(course, assignment):
            yield Finding(f"{assignment}'s thresholds", False, text)
    yield _finding("images", lambda: _images(course))


def _bonus(course: Course) -> str:
    check_bonus(course)
    return ", ".join(course.settings.bonus)


def _images(course: Course) -> str:
    from autograder.judge.training_data import box_data

    box_data(course)
    return course.settings.data_directory or "drawn by code"


def _assignment(course: Course, assignment: str, gradebook_is_there: bool) -> str:
    from autograder.autograde import gradebook

    sources = course.notebooks(assignment)
    in_notebooks = 0
    for name in [name for name, source in sources.items() if source.is_autograded]:
        by_cells = judged_in_notebook(course, assignment, sources[name])
        in_notebooks += len(by_cells)
        grader = course.graders(assignment) / f"test_{name}.py"
        if not grader.is_file() and not by_cells:
            known = (course.graders(assignment) / CONTRACT).is_file()
            adopt = "" if known else f", or run `autograder adopt {assignment}`"
            raise KitError(f"{name} has no hidden tests: write {grader}{adopt}.")
    released = "and nobody can say whether it is released"
    if gradebook_is_there:
        gradebook.check_released(course, assignment, sources)
        released = "released"
    points = sum(cell.max_score for source in sources.values() for cell in source.grade_cells)
    text = f"{counted(len(sources), 'notebook')}, {counted(points, 'point')}, {released}"
    return f"{text}; {words_for(in_notebooks)}" if in_notebooks else text


def _packages(course: Course) -> Iterator[Finding]:
    folders = [course.root, *(course.source(name) for name in course.assignments())]
    files = [file for folder in folders if (file := folder / packages.NAME).is_file()]
    if files:
        try:
            inside = packages_inside(form_of(BoxSettings(config=course.config)))
        except KitError:
            return  # said of the box
        for file in files:
            lacking = list(packages.unmet(file, inside))
            text = " ".join(lacking) or "all of it is installed"
            yield Finding(str(file.relative_to(course.root)), not lacking, text)


def settings_help(columns: int = 100) -> str:
    """Every setting of `course_config.py` with its default and its reason, in lines of so many columns."""
    parts = []
    for kind in (CourseSettings, BoxSettings):
        defaults = kind()
        for name, trait in sorted(kind.class_own_traits(config=True).items()):
            why = textwrap.fill(
                trait.help, max(columns, 40), initial_indent="    ", subsequent_indent="    "
            )
            parts.append(f"c.{kind.__name__}.{name} = {getattr(defaults, name)!r}\n{why}\n")
    return "\n".join(parts)
