"""Torch is where it is needed, and nowhere else; where it is, changes no mark."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from autograder.judge.job import Job
from autograder.judge.judge import judge_job
from autograder.judge.needs import box_of_job_needs_torch, boxes_need_torch, judge_needs_torch
from tests.in_notebook_course import InNotebookCourse, items

USES = {
    "import torch": True,
    "if True:\n    from torch import nn": True,
    "import numpy as np; import torchvision.models as models": True,
    "import importlib\nimportlib.import_module('torch.nn')": True,
    "import fastai": True,  # which may bring it along
    "%matplotlib inline\nimport fastai": True,
    "import torch as (": True,  # no Python
    "import numpy as np, pandas.plotting\n!ls\nfrom pathlib import Path": False,
    "'''As in torch.'''  # torch": False,
    "def f(: numpy": False,
    "from helper import more\nimport package.part": False,
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> InNotebookCourse:
    tests = {"without": "import sys\nassert 'tor' + 'ch' not in sys.modules"}
    return InNotebookCourse(tmp_path_factory.mktemp("needs"), tests)


@pytest.fixture(scope="module")
def job(course: InNotebookCourse) -> Job:
    return course.job()


@pytest.mark.parametrize("text", USES)
def test_a_box_has_torch_where_the_work_may_use_it(
    course: InNotebookCourse, job: Job, text: str
) -> None:
    files = (("helper.py", b"import numpy"), ("package/part.py", b"import helper"))
    changed = dataclasses.replace(job, cells=(text, *job.cells[1:]), files=files)
    assert box_of_job_needs_torch(course.course, changed) is USES[text]
    beside = (*files, ("used.py", text.encode()))
    assert (
        box_of_job_needs_torch(course.course, dataclasses.replace(job, files=beside)) is USES[text]
    )


def test_hidden_tests_speak_in_tensors(tmp_path: Path) -> None:
    course = InNotebookCourse(tmp_path, {"inside": "assert double(1) == 2"})
    job = course.job()
    assert not judge_needs_torch(course.course, "tiny")
    assert not boxes_need_torch(course.course, "tiny")
    assert not box_of_job_needs_torch(course.course, job)
    course.tiny.write("graders/tiny/test_tiny.py", "")
    assert judge_needs_torch(course.course, "tiny")
    assert boxes_need_torch(course.course, "tiny")
    assert box_of_job_needs_torch(course.course, job)


def test_the_box_of_work_without_torch_has_none(course: InNotebookCourse) -> None:
    assert items(course.judge())["without"].score == 2.0


def test_one_students_torch_is_seeded_as_in_any_box(course: InNotebookCourse) -> None:
    job = course.job(first=["import torch\nprint(torch.initial_seed())"])
    judged = judge_job(job)
    assert judged.outputs[0][0]["text"] == f"{int(job.content[:8], 16)}\n"
    assert items(judged)["without"].score == 0.0
