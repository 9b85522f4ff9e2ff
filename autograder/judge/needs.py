"""Whether judging takes torch: without it a class begins in half the time, and a box costs half as much.

A worker needs torch for hidden tests, which speak in tensors. A box needs it for them, and for a notebook
that uses it; one does not where all that it and the files beside it import is known to do without. Each job
is looked at for itself: where one student's work imports more than the assignment does, its box has torch,
as everywhere else. So this decides on time alone, and on no mark.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache

from autograder.course import Course
from autograder.course.beside import course_files
from autograder.judge.job import Job
from autograder.judge.slots import has_gpu
from autograder.judge.surroundings import imported_modules
from autograder.sandbox import BoxSettings

_TORCHS = frozenset({"torch", "torchvision", "safetensors"})
# Packages that bring no torch along. Of any other it is not known.
_NAMES = """
IPython PIL bs4 ipywidgets lxml matplotlib mpl_toolkits networkx nose numpy pandas psutil pytest requests
scipy seaborn sklearn statsmodels sympy tabulate tqdm yaml
"""
_WITHOUT = frozenset(_NAMES.split())
# Of these, what takes long to import; none starts a thread or looks for a notebook, as far as is known.
_LARGE = frozenset(("networkx", "pandas", "scipy", "seaborn", "sklearn", "statsmodels", "sympy"))
_NAMED = re.compile(r"(?:torch|torchvision)(?:\.\w+)*")  # as `importlib.import_module` is told
_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)


def box_of_job_needs_torch(course: Course, job: Job) -> bool:
    """Whether torch must be in the box of a job."""
    if job.bonus_files or _is_asked(course, job.assignment, job.notebook):
        return True
    return _any_needs_torch((*job.cells, *filter(None, job.tests)), dict(job.files))


def judge_needs_torch(course: Course, assignment: str) -> bool:
    """Whether the worker that judges an assignment must have it.

    Raises:
        KitError: when there is no such assignment, or a notebook of it is damaged.
    """
    return any(_is_asked(course, assignment, name) for name in course.notebooks(assignment))


def boxes_need_torch(course: Course, assignment: str) -> bool:
    """Whether the boxes of an assignment will need it, by the course's own notebooks.

    Raises:
        KitError: as above.
    """
    files = course_files(course.source(assignment))
    return judge_needs_torch(course, assignment) or _any_needs_torch(
        _cells(course, assignment), files
    )


def set_imports(settings: BoxSettings, course: Course, assignment: str, needs_torch: bool) -> None:
    """Have the warm process import what an assignment's boxes need, if the course does not say what.

    Raises:
        KitError: as above.
    """
    if "warm_imports" in course.config.BoxSettings:
        return
    if not needs_torch:
        kept = [name for name in settings.warm_imports if name.partition(".")[0] not in _TORCHS]
        settings.warm_imports = kept
    # The packages alone: a part of one would be there also where a notebook forgets to import it.
    imported = set[str]().union(*map(_imported, _cells(course, assignment)))
    settings.warm_besides = sorted(imported & _LARGE)


def _cells(course: Course, assignment: str) -> list[str]:
    """The code cells of an assignment's own notebooks."""
    return [
        cell.source
        for source in course.notebooks(assignment).values()
        for cell in source.notebook.cells
        if cell.cell_type == "code"
    ]


def _is_asked(course: Course, assignment: str, notebook: str) -> bool:
    """Whether a notebook has hidden tests, whose probes speak in tensors, or a GPU."""
    graders = course.graders(assignment) / f"test_{notebook}.py"
    return graders.is_file() or has_gpu(course, notebook)


def _any_needs_torch(cells: Iterable[str], files: Mapping[str, bytes]) -> bool:
    modules = [name.removesuffix(".py") for name in files if name.endswith(".py")]
    texts = [*cells, *(files[f"{name}.py"].decode(errors="replace") for name in modules)]
    known = _WITHOUT.union(sys.stdlib_module_names, *(name.split("/") for name in modules))
    return any(not _imported(text) <= known for text in texts)


@lru_cache(maxsize=4096)
def _imported(text: str) -> frozenset[str]:
    """The top modules that a text imports; of one that is no Python, as far as can be seen."""
    try:
        tree = ast.parse(_MAGIC.sub("", text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(imported_modules(text))
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {name.name.partition(".")[0] for name in names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.partition(".")[0])
            case ast.Constant(value=str(value)) if _NAMED.fullmatch(value):
                found.add("torch")
    return frozenset(found)
