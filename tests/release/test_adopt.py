"""nbgrader's own example course, taken over as it is: the marks of stock nbgrader through every door."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import nbformat
import nbgrader
import pytest

from autograder.autograde.records import load_card
from autograder.course import load_course
from autograder.course.course import CONFIG
from autograder.course.unhonoured import unhonoured
from autograder.errors import KitError
from autograder.release import adopt as engine
from autograder.release.adopt import NBGRADER_CONFIG, adopt, connect
from tests import kept
from tests.doors import autograder, formgrader, nbgrader_autograde, run
from tests.tiny_course import cell, notebook, tiny_source

EXAMPLE = Path(nbgrader.__file__).parent / "docs/source/user_guide"
OWN_CONFIG = 'c = get_config()\nc.IncludeHeaderFooter.header = "source/header.ipynb"\n'
# As stock `nbgrader autograde` 0.9.6 gives them, to the same submissions of nbgrader's own.
MARKS = {
    "bitdiddle": {
        "correct_squares": 0.0,
        "squares_invalid_input": 1.0,
        "correct_sum_of_squares": 0.0,
        "sum_of_squares_uses_squares": 0.5,
        "sum_of_squares_equation": None,
        "sum_of_squares_application": 0.0,
        "cell-938593c4a215c6cc": None,
        "part-a": None,
        "part-b": None,
    },
    "hacker": {
        "correct_squares": 1.0,
        "squares_invalid_input": 1.0,
        "correct_sum_of_squares": 0.5,
        "sum_of_squares_uses_squares": 0.5,
        "sum_of_squares_equation": None,
        "sum_of_squares_application": None,
        "cell-938593c4a215c6cc": None,
        "part-a": None,
        "part-b": None,
    },
}
ASSIGNMENTS = ("ps1", "ps1_autotest")
UNMARKED = {"ps1": {}, "ps1_autotest": {"cell-6e9ff83aa5dfaf17": 0.0}}  # worth nothing


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nbgrader's example, adopted, with a header and with AUTOTEST."""
    root = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE / "source", root / "source")
    shutil.copy(EXAMPLE / "autotests.yml", root)
    for student in MARKS:
        for assignment in ASSIGNMENTS:
            shutil.copytree(
                EXAMPLE / f"submitted/{student}/ps1", root / f"submitted/{student}/{assignment}"
            )
    (root / NBGRADER_CONFIG).write_text(OWN_CONFIG)
    done = run(["-m", "autograder", "adopt"], root)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "the tests in its cell" in done.stdout
    assert "in place of" not in done.stdout
    return root


@pytest.fixture(scope="module")
def graded(example: Path) -> Path:
    for assignment in ASSIGNMENTS:
        autograder(example, "grade", assignment)
    return example


def marks(root: Path, assignment: str) -> dict[str, dict[str, float | None]]:
    """The points that were given automatically, by student and item; None where a person is waited for."""
    seen: dict[str, dict[str, float | None]] = {}
    for key, row in kept.rows(root, assignment).items():
        if "grade" in key:
            assert row[-1] is (row[0] is None), key  # it waits for a person
            seen.setdefault(key[0], {})[key[-1]] = row[0]
    return seen


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_marks_are_stock_nbgraders(graded: Path, assignment: str) -> None:
    wanted = {student: {**rows, **UNMARKED[assignment]} for student, rows in MARKS.items()}
    assert marks(graded, assignment) == wanted


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_nbgraders_own_doors_give_the_same(graded: Path, assignment: str, tmp_path: Path) -> None:
    wanted = kept.rows(graded, assignment)
    shutil.copytree(graded, tmp_path, dirs_exist_ok=True)
    for made in ("autograded", "records/scorecards", "records/ledger.db"):
        path = tmp_path / made
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with closing(sqlite3.connect(tmp_path / "records/gradebook.db")) as book:
        book.execute("update grade set auto_score = null, needs_manual_grade = 0")
        book.commit()
    if assignment == "ps1":
        said = formgrader(tmp_path, assignment, [*MARKS], tmp_path)
        assert [entry["success"] for entry in said] == [True] * len(MARKS), said
    else:
        nbgrader_autograde([assignment], tmp_path)
    assert kept.differences(wanted, kept.rows(tmp_path, assignment)) == []


def test_each_item_says_what_judged_it(graded: Path) -> None:
    card = load_card(load_course(graded), "ps1", "hacker")
    assert card is not None
    judges = {item.grade_id: item.judged_by for item in card.items}
    assert judges["correct_squares"] == "tests in the notebook"
    assert judges["part-a"] == "a person"


def test_a_second_time_changes_nothing(graded: Path) -> None:
    def state() -> dict[str, bytes]:
        kinds = ("source/**/*", "graders/**/*", "release/**/*", "*.py")
        paths = [path for kind in kinds for path in graded.glob(kind) if path.is_file()]
        return {str(path.relative_to(graded)): path.read_bytes() for path in paths}

    before, rows = state(), kept.rows(graded, "ps1")
    said = " ".join(autograder(graded, "adopt").stdout.split())
    assert said.count("released already, and left alone") == 2
    assert "written" not in said
    assert state() == before
    assert kept.rows(graded, "ps1") == rows


def test_nbgrader_writes_tests_into_a_hidden_region_of_the_same_cell(tmp_path: Path) -> None:
    """Students get those above it; all judge, as nbgrader keeps them in its gradebook."""
    from nbgrader.api import Gradebook

    nbgrader_course(tmp_path)
    shutil.copy(EXAMPLE / "autotests.yml", tmp_path)
    tests = (
        "### AUTOTEST double(3)\n### HASHED AUTOTEST double(4); double(5)\n### BEGIN HIDDEN TESTS\n"
        "### AUTOTEST double(86413)\n### HASHED AUTOTEST double(86414)\n### END HIDDEN TESTS"
    )
    locked = {"grade": True, "locked": True, "points": 2}
    solution = "def double(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION"
    source = notebook(
        cell("code", solution, "double", solution=True),
        cell("code", tests, "double_tests", **locked),
    )
    (tmp_path / "source/tiny/tiny.ipynb").write_text(json.dumps(source))
    done = run(["-m", "autograder", "adopt"], tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    released = tmp_path / "release/tiny/tiny.ipynb"
    assert "double(3)" in released.read_text()
    assert "double(5)" in released.read_text()
    assert "8641" not in released.read_text()

    course = load_course(tmp_path)
    text = course.notebooks("tiny")["tiny"].tests(["double_tests"])["double_tests"]
    with Gradebook(course.config.CourseDirectory.db_url) as book:
        assert text == book.find_source_cell("double_tests", "tiny", "tiny").source

    for student, body in {"ada": "x + x", "bob": "2 * x if x < 9 else print(x) or 0"}.items():
        handed_in = json.loads(released.read_text())
        handed_in["cells"][0]["source"] = f"def double(x):\n    return {body}"
        folder = tmp_path / f"submitted/{student}/tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").write_text(json.dumps(handed_in))
    for command in ("grade", "feedback"):
        autograder(tmp_path, command, "tiny")
    assert marks(tmp_path, "tiny") == {
        "ada": {"double_tests": 2.0},
        "bob": {"double_tests": 0.0},
    }
    pages = [*tmp_path.glob("feedback/**/*.html")]
    assert sum(page.name == "tiny.html" for page in pages) == 2  # beside their overviews
    assert not any(
        secret in page.read_text() for page in pages for secret in ("86413", "86414", "172826")
    )

    released.write_text(released.read_text().replace("double(3)", "double(4)"))
    with pytest.raises(KitError, match="Release it with `autograder release`"):
        load_course(tmp_path).notebooks("tiny")["tiny"].tests(["double_tests"])


# --- what is there already ------------------------------------------------------------------------------------


def nbgrader_course(root: Path, config: str = "c = get_config()\n") -> Path:
    """A course that knows nothing of the kit."""
    folder = root / "source/tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(json.dumps(tiny_source()))
    (root / NBGRADER_CONFIG).write_text(config)
    return root


def test_the_courses_own_settings_keep_their_effect(tmp_path: Path) -> None:
    own = (
        'c = get_config()\nc.CourseDirectory.release_directory = "handout"\n'
        'c.CourseDirectory.source_directory = "solutions"\n'
        'c.ClearSolutions.code_stub = {"python": "..."}\nc.Execute.timeout = 300\n'
        'c.Execute.kernel_name = "lab"\nc.CourseDirectory.db_assignments = []\n'
    )
    nbgrader_course(tmp_path, own)
    (tmp_path / "source").rename(tmp_path / "solutions")
    connect(tmp_path)
    course = load_course(tmp_path)
    assert course.assignments() == ["tiny"]
    assert course.release("tiny") == tmp_path / "handout/tiny"
    assert course.config.ClearSolutions.code_stub == {"python": "..."}
    assert (tmp_path / NBGRADER_CONFIG).read_text().endswith(own)
    assert connect(tmp_path) == []
    removed, said = unhonoured(course)
    assert said.startswith(f"c.Execute.kernel_name in {NBGRADER_CONFIG} has no effect")
    assert removed.endswith("is no setting, so nothing reads it. Take it out.")


def test_a_course_that_cannot_be_read_is_left_as_it_was(tmp_path: Path) -> None:
    result = autograder(tmp_path, "adopt", code=2)
    assert "is no nbgrader course" in result.output
    assert list(tmp_path.glob("*.py")) == []
    nbgrader_course(tmp_path, "c = get_config(\n")
    result = autograder(tmp_path, "adopt", code=2)
    assert "cannot be read: SyntaxError" in result.output
    assert not (tmp_path / CONFIG).exists()
    assert (tmp_path / NBGRADER_CONFIG).read_text() == "c = get_config(\n"


def test_a_run_that_was_stopped_is_gone_on_with(
    tmp_path: Path,
) -> None:
    """Between any two steps: the head is written once, and the gradebook is there before the kit knows the course."""
    nbgrader_course(tmp_path)
    (tmp_path / "gradebook.db").touch()
    whole = vars(engine)["write_whole"]

    def stops(path: Path, text: str) -> None:
        if path.name == CONFIG:
            os._exit(9)
        whole(path, text)

    child = os.fork()
    if child == 0:
        vars(engine)["write_whole"] = stops
        try:
            connect(tmp_path)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not (tmp_path / CONFIG).exists()
    assert (tmp_path / "records/gradebook.db").is_file()
    connect(tmp_path)
    assert (tmp_path / NBGRADER_CONFIG).read_text().count("configure(c, __file__)") == 1
    assert load_course(tmp_path).assignments() == ["tiny"]


def test_a_gradebook_that_cannot_be_read_stops_it_before_anything_is_written(
    tmp_path: Path,
) -> None:
    nbgrader_course(tmp_path)
    (tmp_path / "gradebook.db").write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(KitError, match="cannot be copied: file is not a database"):
        connect(tmp_path)
    assert not (tmp_path / CONFIG).exists()
    assert list((tmp_path / "records").iterdir()) == []


def test_one_damaged_assignment_keeps_no_other_back(tmp_path: Path) -> None:
    nbgrader_course(tmp_path)
    (tmp_path / "source/broken").mkdir()
    (tmp_path / "source/broken/broken.ipynb").write_text("{")
    result = autograder(tmp_path, "adopt", code=1)
    assert "broken.ipynb cannot be read" in result.output
    assert "graders/tiny/contract.toml: written" in result.output


def test_a_gradebook_at_nbgraders_place_goes_on_in_records(tmp_path: Path) -> None:
    from nbgrader.api import Gradebook

    nbgrader_course(tmp_path)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        book.add_student("ada", email="ada@example.org")
    assert any("a copy of gradebook.db" in text for text in connect(tmp_path))
    with Gradebook(f"sqlite:///{tmp_path / 'records/gradebook.db'}") as book:
        assert book.find_student("ada").email == "ada@example.org"
    assert (tmp_path / "gradebook.db").is_file()


def test_old_metadata_and_missing_kernels_are_mended_and_kept_as_they_were(tmp_path: Path) -> None:
    nbgrader_course(tmp_path)
    path = tmp_path / "source/tiny/tiny.ipynb"
    old = tiny_source()
    del old["metadata"]["kernelspec"]
    for entry in old["cells"]:
        about = entry["metadata"].get("nbgrader")
        if about:
            about.pop("task")
            about["schema_version"] = 1
    path.write_text(json.dumps(old))
    before = path.read_bytes()
    connect(tmp_path)
    items, changes = adopt(load_course(tmp_path), "tiny")
    said = "\n".join(changes)
    assert "nbgrader's metadata brought up to date" in said
    assert "its kernelspec is `python3`" in said
    assert (tmp_path / "records/before_adoption/tiny/tiny.ipynb").read_bytes() == before
    after = nbformat.read(path, as_version=4)
    assert after.cells[1].metadata.nbgrader.schema_version == 3
    judges = {grade_id: judged_by for _, grade_id, _, judged_by in items}
    assert judges == {
        "double_tests": "the tests in its cell",
        "mean_tests": "the tests in its cell",
        "why": "a person",
    }


def test_notebooks_to_read_keep_their_kernel(tmp_path: Path) -> None:
    nbgrader_course(tmp_path)
    read = notebook(cell("markdown", "# A text"), cell("code", "1 + 1"))
    read["metadata"]["kernelspec"]["name"] = "course-env"
    (tmp_path / "source/tiny/tiny.ipynb").write_text(json.dumps(read))
    (tmp_path / "release/tiny").mkdir(
        parents=True
    )  # by nbgrader, and perhaps with the course's own changes
    result = autograder(tmp_path, "adopt")
    assert "release/tiny, in place of the folder that was there" in result.output.replace("\n", "")
    assert "tiny: notebooks to read; nothing in them is judged" in result.output
    assert (tmp_path / "release/tiny/tiny.ipynb").is_file()
    contract = tmp_path / "graders/tiny/contract.toml"
    contract.write_text(
        'kernel = "course-env"\npublic = ["1 + 1"]\n'
    )  # who has no points writes none
    result = autograder(tmp_path, "release", "tiny")


def test_what_an_untouched_notebook_earns_is_refused_until_it_is_announced(tmp_path: Path) -> None:
    nbgrader_course(tmp_path)
    locked = {"grade": True, "locked": True}
    source = notebook(
        cell(
            "code",
            "def double(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION",
            "double",
            solution=True,
        ),
        cell("code", "assert double(2) == 4", "double_tests", points=2, **locked),
        cell("code", "import math", "warm_up", points=1, **locked),
    )
    (tmp_path / "source/tiny/tiny.ipynb").write_text(json.dumps(source))
    result = autograder(tmp_path, "adopt", code=1)
    assert "list `warm_up` in the contract as `untouched`" in result.output
    contract = tmp_path / "graders/tiny/contract.toml"
    contract.write_text(f'untouched = ["warm_up"]\n{contract.read_text()}')
    result = autograder(tmp_path, "adopt")
    assert (tmp_path / "release/tiny/tiny.ipynb").is_file()
    result = autograder(tmp_path, "release", "tiny")
    assert "2 items are judged by tests in the notebook" in result.output
    result = autograder(tmp_path, "doctor", code=None)
    assert "2 items are judged by tests in the notebook" in result.output.replace("\n", " ")
