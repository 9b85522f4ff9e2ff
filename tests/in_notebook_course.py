"""A tiny course that is judged by the tests in its notebook's cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from autograder.course import Course, load_course
from autograder.judge.job import Job, Judgement
from autograder.judge.judge import judge_job
from autograder.judge.submission import read_submission
from autograder.scorecard import Item
from tests.tiny_course import TinyCourse, cell, notebook

CONTRACT = 'tests = "in the notebook"\ntotal = 0\n'
MOST = 2.0


class InNotebookCourse:
    """A course whose source has these tests, by grade_id, for the functions `double` and `mean`."""

    def __init__(self, root: Path, tests: dict[str, str], config: str = "") -> None:
        self.tiny = TinyCourse(root, config)
        (root / "graders/tiny/test_tiny.py").unlink()
        self.tiny.write("graders/tiny/contract.toml", CONTRACT)
        locked = {"grade": True, "locked": True, "points": MOST}
        solution = "def double(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION"
        source = notebook(
            cell("code", solution, "double", solution=True),
            *(cell("code", text, grade_id, **locked) for grade_id, text in tests.items()),
        )
        self.tiny.write("source/tiny/tiny.ipynb", json.dumps(source))
        self.course: Course = load_course(root)

    def job(
        self,
        double: str = "def double(x):\n    return 2 * x",
        extra: str = "",
        first: Sequence[str] = (),
    ) -> Job:
        """A submission's.

        Args:
            double: its solution.
            extra: a cell of the student's own, put last.
            first: such cells, put first.
        """
        source = self.course.notebooks("tiny")["tiny"]
        handed_in = json.loads(nbformat.writes(source.released))
        handed_in["cells"][0]["source"] = double
        if extra:
            handed_in["cells"].append({**cell("code", extra), "id": "extra"})
        own = [{**cell("code", text), "id": f"own-{number}"} for number, text in enumerate(first)]
        handed_in["cells"][:0] = own
        self.tiny.write("submitted/ada/tiny/tiny.ipynb", json.dumps(handed_in))
        folder = self.course.submitted("ada", "tiny")
        return read_submission(self.course, "tiny", "ada", folder).jobs["tiny"]

    def judge(self, *args: str, **kwargs: Any) -> Judgement:
        return judge_job(self.job(*args, **kwargs))


def items(judgement: Judgement) -> dict[str, Item]:
    return {item.grade_id: item for item in judgement.card.items}
