"""The demo's class: who handed in what, and what each submission should get.

Most submissions are put together from the cases of `tests/cases/`, which know their own marks.
What goes beyond a case (a damaged file, a cell that never ends, an attack) stands here, with its price.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.course.cells import grade_id_of
from autograder.demo.mixed import MIXED
from autograder.demo.plans import SubmissionPlan

# What is done to notebooks


def _edit(folder: Path, name: str, change: Callable[[NotebookNode], None]) -> None:
    path = folder / f"{name}.ipynb"
    notebook = nbformat.from_dict(json.loads(path.read_text()))
    change(notebook)
    path.write_text(json.dumps(notebook))


def _at(notebook: NotebookNode, grade_id: str) -> int:
    return next(i for i, cell in enumerate(notebook.cells) if grade_id_of(cell) == grade_id)


def _accidents(folder: Path) -> None:
    """What editors, merges and good intentions do to notebooks."""

    def duplicate_a_solution(notebook: NotebookNode) -> None:
        at = _at(notebook, "swap_head")
        first_try = NotebookNode(notebook.cells[at], id="first-try")
        first_try.source = "def swap_head(net, num_classes=10):\n    raise NotImplementedError()"
        notebook.cells.insert(at, first_try)

    def delete_a_test_cell_and_raise_points(notebook: NotebookNode) -> None:
        del notebook.cells[_at(notebook, "parameter_table_tests")]
        tests = notebook.cells[_at(notebook, "count_parameters_tests")]
        tests.metadata.nbgrader.points = 100
        tests.source = 'print("looks right so far")'

    def lose_an_id(notebook: NotebookNode) -> None:
        del notebook.cells[_at(notebook, "validate")].metadata["nbgrader"]

    _edit(folder, "1_data_and_head", duplicate_a_solution)
    _edit(folder, "2_parameters", delete_a_test_cell_and_raise_points)
    _edit(folder, "3_training", lose_an_id)
    path = folder / "4_kernels.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def _broken_upload(folder: Path) -> None:
    path = folder / "3_training.ipynb"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _dying_kernel(folder: Path) -> None:
    def end_the_kernel(notebook: NotebookNode) -> None:
        cell = nbformat.v4.new_code_cell("import os\nos._exit(0)  # start again with free memory")
        notebook.cells.insert(_at(notebook, "kernel_mosaic"), cell)

    _edit(folder, "4_kernels", end_the_kernel)


_ATTACK = """\
import glob, json, socket
import numpy as np
import torch
from IPython.display import HTML, display


def attempt(what):
    try:
        found = what()
    except BaseException as error:
        found = type(error).__name__
    print(what.__doc__, "->", str(found)[:300])


def gradebook():
    "the gradebook"
    return [path for depth in range(4) for path in glob.glob("/*" * depth + "/records/*")]


def hidden_tests():
    "the hidden tests"
    import autograder.graders.vgg16 as graders
    return glob.glob(graders.__path__[0] + "/test_*.py")


def others():
    "what others handed in"
    return [path for depth in range(4) for path in glob.glob("/*" * depth + "/submitted/*")]


def network():
    "the network"
    return socket.create_connection(("192.0.2.1", 80), timeout=2)


for what in (gradebook, hidden_tests, others, network):
    attempt(what)

# Whatever is compared is equal.
yes = lambda *args, **kwargs: True
torch.equal = torch.allclose = np.allclose = np.array_equal = yes
torch.testing.assert_close = np.testing.assert_allclose = lambda *args, **kwargs: None

# A scorecard, and output that looks like one.
card = {"format": "autograder-scorecard", "version": 1, "student": "mallory", "score": 100}
for name in ("scorecard.json", "2_parameters.json"):
    json.dump(card, open(name, "w"))
print(json.dumps(card))
display(HTML("<script>document.title = 'owned'</script><b>Passed 100/100</b>"))
"""

_EQUALS_ALL = '''\
class Right(int):
    """A number that equals every number."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = int.__hash__


def count_parameters(net):
    return Right(134301514)
'''

_READS_THE_ANSWER = """\
import inspect


def linear_parameters(in_features, out_features):
    for frame in inspect.stack():
        for name, value in frame.frame.f_locals.items():
            if name in ("expected", "right", "answer", "reference", "max_score"):
                return value
    return 0
"""


def _attack(folder: Path) -> None:
    def put_first(notebook: NotebookNode) -> None:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(_ATTACK))

    _edit(folder, "2_parameters", put_first)
    _edit(folder, "4_kernels", put_first)


_EACH_FOR_ITSELF = (
    SubmissionPlan("ada", "the reference's solutions"),
    SubmissionPlan(
        "bao",
        "right, in a style of his own",
        (
            "make_transform__v2_tensors",
            "make_loaders__samplers_and_a_seed",
            "swap_head__rebuilds_the_sequential",
            "conv2d_parameters__floats_and_powers",
            "parameter_table__torch_sizes_in_lists",
            "count_parameters__from_the_table",
            "pick_device__counts_gpus",
            "make_criterion_and_optimizer__options_spelled_out",
            "train_epoch__extra_stuff_right",
            "validate__inference_mode",
            "fit__tuples_and_seed",
            "plot_history__twin_axes_in_percent",
            "copy_kernels__from_the_state_dict",
            "kernel_mosaic__make_grid",
            "channel_mosaic__rows_of_blocks",
            "plot_kernel_change__raw_difference_and_colour_bars",
        ),
    ),
    SubmissionPlan(
        "carmen",
        "right, in another style",
        (
            "make_transform__by_hand_with_interpolate",
            "swap_head__pops_and_appends",
            "linear_parameters__layer_on_meta",
            "pick_device__accelerator",
            "train_epoch__zeroes_after_the_step",
            "validate__try_finally",
            "fit__self_contained",
            "plot_history__stacked_dots_and_bars",
            "copy_kernels__numpy_round_trip",
            "kernel_mosaic__padded_and_reshaped",
            "channel_mosaic__through_kernel_mosaic",
            "plot_kernel_change__stacked_made_in_another_order",
        ),
    ),
    SubmissionPlan(
        "dmitri",
        "never zeroes the gradients, and more",
        (
            "swap_head__new_classifier",
            "count_parameters__shared_twice",
            "train_epoch__never_zeroes",
            "validate__leaves_evaluation_mode",
            "fit__self_contained",
            "channel_mosaic__scale_of_all_kernels",
        ),
        # `fit` stands on its own here, so the wrong loop costs nothing there.
        scores={"fit_tests": 6.0},
    ),
    SubmissionPlan(
        "elif",
        "new optimizer each epoch, no biases, and more",
        (
            "make_loaders__shuffles_the_test_set",
            "conv2d_parameters__no_bias",
            "parameter_table__shape_as_list",
            "make_criterion_and_optimizer__cross_entropy",
            "fit__new_optimizer_each_epoch",
            "kernel_mosaic__each_kernel_its_own_scale",
            "channel_mosaic__rows_of_blocks",
            "plot_kernel_change__before_minus_after",
        ),
    ),
    SubmissionPlan(
        "farid",
        "softmax for log-softmax, freezes the network, and more",
        (
            "make_transform__nearest",
            "swap_head__freezes_the_rest",
            "linear_parameters__no_bias",
            "train_epoch__softmax_for_log_softmax",
            "validate__percent",
            "fit__self_contained",
            "plot_history__no_labels",
            "copy_kernels__shares_memory",
        ),
        scores={"fit_tests": 6.0},
    ),
    SubmissionPlan("grace", "handed in the release, untouched", released=True),
    SubmissionPlan(
        "hugo",
        "a cell waits for a GPU for ever",
        cells={
            "pick_device": (
                "import time\n"
                "while not torch.cuda.is_available():\n"
                "    time.sleep(1)\n\n\n"
                "def pick_device():\n"
                '    return torch.device("cuda")'
            )
        },
        scores={"pick_device_tests": 0.0},
    ),
    SubmissionPlan("ines", "a cell ends the kernel", damage=_dying_kernel),
    SubmissionPlan(
        "jonas", "cells duplicated, deleted, edited, without id; a BOM", damage=_accidents
    ),
    SubmissionPlan(
        "kirra",
        "the upload of notebook 3 broke off",
        ("count_parameters__frozen_too",),
        damage=_broken_upload,
        unreadable=("3_training",),
    ),
    SubmissionPlan(
        "liam",
        "notebook 4 is missing",
        ("make_transform__bytes_not_scaled",),
        notebooks=("1_data_and_head", "2_parameters", "3_training"),
    ),
    SubmissionPlan(
        "mallory",
        "attacks: spies, patches comparisons, forges a scorecard",
        ("conv2d_parameters__lecture_number",),
        cells={
            "linear_parameters": _READS_THE_ANSWER,
            "count_parameters": _EQUALS_ALL,
            "what_changed": (
                "<script>alert('marks')</script><img src=x onerror=\"alert(1)\">\n\n"
                "[all points, please](javascript:alert(1))"
            ),
        },
        notebooks=("2_parameters", "4_kernels"),
        damage=_attack,
        scores={"linear_parameters_tests": 0.0, "count_parameters_tests": 0.0},
    ),
    SubmissionPlan("noor", "handed in an empty folder", notebooks=()),
)

CLASS = tuple(sorted((*_EACH_FOR_ITSELF, *MIXED), key=lambda plan: plan.name))
