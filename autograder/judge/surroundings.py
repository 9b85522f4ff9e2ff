"""What a notebook needs and does not find here: packages, and a newer Python.

A package that the course uses, or that is well known, and that is not installed where cells run is the
grader's lack and no student's mistake: what failed for want of it is `ungraded`, staff read the package's
name, and once it is installed everything that was judged without it is judged again. Any other name that
cannot be imported may be a slip of the keyboard: the verdict stands, and staff read the name.

A cell in a newer Python's syntax keeps its verdict, and both sides read why it did not run.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from autograder.course import Course, SourceNotebook
from autograder.course.claims import defined_names
from autograder.course.newer_python import explains_error, spelt
from autograder.sandbox import CellRun
from autograder.sandbox.wall import is_inside
from autograder.scorecard import Check, Item, Verdict

# Modules that notebooks for deep learning import, besides those of the course's own notebooks.
_NAMES = """
IPython PIL accelerate albumentations altair bokeh bs4 captum catboost cupy cv2 dask datasets deap
diffusers einops evaluate fastai fastcore flax gdown gensim google gradio gym gymnasium h5py haiku
hydra imageio imblearn import_ipynb ipywidgets jax jaxtyping joblib kagglehub keras kornia librosa
lightgbm lightning lxml matplotlib medmnist ml_collections mlflow mlxtend monai mpl_toolkits mypy
nltk numba numpy omegaconf onnx onnxruntime openpyxl optax optuna pandas patsy peft plotly polars
pretrainedmodels psutil pycocotools pydantic pydot pyarrow pytest pytorch_lightning ray regex
requests rich safetensors scipy seaborn sentencepiece shap skimage sklearn skorch spacy statsmodels
sympy tabulate tensorboard tensorboardX tensorflow tensorflow_datasets termcolor tf_keras thop timm
tokenizers torch torch_geometric torchaudio torcheval torchinfo torchmetrics torchsummary torchtext
torchvision torchviz tqdm transformers typing_extensions ujson umap visdom wandb xarray xgboost yaml
yellowbrick zarr
"""
_WELL_KNOWN = frozenset(_NAMES.split())
# Names in a file of requirements are those of packages, which may hold modules of other names.
_MODULE_OF = {
    "beautifulsoup4": "bs4",
    "imbalanced-learn": "imblearn",
    "opencv-python": "cv2",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "python-dateutil": "dateutil",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
}
_ON_COLAB_ALONE = "google"  # `from google.colab import drive`

# Each takes time in proportion to the text: a student's code writes messages, too.
_NO_MODULE = re.compile(r"No module named '(\w+)(?:\.[\w.]*)?'")
_RAISED_IN_CHECK = re.compile(r"raised (?:ModuleNotFoundError|ImportError)\b")
_NO_NAME = re.compile(r"defines no `(\w+)`|name '(\w+)' is not defined")
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\w+)(?:\.[\w.]*)?[ \t]+)?import[ \t]+([^\n#]+)", re.MULTILINE
)
_IN_FILE = re.compile(r"\((\w+\.py), line \d+\)")
_SYNTAX = ("SyntaxError", "IndentationError")


@dataclass(frozen=True)
class Explained:
    """The items of a notebook as they are once it is known what was not here."""

    items: tuple[Item, ...]
    reason: str = ""  # why staff must act
    staff: tuple[str, ...] = ()  # what else they should know


def explain(
    items: tuple[Item, ...],
    cells: Sequence[str],
    runs: Sequence[CellRun],
    files: Mapping[str, bytes],
    of_course: Collection[str],
) -> Explained:
    """Tell a student's mistakes from what is not here.

    Args:
        cells: the sources of the code cells, in order.
        runs: how they ended.
        files: what lay beside the notebook, by name; a requirements.txt in it counts.
        of_course: the modules that the course uses; see `modules_of_course`.
    """
    items, staff = _explain_syntax(items, cells, runs, files)
    lost = _lost_names(cells, runs)
    absent = {module for run in runs if (module := _absent(run.message))}
    absent |= {
        module
        for item in items
        for check in item.checks
        if (module := _absent_in_check(item, check))
    }
    absent -= {part for name in files for part in Path(name).with_suffix("").parts}
    absent = {module for module in absent if not _is_here(module)}
    required = _required_modules(files.get("requirements.txt", b"").decode(errors="replace"))
    ours = absent & (required | _WELL_KNOWN | {*of_course})
    staff += [
        f"`{module}` was imported, and is neither a package here nor a file beside the notebook. If "
        "students may use it, install it where notebooks run and grade again"
        for module in sorted(absent - ours)
    ]
    blocked: set[str] = set()

    def judged_anew(item: Item, check: Check) -> Check:
        if check.verdict in (Verdict.PASSED, Verdict.UNGRADED):
            return check
        said = _said(item, check)
        module = _absent_in_check(item, check) or lost.get(missing_name(said), "")
        if module not in ours:
            return check
        blocked.add(module)
        return replace(check, verdict=Verdict.UNGRADED, message="", hint="", staff_detail=said)

    items = tuple(
        replace(item, checks=tuple(judged_anew(item, check) for check in item.checks))
        for item in items
    )
    code = [
        *cells,
        *(text.decode(errors="replace") for name, text in files.items() if name.endswith(".py")),
    ]
    imported = set[str]().union(*map(imported_modules, code)) if blocked else set()
    reasons = [_what_to_install(module, module in imported) for module in sorted(blocked)]
    return Explained(items, " ".join(reasons), tuple(staff))


def modules_of_course(course: Course, assignment: str) -> frozenset[str]:
    """The modules that a course's own notebooks import."""
    modules: set[str] = set()
    for source in course.notebooks(assignment).values():
        modules |= _imported_in(source)
    return frozenset(modules)


def _explain_syntax(
    items: tuple[Item, ...],
    cells: Sequence[str],
    runs: Sequence[CellRun],
    files: Mapping[str, bytes],
) -> tuple[tuple[Item, ...], list[str]]:
    """Say which cells are no Python here, but would be one of a newer version."""
    newer = {
        name: version
        for source, run in zip(cells, runs, strict=False)
        if run.status == "error" and run.message.startswith(_SYNTAX)
        if (version := explains_error(_at_fault(source, run.message, files))) is not None
        for name in ("", *defined_names(source), *_imported_names(source))
    }
    if not newer:
        return items, []
    here, wanted = spelt(sys.version_info[:2]), spelt(max(newer.values()))

    def with_a_word(check: Check) -> Check:
        name = missing_name(check.message)
        if check.verdict in (Verdict.PASSED, Verdict.UNGRADED) or name not in newer or not name:
            return check
        word = f"That cell needs Python {spelt(newer[name])} or newer; here cells run under {here}."
        return replace(check, message=f"{check.message} {word}")

    items = tuple(
        replace(item, checks=tuple(with_a_word(check) for check in item.checks)) for item in items
    )
    return items, [
        f"cells in the syntax of Python {wanted} did not run, for here cells run under {here}. Should "
        "students know the version, or should the grader have a newer one?"
    ]


def _at_fault(source: str, message: str, files: Mapping[str, bytes]) -> str:
    """The text in which a syntax error is: the cell, or a module that it imports."""
    match = _IN_FILE.search(message)
    modules = [name for name in files if match and name.rpartition("/")[2] == match[1]]
    return files[modules[0]].decode(errors="replace") if modules else source


def _lost_names(cells: Sequence[str], runs: Sequence[CellRun]) -> Mapping[str, str]:
    """The names that cells did not come to define for want of a module, and of which one."""
    lost: dict[str, str] = {}
    for source, run in zip(cells, runs, strict=False):
        if run.status != "error":
            continue
        module = _absent(run.message) or lost.get(missing_name(run.message), "")
        if module:
            for name in defined_names(source) | _imported_names(source):
                lost.setdefault(name, module)
    return lost


def _absent(message: str) -> str:
    """The top module that an import did not find, by the message of a cell's error."""
    match = _NO_MODULE.search(message) if message.startswith("ModuleNotFoundError") else None
    return match[1] if match else ""


def _said(item: Item, check: Check) -> str:
    """What a check told, in full: of tests that stand hidden in the notebook only staff read it."""
    return (check.staff_detail if item.in_notebook else "") or check.message


def _absent_in_check(item: Item, check: Check) -> str:
    said = _said(item, check)
    if check.verdict is not Verdict.RAISED or not _RAISED_IN_CHECK.search(said):
        return ""
    match = _NO_MODULE.search(said)
    return match[1] if match else ""


def missing_name(message: str) -> str:
    """The name that a message says is not defined; nothing where it says something else."""
    match = _NO_NAME.search(message)
    return (match[1] or match[2]) if match else ""


def _is_here(module: str) -> bool:
    """Whether notebooks can import a module of this name, so that something else is wrong."""
    if module == _ON_COLAB_ALONE:  # a name that packages share
        return False
    try:
        spec = None if module in sys.modules else importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    if spec is None:
        return module in sys.modules
    file = (
        [spec.origin] if spec.has_location and spec.origin else []
    )  # one that is built in has none
    return all(is_inside(Path(place)) for place in spec.submodule_search_locations or file)


def _what_to_install(module: str, is_imported: bool) -> str:
    if module == _ON_COLAB_ALONE:
        return (
            "what failed needs a cell that imports `google.colab`, which is on Colab alone. Ask the student "
            "for a notebook without it."
        )
    doubt = (
        ""
        if is_imported
        else " No import of it stands there: a package may want it, or the code says so itself."
    )
    return (
        f"what failed needs the package `{module}`, which is not installed here.{doubt} Install it where "
        "notebooks run and grade again, or ask the student to do without it."
    )


@lru_cache(maxsize=64)
def _imported_in(source: SourceNotebook) -> frozenset[str]:
    code = (cell.source for cell in source.notebook.cells if cell.cell_type == "code")
    return frozenset().union(*map(imported_modules, code))


def imported_modules(source: str) -> set[str]:
    """The top modules that a cell imports."""
    modules: set[str] = set()
    for match in _IMPORT.finditer(source):
        parts = [match[1]] if match[1] else match[2].split(",")
        modules |= {part.split()[0].partition(".")[0] for part in parts if part.split()}
    return modules


def _imported_names(source: str) -> set[str]:
    """The names that a cell's imports would give it."""
    names: set[str] = set()
    for match in _IMPORT.finditer(source):
        for part in match[2].strip().strip("()").split(","):
            words = part.split()
            names |= {words[-1].partition(".")[0]} if words else set()
    return names


def _required_modules(text: str) -> set[str]:
    modules: set[str] = set()
    for line in text[:100_000].splitlines():
        match = re.match(r"\s*([A-Za-z0-9][\w.-]{0,80})", line)
        if match:
            name = re.sub(r"[-_.]+", "-", match[1]).lower()
            modules.add(_MODULE_OF.get(name, name.replace("-", "_")))
    return modules
