"""Finding and reading a course: what is wrong is named, with its repair."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course, find_course, load_course, read_source
from autograder.errors import KitError
from tests.tiny_course import TinyCourse, cell, notebook


@pytest.fixture
def tiny(tmp_path: Path) -> TinyCourse:
    return TinyCourse(tmp_path)


def test_a_course_is_found_from_a_folder_inside(tiny: TinyCourse) -> None:
    assert find_course(tiny.root / "source" / "tiny") == tiny.root


def test_outside_of_a_course_the_repair_is_named(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="--course DIR"):
        find_course(tmp_path)
    with pytest.raises(KitError, match=r"no course_config\.py"):
        load_course(tmp_path)


BROKEN = {
    "syntax": ("c = get_config(\n", "SyntaxError"),
    "import": ("import no_such_module\n", "no_such_module"),
    "not connected": ("c = get_config()\n", "configure"),
    "stock": ("c = get_config()\nc.Autograde.exporter_class = 'x.Y'\n", "configure"),
    "exit": ("raise RuntimeError('half done')\n", "half done"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_configuration_is_refused_by_name(text: str, said: str, tiny: TinyCourse) -> None:
    tiny.write("course_config.py", text)
    with pytest.raises(KitError, match=said) as error:
        load_course(tiny.root)
    assert str(tiny.root / "course_config.py") in str(error.value)


def test_a_course_that_may_only_be_read_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a clone is that a container has mounted so, and that nobody has graded in."""

    def refuse(path: Path, **_more: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    made = TinyCourse(tmp_path)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert load_course(made.root).assignments() == ["tiny"]


def test_a_setting_that_is_no_number_is_refused(tiny: TinyCourse) -> None:
    tiny.configure("c.CourseSettings.graders_directory = 5")
    with pytest.raises(KitError, match="graders_directory"):
        load_course(tiny.root)


def test_points_and_kinds_come_from_the_source(tiny: TinyCourse) -> None:
    source = load_course(tiny.root).notebooks("tiny")["tiny"]
    found = [(c.grade_id, c.max_score, c.manual, c.solution) for c in source.grade_cells]
    assert found == [
        ("double_tests", 3.0, False, "double"),
        ("mean_tests", 4.0, False, "mean"),
        ("why", 5.0, True, "why"),
    ]


def test_an_unknown_assignment_is_refused_with_those_that_are_there(tiny: TinyCourse) -> None:
    with pytest.raises(KitError, match=r"no assignment `tinny`.*there: tiny"):
        load_course(tiny.root).notebooks("tinny")


def grade_cell(points: Any) -> dict[str, Any]:
    return cell("code", "1", "a", grade=True, locked=True, points=points)


BAD_SOURCES: dict[str, tuple[Any, str]] = {
    "no notebook": ({"a": 1}, "cannot be read"),
    "one id twice": (notebook(grade_cell(1), grade_cell(1)), "two cells have the grade_id `a`"),
    "points missing": (notebook(cell("code", "1", "a", grade=True)), "points None"),
    "points a word": (notebook(grade_cell("five")), "points 'five'"),
    "points true": (notebook(grade_cell(True)), "points True"),
    "points negative": (notebook(grade_cell(-1)), "points -1"),
    "points NaN": (notebook(grade_cell(float("nan"))), "points nan"),
    "points infinite": (notebook(grade_cell(float("inf"))), "points inf"),
}


@pytest.mark.parametrize(("data", "said"), BAD_SOURCES.values(), ids=BAD_SOURCES)
def test_a_damaged_source_is_refused_by_name(data: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps(data))
    with pytest.raises(KitError, match=said):
        read_source(path)


def test_a_released_cell_holds_no_solution_and_no_hidden_test(tmp_path: Path) -> None:
    hidden = "1\n### BEGIN HIDDEN TESTS\nassert secret == 5\n### END HIDDEN TESTS\n2"
    solved = "def f():\n    ### BEGIN SOLUTION\n    return 5\n    ### END SOLUTION\n"
    path = tmp_path / "tiny.ipynb"
    data = notebook(
        cell("code", solved, "f", solution=True),
        cell("code", hidden, "g", grade=True, locked=True, points=1),
    )
    path.write_text(json.dumps(data))
    cells = read_source(path).released_cells()
    assert "return 5" not in cells["f"].source
    assert "raise NotImplementedError()" in cells["f"].source
    assert "secret" not in cells["g"].source
    assert cells["g"].source.split() == ["1", "2"]


@pytest.fixture
def course(tiny: TinyCourse) -> Course:
    return load_course(tiny.root)


def test_the_secret_is_made_once_and_closed_to_others(course: Course) -> None:
    first = course.secret()
    assert len(first) == 64
    assert course.secret() == first
    assert (course.records / "secret").stat().st_mode & 0o777 == 0o600
    assert course.records.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in course.records.glob("secret*")] == ["secret"]


def test_two_courses_have_two_secrets(tmp_path: Path) -> None:
    made = [load_course(TinyCourse(tmp_path / name).root).secret() for name in ("a", "b")]
    assert made[0] != made[1]


def test_threads_that_start_at_once_get_one_secret(course: Course) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: course.secret(), range(64)))
    assert len(found) == 1


ASK = """
import sys
from pathlib import Path
from autograder.course import load_course

course = load_course(Path(sys.argv[1]))
input()
print(course.secret().decode())
"""


def test_processes_that_start_at_once_get_one_secret(course: Course) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(course.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0].strip() for process in running}
    assert said == {course.secret().decode()}


def test_an_empty_secret_is_refused_for_everyone_could_know_it(course: Course) -> None:
    course.secret()
    (course.records / "secret").write_text("\n")
    with pytest.raises(KitError, match="secret"):
        course.secret()
