"""A source notebook of otter-assign, taken over: its marks are otter's, and nothing is lost without a word."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from autograder.course import load_course, read_source, repair
from autograder.course.markers import Markers
from autograder.course.otter_checks import SEED_ID
from autograder.errors import KitError
from autograder.release.adopt import adopt, connect
from autograder.release.otter import from_otter, is_otter
from autograder.release.otter_tests import TestCell, points_of
from tests import kept
from tests.doors import autograder


def shows(source: str, result: str = "", printed: str = "") -> NotebookNode:
    """A test cell that was run."""
    outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
    if result:
        outputs.append(new_output("execute_result", data={"text/plain": result}))
    return new_code_cell(source, outputs=outputs, execution_count=1)


def question(
    about: str, *solution: NotebookNode, tests: list[NotebookNode], prompt: str = ""
) -> list[NotebookNode]:
    made = [new_raw_cell(f"# BEGIN QUESTION\n{about}"), new_markdown_cell("What is asked.")]
    if prompt:
        ends = [new_raw_cell(f"# {end} PROMPT") for end in ("BEGIN", "END")]
        made += [ends[0], new_markdown_cell(prompt), ends[1]]
    made += [new_raw_cell("# BEGIN SOLUTION"), *solution, new_raw_cell("# END SOLUTION")]
    if tests:
        made += [new_raw_cell("# BEGIN TESTS"), *tests, new_raw_cell("# END TESTS")]
    return [*made, new_raw_cell("# END QUESTION")]


def source(*questions: list[NotebookNode], config: str = "") -> NotebookNode:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_raw_cell(f"# ASSIGNMENT CONFIG\n{config}"), *chain(*questions)]
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


DOUBLE = "def double(x):\n    # BEGIN SOLUTION\n    return x + x\n    # END SOLUTION"
HALF = 'half = 3 / 2  # SOLUTION\n""" # BEGIN PROMPT\nhalf = ...\n""" # END PROMPT'
WARNING = "import warnings\nwarnings.warn('look')\nassert double(3) == 6"
MESSAGE = '""" # BEGIN TEST CONFIG\nfailure_message: Is the sign kept?\n""" # END TEST CONFIG\n'
WHOLE = [
    question(
        "name: q1\npoints: 4",
        new_code_cell(DOUBLE),
        tests=[
            shows("double(2)", "4"),
            shows(f"{MESSAGE}x = double(-1)\nassert x == -2"),
            shows(f"# HIDDEN\n{WARNING}"),
            shows("# HIDDEN\nprint(double('a'))", printed="aa\n"),
        ],
    ),
    question(
        "name: q2\nall_or_nothing: true\npoints: [1, 2]",
        new_code_cell(HALF),
        tests=[shows("half > 1", "True"), shows("# HIDDEN\nhalf", "1.5")],
    ),
    question(
        "name: q3\nmanual: true\npoints: 3",
        new_markdown_cell("The two halves of a whole thing weigh alike."),
        tests=[],
        prompt="The two halves of a whole thing weigh …",  # no secret, though the answer says it, too
    ),
    question(
        "name: q4",
        new_code_cell("import random\ndraw = random.random()  # SOLUTION"),
        tests=[shows("# HIDDEN\nround(draw, 6)", f"{Random(3).random():.6f}")],
    ),
]
ANSWERS = {
    "right": {
        "q1": "def double(x):\n    return 2 * x",
        "q2": "half = 1.5",
        "q4": "import random as r\ndraw = r.random()",
    },
    "partly": {
        "q1": "def double(x):\n    return 4 if x == 2 else 'aa'",
        "q2": "half = 2",
        "q4": "draw = 1",
    },
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course of one otter notebook, adopted, with submissions of both kinds of release."""
    root = tmp_path_factory.mktemp("otter")
    path = root / "source/lab/lab.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(source(*WHOLE, config="generate:\n    seed: 3\nexport_cell: true"), path)
    said = " ".join(autograder(root, "adopt").stdout.split())
    assert "made from otter-assign's form" in said
    assert "export_cell: students hand in the notebook itself" in said
    for student in ("right", "partly", "untouched"):
        for ours in (True, False):
            notebook = _handed_in(root, ANSWERS.get(student), ours)
            file = root / f"submitted/{student}{'' if ours else '_by_otter'}/lab/lab.ipynb"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(notebook))
    unchecked = _handed_in(root, ANSWERS["right"], False)
    unchecked["cells"] = [cell for cell in unchecked["cells"] if "check" not in cell.source]
    unchecked["cells"].insert(1, new_code_cell('grader.check("q1")'))  # before there is an answer
    unchecked["cells"].insert(4, new_code_cell('grader.check("q1")'))
    file = root / "submitted/unchecked_by_otter/lab/lab.ipynb"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(unchecked))
    autograder(root, "grade", "lab")
    return root


def _handed_in(root: Path, answers: dict[str, str] | None, ours: bool) -> dict[str, Any]:
    if ours:
        notebook = json.loads((root / "release/lab/lab.ipynb").read_text())
        for cell in notebook["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if answers and str(name).removesuffix("_solution") in answers:
                cell["source"] = answers[name.removesuffix("_solution")]
            elif answers and name == "q3":
                cell["source"] = "My reason."
        return dict(notebook)
    untouched = {
        "q1": "def double(x):\n    ...",
        "q2": "half = ...",
        "q4": "import random\ndraw = ...",
    }
    given = answers or untouched
    text = new_markdown_cell(
        "My reason." if answers else "_Type your answer here, replacing this text._"
    )
    cells = [
        new_code_cell('# Initialize Otter\nimport otter\ngrader = otter.Notebook("lab.ipynb")'),
        new_markdown_cell("What is asked."),
        new_code_cell(given["q1"], metadata={"tags": ["otter_answer_cell"]}),
        new_code_cell('grader.check("q1")'),
        new_markdown_cell("What is asked."),
        new_code_cell(given["q2"], metadata={"tags": ["otter_answer_cell"]}),
        new_code_cell('grader.check("q2")'),
        new_markdown_cell("What is asked."),
        text,
        new_code_cell(given["q4"], metadata={"tags": ["otter_answer_cell"]}),
        new_code_cell('grader.check("q4")'),
    ]
    return dict(new_notebook(cells=cells))


def marks(root: Path, student: str) -> dict[str, float | None]:
    """The points in the gradebook, by item; None where a person is waited for."""
    rows = kept.rows(root, "lab").items()
    return {key[-1]: row[0] for key, row in rows if "grade" in key and key[0] == student}


@pytest.mark.parametrize("release", ["", "_by_otter"])
@pytest.mark.parametrize(
    ("student", "wanted"),
    [
        ("right", {"q1_1": 1, "q1_2": 1, "q1_3": 1, "q1_4": 1, "q2": 3, "q4": 1}),
        ("partly", {"q1_1": 1, "q1_2": 0, "q1_3": 0, "q1_4": 1, "q2": 0, "q4": 0}),
        ("untouched", {"q1_1": 0, "q1_2": 0, "q1_3": 0, "q1_4": 0, "q2": 0, "q4": 0}),
    ],
)
def test_the_marks_are_otters(
    course: Path, student: str, release: str, wanted: dict[str, float]
) -> None:
    seen = marks(course, f"{student}{release}")
    del seen["q3"], seen[SEED_ID]
    assert seen == wanted


@pytest.mark.parametrize("student", ["right", "right_by_otter", "partly_by_otter"])
def test_a_written_answer_waits_for_a_person(course: Path, student: str) -> None:
    assert marks(course, student)["q3"] is None


def test_students_get_prompts_and_messages_and_nothing_hidden(course: Path) -> None:
    text = (course / "release/lab/lab.ipynb").read_text()
    assert "# half = ..." in text
    assert "Is the sign kept?" in text
    for secret in ("3 / 2", "x + x", "warnings.warn", "double('a')", "weigh alike"):
        assert secret not in text
    before = nbformat.read(course / "records/before_adoption/lab/lab.ipynb", as_version=4)
    assert is_otter(before)


def converted(*questions: list[NotebookNode], config: str = "") -> tuple[NotebookNode, str]:
    notebook, said, _ = from_otter(source(*questions, config=config), Markers(), ["data.csv"])
    return notebook, "\n".join(said)


@pytest.mark.parametrize(
    "test",
    [new_code_cell("half == 1.5"), new_code_cell("print(half)"), new_code_cell("check_it(half)")],
    ids=["value", "print", "call"],
)
def test_a_test_whose_output_was_stripped_is_refused(test: NotebookNode) -> None:
    with pytest.raises(KitError, match=r"question q1: test 1: otter takes .* there is none"):
        converted(question("name: q1", new_code_cell(HALF), tests=[test]))


def test_a_value_that_nothing_is_held_against_is_refused() -> None:
    with pytest.raises(KitError, match="line 1 shows a value"):
        converted(question("name: q1", new_code_cell(HALF), tests=[shows("half > 1\nhalf", "1.5")]))


def test_functions_that_otter_calls_itself_are_called() -> None:
    test = new_code_cell("def test_it(double, env):\n    assert double(2) == env['four']")
    config = "tests:\n    ok_format: false"
    notebook, _ = converted(
        question("name: q1", new_code_cell(DOUBLE), tests=[test]), config=config
    )
    names: dict[str, Any] = {"double": lambda x: x, "four": 4}
    with pytest.raises(AssertionError):
        exec(notebook.cells[-1].source.rstrip(";"), names)
    exec(notebook.cells[-1].source, {**names, "double": lambda x: 2 * x})


def test_a_test_leaves_the_students_names_as_they_are() -> None:
    test = shows("half = 1\nassert half == 1")
    notebook, _ = converted(question("name: q1", new_code_cell(HALF), tests=[test]))
    names = {"half": 1.5}
    exec(notebook.cells[-1].source, names)
    assert names["half"] == 1.5


def test_the_seed_is_the_students_in_the_release() -> None:
    first = [new_code_cell("s = 1")]
    config = "seed:\n    variable: s\n    student_value: 7\n    autograder_value: 9"
    notebook, _ = converted(
        first, question("name: q1", new_code_cell(HALF), tests=[]), config=config
    )
    assert notebook.cells[1].source == "s = 7"
    hidden = notebook.cells[0].source.split("\n")[1:]
    assert (hidden[0], hidden[-1]) == ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
    assert "    get_ipython().user_ns['s'] = 9" in hidden


def test_a_hand_in_of_otters_release_has_the_seed_before_its_first_cell(tmp_path: Path) -> None:
    """What a given cell draws is seeded, too."""
    given = [new_code_cell("import random\ndrawn = random.random()")]
    asked = question("name: q1", new_code_cell(HALF), tests=[shows("half", "1.5")])
    notebook, _ = converted(given, asked, config="generate:\n    seed: 3")
    path = tmp_path / "lab.ipynb"
    nbformat.write(notebook, path)
    cells = [*given, new_code_cell("half = 1.5"), new_code_cell('grader.check("q1")')]
    repaired = repair(new_notebook(cells=cells), read_source(path))
    assert [name for name in repaired.grade_ids if name] == [SEED_ID, "q1_solution", "q1"]
    assert repaired.grade_ids[0] == SEED_ID


def test_prompts_are_public_even_where_a_run_was_stopped_before_the_contract(
    tmp_path: Path,
) -> None:
    path = tmp_path / "source/lab/lab.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(source(WHOLE[2]), path)
    connect(tmp_path)
    course = load_course(tmp_path)
    adopt(course, "lab")
    contract = tmp_path / "graders/lab/contract.toml"
    whole = contract.read_text()
    assert "weigh" in whole
    contract.unlink()
    adopt(course, "lab")
    assert contract.read_text() == whole


def test_the_older_form_is_refused_and_not_handed_out(tmp_path: Path) -> None:
    """Its solutions stand in cells that nothing marks."""
    cells = [
        new_markdown_cell("**Question 1**\n\n```\nBEGIN QUESTION\nname: q1\n```"),
        new_code_cell("x = 2 # SOLUTION"),
        shows("# TEST\nx", "2"),
    ]
    path = tmp_path / "source/lab/lab.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells), path)
    result = autograder(tmp_path, "adopt", code=1)
    assert "questions stand in Markdown cells" in result.output
    assert not (tmp_path / "release").exists()


def test_what_has_no_counterpart_is_named() -> None:
    config = "plugins: [rate]\nfiles: [data.csv, more.csv]\nautograder_files: [key.csv]"
    _, said = converted(question("name: q1", new_code_cell(HALF), tests=[]), config=config)
    for text in ("plugins", "more.csv", "key.csv", "q1: there is no test"):
        assert text in said
    assert "files: data.csv" not in said


@pytest.mark.parametrize(
    ("points", "own", "wanted"),
    [
        (None, [None, None], [0.5, 0.5]),
        (None, [None, 2], [0, 2]),
        (4, [None, 1, None], [1.5, 1, 1.5]),
        ([1, 0], [None, 5], [1, 0]),
        ({"each": 2}, [None, None], [2, 2]),
        (None, [0, None], [0, 1]),
        (0.3, [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]),
        (None, [None, None, None, 0], [0.333333, 0.333333, 0.333334, 0]),
    ],
)
def test_points_are_shared_as_otter_does(
    points: object, own: list[float | None], wanted: list[float]
) -> None:
    assert points_of(points, [TestCell("", points=value) for value in own]) == wanted


def test_points_that_contradict_each_other_are_refused() -> None:
    for points in ([1], 1):
        with pytest.raises(KitError, match="points"):
            points_of(points, [TestCell("", points=2), TestCell("")])


def test_a_check_that_was_deleted_and_one_that_stands_too_early_cost_nothing(course: Path) -> None:
    assert sum(points or 0 for points in marks(course, "unchecked_by_otter").values()) == 8
