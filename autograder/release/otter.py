"""Makes a source notebook of ours from one of otter-assign (its format of raw cells).

Each question becomes solution cells and, after them, a grade cell for each of its tests, with the points that
otter gives; hidden tests go into hidden regions. A question that is all or nothing, one grade cell. What has
no counterpart is said.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.course.markers import Delimiters, Markers
from autograder.course.otter_checks import SAFE_ID, SEED_ID
from autograder.errors import KitError
from autograder.release.otter_solutions import for_students_and_staff, without_ignored
from autograder.release.otter_tests import (
    TestCell,
    as_grade_cell,
    as_mapping,
    functions_of,
    points_of,
    read_test,
    seed_cell,
)

_MARK = re.compile(r"#\s+(BEGIN|END)\s+(QUESTION|PROMPT|SOLUTION|TESTS)\b", re.IGNORECASE)
_CONFIG = re.compile(r"#\s+ASSIGNMENT\s+CONFIG\b", re.IGNORECASE)
_IGNORED = re.compile(r"##?\s*ignore\b", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*```otter[ \t]*\n(.*?)^[ \t]*```[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_OLD_FORM = re.compile(r"^[ \t]*```[ \t]*\n[ \t]*BEGIN[ \t]+(QUESTION|ASSIGNMENT)\b", re.MULTILINE)
_ANSWER = "*Your answer here.*"
# What otter does with these the kit does otherwise, or not at all. Others concern otter's own files.
_LEFT_OUT = {
    "export_cell": "students hand in the notebook itself",
    "solutions_pdf": "`autograder release --solutions` runs the answer key instead",
    "template_pdf": "no PDF is made",
    "plugins": "plugins of otter's do not run",
    "environment": "install its packages where the kit is installed",
    "requirements": "install its packages where the kit is installed, and keep the file for students",
    "check_all_cell": "the tests stand in the notebook",
    "config_file": "the file is not read: put what it says into the notebook, and adopt it again",
}


def is_otter(notebook: NotebookNode) -> bool:
    """Whether it is a source notebook of otter-assign.

    Raises:
        KitError: when it is one in the older form.
    """
    if any(c.cell_type == "markdown" and _OLD_FORM.search(c.source) for c in notebook.cells):
        raise KitError(
            "its questions stand in Markdown cells, as in otter-assign before version 5. Bring it to the "
            "later form, with raw cells. otter-grader 4.0.2 with ipython<9 does so: "
            "`python -m otter.assign.v0.convert OLD NEW`."
        )
    marked = any(_mark(cell) == ("BEGIN", "QUESTION") for cell in _unfenced(notebook.cells))
    return marked and not any("nbgrader" in cell.metadata for cell in notebook.cells)


def from_otter(
    notebook: NotebookNode, markers: Markers, files: Iterable[str]
) -> tuple[NotebookNode, list[str], list[str]]:
    """The notebook with nbgrader's metadata, what was done, a sentence each, and the texts of prompts.

    Args:
        markers: the course's delimiters.
        files: what lies beside the notebook, as paths below its folder.

    Raises:
        KitError: where a test would expect nothing, points contradict each other, or marks do not pair.
    """
    return _Conversion(markers, frozenset(files)).run(notebook)


@dataclass
class _Question:
    about: dict[str, Any]
    answers: list[NotebookNode] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    tests: list[TestCell] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.about.get("name", ""))


class _Conversion:
    def __init__(self, markers: Markers, files: frozenset[str]) -> None:
        self._solution, self._hidden = (
            _as_comments(markers.solution),
            _as_comments(markers.hidden_tests),
        )
        self._files = files
        self._config: dict[str, Any] = {}
        self._said: list[str] = []
        self._prompts: list[str] = []
        self._cells: list[NotebookNode] = []
        self._ids: set[str] = set()
        self._names: set[str] = set()
        self._helpers: set[str] = set()

    def run(self, notebook: NotebookNode) -> tuple[NotebookNode, list[str], list[str]]:
        after = copy.deepcopy(notebook)
        if str(after.metadata.get("kernelspec", {}).get("language", "python")).lower() == "r":
            raise KitError("it is in R, and the kit judges Python.")
        cells = [c for c in _unfenced(after.cells) if not _IGNORED.match(c.source)]
        self._read_names(cells)
        inside: list[str] = []
        question: _Question | None = None
        for number, cell in enumerate(cells, 1):
            if cell.cell_type == "raw" and _CONFIG.match(cell.source):
                self._config |= as_mapping(cell.source)
                continue
            mark = _mark(cell)
            if mark is None:
                if question is None:
                    self._keep(cell)
                else:
                    self._within(cell, inside[-1], question)
            elif mark[0] == "BEGIN":
                if (mark[1] == "QUESTION") != (not inside) or len(inside) > 1:
                    raise KitError(f"cell {number}: {mark[1]} begins where it cannot.")
                inside.append(mark[1])
                if mark[1] == "QUESTION":
                    question = _Question(as_mapping(cell.source))
                    if not question.name:
                        raise KitError(f"cell {number}: the question has no name.")
            else:
                if not inside or inside.pop() != mark[1] or question is None:
                    raise KitError(f"cell {number}: {mark[1]} ends where it did not begin.")
                if mark[1] == "QUESTION":
                    try:
                        self._close(question)
                    except KitError as error:
                        raise KitError(f"question {question.name}: {error}") from error
                    question = None
        if inside:
            raise KitError(f"{inside[-1]} has no end.")
        after.cells = self._seeded()
        after.metadata.pop("otter", None)
        if (after.nbformat, after.nbformat_minor) < (4, 5):
            for cell in after.cells:
                cell.pop("id", None)
        said = ["made from otter-assign's form", *self._said, *self._left_out()]
        return after, said, list(dict.fromkeys(self._prompts))

    def _read_names(self, cells: Iterable[NotebookNode]) -> None:
        in_tests = False
        for cell in cells:
            mark = _mark(cell)
            if mark is not None and mark[1] == "TESTS":
                in_tests = mark[0] == "BEGIN"
            elif cell.cell_type != "code":
                continue
            elif in_tests:
                self._helpers |= functions_of(TestCell(cell.source))
            else:
                self._names |= set(re.findall(r"\w+", cell.source))

    def _keep(self, cell: NotebookNode) -> None:
        cell.pop("attachments", None) if cell.cell_type == "raw" else None
        if cell.cell_type == "code":
            cell.source = without_ignored(cell.source)
            text = for_students_and_staff(cell.source, self._solution)
            if self._config.get("strip_solutions_from_all_cells") and text != cell.source:
                self._answer(cell, text, "solution")
        self._cells.append(cell)

    def _within(self, cell: NotebookNode, block: str, question: _Question) -> None:
        if block == "TESTS":
            if cell.cell_type != "code":
                raise KitError(f"question {question.name}: a test is no code cell.")
            try:
                question.tests.append(read_test(cell))
            except KitError as error:
                number = len(question.tests) + 1
                raise KitError(f"question {question.name}, test {number}: {error}") from error
        elif block == "PROMPT":
            question.prompts.append(cell.source)
            self._prompts.append(cell.source)
        elif block == "SOLUTION":
            self._solve(cell, question)
        else:
            if cell.cell_type == "code":
                self._keep(cell)
                return
            self._cells.append(cell)
            self._mark(cell, f"{question.name}_text", locked=True)

    def _solve(self, cell: NotebookNode, question: _Question) -> None:
        manual = bool(question.about.get("manual"))
        prompts, question.prompts = question.prompts, []
        if cell.cell_type == "markdown":
            if manual and not question.answers:
                head = "\n\n".join(prompts)
                text = "\n".join(filter(None, [head, self._region(cell.source)]))
                self._answer(cell, text, question.name, graded=question)
                self._cells.append(cell)
                question.answers.append(cell)
            elif manual:  # a further part of the same model answer
                first = question.answers[0]
                first.source = first.source.replace(
                    self._solution.end, f"\n{cell.source}\n{self._solution.end}"
                )
            return  # otter takes it out of the students' notebook
        cell.source = without_ignored(cell.source)
        text = for_students_and_staff(cell.source, self._solution)
        if prompts:
            text = f"{_commented(prompts)}\n{self._region(cell.source)}"
        graded = question if manual and not question.answers else None
        if text != cell.source or graded:
            if text == cell.source:  # without a region nbgrader would take all of it out
                text += f"\n{self._region('')}"
            name = question.name if graded else f"{question.name}_solution"
            self._answer(cell, text, name, graded=graded)
            question.answers.append(cell)
        self._cells.append(cell)

    def _region(self, text: str) -> str:
        return "\n".join([self._solution.begin, text, self._solution.end])

    def _answer(
        self, cell: NotebookNode, text: str, name: str, graded: _Question | None = None
    ) -> None:
        cell.source = text
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        more = {}
        if graded is not None:
            points = graded.about.get("points")
            if points is None:
                self._said.append(
                    f"{graded.name}: no points are given, and otter counts 0. Write them into the source, "
                    f"in the metadata of `{graded.name}`"
                )
            more = {"grade": True, "points": points or 0}
        self._mark(cell, name, solution=True, **more)

    def _close(self, question: _Question) -> None:
        if question.about.get("manual"):
            if not question.answers:
                cell = new_markdown_cell()
                head = "\n\n".join(question.prompts) or _ANSWER
                self._answer(cell, f"{head}\n{self._region('')}", question.name, graded=question)
                self._cells.append(cell)
            if question.tests:
                self._said.append(f"{question.name}: a person marks it; its tests were left out")
            return
        for text in question.prompts:
            self._cells.append(new_code_cell(text))
        if not question.tests:
            self._said.append(f"{question.name}: there is no test, so nothing is judged")
            return
        points = points_of(question.about.get("points"), question.tests)
        if question.about.get("all_or_nothing"):
            self._grade(question.name, question.tests, sum(points))
            return
        alone = len(points) == 1
        for number, (test, worth) in enumerate(zip(question.tests, points, strict=True), 1):
            name = question.name if alone else f"{question.name}_{number}"
            self._grade(name, [test], worth, number)

    def _grade(self, name: str, tests: list[TestCell], points: float, first: int = 1) -> None:
        in_functions = self._asks_functions()
        parts = []
        for number, test in enumerate(tests, first):
            try:
                text = as_grade_cell(test, in_functions, self._names, self._helpers)
            except KitError as error:
                raise KitError(f"test {number}: {error}") from error
            if test.hidden:
                text = "\n".join([self._hidden.begin, text, self._hidden.end])
            parts.append(text)
        if all(test.hidden for test in tests):
            if not points:
                self._said.append(f"{name}: a hidden test without points was left out")
                return
            parts.insert(0, "# Here stands a test that is not in your notebook.")
        cell = new_code_cell("\n\n".join(parts))
        self._cells.append(cell)
        if points:
            self._mark(cell, name, grade=True, locked=True, points=round(points, 6))
        else:
            self._mark(cell, name, locked=True)

    def _asks_functions(self) -> bool:
        tests = self._config.get("tests")
        return isinstance(tests, dict) and tests.get("ok_format") is False

    def _mark(self, cell: NotebookNode, name: str, **about: Any) -> None:
        base = grade_id = SAFE_ID.sub("_", name)
        number = 2
        while grade_id in self._ids:
            grade_id, number = f"{base}-{number}", number + 1
        self._ids.add(grade_id)
        standard = {"schema_version": 3, "grade": False, "solution": False, "locked": False}
        cell.metadata["nbgrader"] = NotebookNode(
            {**standard, "task": False, "grade_id": grade_id, **about}
        )

    def _seeded(self) -> list[NotebookNode]:
        """The cells with otter's seeds: the students' value in them, that of the grading set before each."""
        seed, generate = self._config.get("seed"), self._config.get("generate")
        seed = seed if isinstance(seed, dict) else {}
        generate = generate if isinstance(generate, dict) else {}
        variable, judged = seed.get("variable"), seed.get("autograder_value")
        if variable is None:
            variable, judged = generate.get("seed_variable"), generate.get("seed")
        elif seed.get("student_value") is not None:
            line = re.compile(rf"^([ \t]*){re.escape(str(variable))}[ \t]*=(?!=).*$", re.MULTILINE)
            for cell in self._cells:
                if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade"):
                    cell.source = line.sub(
                        rf"\g<1>{variable} = {seed['student_value']!r}", cell.source
                    )
        if not isinstance(judged, int):
            return self._cells
        made = new_code_cell(seed_cell(variable, judged, self._hidden))
        self._mark(made, SEED_ID, grade=True, locked=True, points=0)
        return [made, *self._cells]

    def _left_out(self) -> list[str]:
        said = [f"{key}: {text}" for key, text in _LEFT_OUT.items() if self._config.get(key)]
        for file in self._config.get("files") or []:
            if not any(
                f == str(file) or f.startswith(f"{str(file).rstrip('/')}/") for f in self._files
            ):
                said.append(f"files: {file} does not lie beside the notebook. Put it there")
        for file in self._config.get("autograder_files") or []:
            said.append(
                f"autograder_files: what lies beside the notebook is handed out. Move {file} away if "
                "students must not have it"
            )
        return said


def _unfenced(cells: Iterable[NotebookNode]) -> list[NotebookNode]:
    """The cells, with otter's fenced blocks in markdown (for editors without raw cells) as raw cells."""
    from nbformat.v4 import new_raw_cell

    found: list[NotebookNode] = []
    for cell in cells:
        parts = _FENCE.split(cell.source) if cell.cell_type == "markdown" else []
        if len(parts) < 2:
            found.append(cell)
            continue
        for number, text in enumerate(parts):
            if text.strip():
                found.append(
                    new_raw_cell(text) if number % 2 else new_markdown_cell(text.strip("\n"))
                )
    return found


def _as_comments(marks: Delimiters) -> Delimiters:
    """Delimiters as they are written: nbgrader asks for the words alone, and Python for a comment."""
    begin, end = (
        text if text.startswith("#") else f"### {text}" for text in (marks.begin, marks.end)
    )
    return Delimiters(begin, end)


def _mark(cell: NotebookNode) -> tuple[str, str] | None:
    match = _MARK.match(cell.source) if cell.cell_type == "raw" else None
    return (match[1].upper(), match[2].upper()) if match else None


def _commented(texts: Iterable[str]) -> str:
    lines = "\n".join(texts).split("\n")
    return "\n".join(f"# {line}".rstrip() for line in lines)
