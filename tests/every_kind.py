"""A course with every kind of cell and notebook that nbgrader knows, and settings that rename things."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.tiny_course import cell, notebook

ASSIGNMENT = "kinds"

_CONFIG = """
from autograder.nbgrader_plugin import configure

c = get_config()
configure(c, __file__)
c.CourseDirectory.course_id = "kinds-course"
c.CourseDirectory.directory_structure = "{nbgrader_step}/{assignment_id}/{student_id}"
c.CourseDirectory.source_directory = "masters"
c.CourseDirectory.submitted_directory = "collected"
c.CourseDirectory.autograded_directory = "marked"
c.CourseDirectory.release_directory = "handout"
c.CourseDirectory.feedback_directory = "answers"
c.IncludeHeaderFooter.header = "header.ipynb"
c.CourseSettings.graders_directory = "graders"
c.CourseSettings.cases_directory = "cases"
c.BoxSettings.cell_wall_s = 20.0
"""

# As small as nbgrader's own example of one, with words of ours.
_AUTOTESTS = """
python3:
  setup: "from hashlib import sha1"
  hash: 'sha1({{snippet}}.encode("utf-8")+b"{{salt}}").hexdigest()'
  dispatch: "type({{snippet}})"
  normalize: "str({{snippet}})"
  check: 'assert {{snippet}} == "{{value}}", "{{message}}"'
  success: "print('Success!')"
  templates:
    default:
      - test: "{{snippet}}"
        fail: "{{snippet}} has another value"
"""

# Several lines, several values in a line, and one that nbgrader hides by a hash.
AUTOMATIC = "assert double(2) == 4\n### AUTOTEST double(7)\n### AUTOTEST double(8); double(-9)\n### HASHED AUTOTEST double(450)"

_GRADERS = '''
"""Hidden tests of the notebook with code."""

from autograder.grading import expect_close, graded


@graded("double_tests")
def test_double_of_numbers(student, challenge):
    """Doubles numbers."""
    number = -int(challenge.rng.integers(1, 1000))
    expect_close(student.double(number), 2 * number)
'''

_CONTRACT = """
kernel = "python3"
total = 17

[autograded.1_work]
double_tests = 3

[written.1_work]
sketch = 4
curve = 2
why = 5

[written.2_essay]
essay = 3
"""

SCHEME = "Two points for the zigzag."
MODEL_ANSWER = "Cameras differ from one another, so scales do."
RIGHT = {
    "double": "def double(x):\n    return x + x",
    "curve": "print('a curve')",
    "why": f"**Why scale?**\n\n{MODEL_ANSWER}",
    "essay": "An essay, of two lines or more.",
}


def _regions(prompt: str, answer: str) -> str:
    return f"{prompt}\n# BEGIN SOLUTION\n{answer}\n# END SOLUTION".strip()


_TASK = f"Sketch it, in cells below.\n\n### BEGIN MARK SCHEME\n{SCHEME}\n### END MARK SCHEME"


def sources() -> dict[str, dict[str, Any]]:
    """The source notebooks by name."""
    code = "def double(x):\n    # BEGIN SOLUTION\n    return x + x\n    # END SOLUTION"
    work = [
        cell("markdown", "# Work"),
        cell("code", code, "double", solution=True),
        cell(
            "code",
            AUTOMATIC,
            "double_tests",
            grade=True,
            locked=True,
            points=3,
        ),
        cell("markdown", _TASK, "sketch", task=True, locked=True, points=4),
        cell("markdown", "Now a curve, in one cell."),
        cell(
            "code",
            _regions("", "print('the curve of the reference')"),
            "curve",
            grade=True,
            solution=True,
            points=2,
        ),
        cell("markdown", "And in words:"),
        cell(
            "markdown",
            _regions("**Why scale?**\n", MODEL_ANSWER),
            "why",
            grade=True,
            solution=True,
            points=5,
        ),
    ]
    essay = cell(
        "markdown", _regions("", "Whatever is said."), "essay", grade=True, solution=True, points=3
    )
    return {
        "0_reading": notebook(cell("markdown", "# Read this first"), cell("code", "print(6 * 7)")),
        "1_work": notebook(*work),
        "2_essay": notebook(cell("markdown", "# An essay"), essay),
    }


class EveryKind:
    """The course on disk, and submissions for it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(self) -> EveryKind:
        self.write("course_config.py", _CONFIG)
        self.write("nbgrader_config.py", 'load_subconfig("course_config.py")\n')
        self.write("autotests.yml", _AUTOTESTS)
        self.write("graders/kinds/test_1_work.py", _GRADERS)
        self.write("graders/kinds/contract.toml", _CONTRACT)
        header = cell("code", "import math", "header_check", locked=True)
        self.write("header.ipynb", json.dumps(notebook({**header, "id": "header"})))
        for name, data in sources().items():
            self.write(f"masters/kinds/{name}.ipynb", json.dumps(data))
        for name, body, right in (("by_two", "2 * x", True), ("absolute", "abs(2 * x)", False)):
            lost = {"double_tests": {"verdict": "failed", "score": 0}}
            card = {"notebook": "1_work", "right": right, "about": name}
            card["items"] = {} if right else lost
            self.write(f"cases/kinds/{name}/scorecard.json", json.dumps(card))
            self.write(f"cases/kinds/{name}/double.py", f"def double(x):\n    return {body}\n")
        return self

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def released(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.root / f"handout/kinds/{name}.ipynb").read_text()))

    def submission(
        self,
        student: str,
        written: Mapping[str, str],
        below: Mapping[str, list[dict[str, Any]]] | None = None,
        above: Mapping[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        """The release with these sources in its cells, and cells of the student's own around them."""
        for name in sources():
            data = self.released(name)
            cells = []
            for entry in data["cells"]:
                grade_id = entry["metadata"].get("nbgrader", {}).get("grade_id", "")
                entry["source"] = written.get(grade_id, entry["source"])
                cells += [*(above or {}).get(grade_id, ()), entry, *(below or {}).get(grade_id, ())]
            data["cells"] = [
                {**entry, "id": entry.get("id") or f"own-{number}"}
                for number, entry in enumerate(cells)
            ]
            self.write(f"collected/kinds/{student}/{name}.ipynb", json.dumps(data))
