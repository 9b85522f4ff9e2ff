"""A new assignment is whole from the start: the gate lets it pass, and it tells right from wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autograder import release
from autograder.autograde.score import score_path
from autograder.calibration.thresholds import fit
from autograder.course import load_course
from autograder.course.judged_by import ids_from_outside
from autograder.errors import KitError
from autograder.release.cases import read_cases, submission_of
from autograder.release.new import new_assignment
from tests.doors import autograder
from tests.tiny_course import CONFIG, TinyCourse

TEMPLATE = Path(release.__file__).parent / "templates" / "training"


@pytest.fixture
def tiny(tmp_path: Path) -> TinyCourse:
    return TinyCourse(tmp_path)


def test_a_new_assignment_passes_the_gate_and_grades(tiny: TinyCourse) -> None:
    made = autograder(tiny.root, "new", "lenses")
    assert "autograder release lenses" in made.output
    released = autograder(tiny.root, "release", "lenses")
    assert "release/lenses.zip" in released.output

    course = load_course(tiny.root)
    (source,) = course.notebooks("lenses").values()
    for case in read_cases(course.cases("lenses")).values():
        path = f"submitted/{case.name}/lenses/{source.name}.ipynb"
        file = tiny.write(path, json.dumps(submission_of(source, [case])))
        card = score_path(course, "lenses", file.parent, case.name)
        assert card.score == (5 if case.right else 1), card.dumps()
        assert case.right or "Over which dimensions" in card.items[0].hint


def test_a_new_training_assignment_passes_the_gate_with_every_case_as_it_says(
    tiny: TinyCourse,
) -> None:
    autograder(tiny.root, "new", "spirals", "--training")
    autograder(tiny.root, "check", "spirals", "--brief")
    autograder(tiny.root, "release", "spirals")
    names = {path.name for path in (tiny.root / "release/spirals").iterdir()}
    assert names == {"1_train.ipynb", "spirals.py", "requirements.txt"}
    course = load_course(tiny.root)
    assert fit(course, "spirals") == []  # its thresholds are those of what it runs
    autograder(tiny.root, "new", "other", "--training", "--for", "x", code=2)


def test_the_page_on_training_checks_shows_the_template_as_it_is() -> None:
    """Every block of code with a file's name as its title stands in that file."""
    page = (Path(__file__).parents[2] / "docs/teach-training.md").read_text()
    shown = re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    assert len(shown) >= 5
    for title, text in shown:
        part = re.sub(r"^(tests/)?(graders|cases)/spirals/", r"\2/", title)
        assert text in (TEMPLATE / part).read_text(), title


@pytest.mark.parametrize(
    "path", ["source/lenses", "graders/lenses", "tests/cases/lenses", "release/lenses"]
)
def test_nothing_is_overwritten(tiny: TinyCourse, path: str) -> None:
    mine = tiny.write(f"{path}/notes.txt", "mine")
    with pytest.raises(KitError, match=r"is there already\. Take another name"):
        new_assignment(load_course(tiny.root), "lenses")
    assert mine.read_text() == "mine"
    assert [str(p.relative_to(tiny.root)) for p in tiny.root.rglob("lenses")] == [path]


@pytest.mark.parametrize("name", ["", ".", "../up", "two words", "-x", "übung", "a" * 62, "a\n"])
def test_a_bad_name_is_refused_with_what_a_good_one_is(tiny: TinyCourse, name: str) -> None:
    with pytest.raises(KitError, match=r"no good name.*Take letters, digits"):
        new_assignment(load_course(tiny.root), name)


def test_hidden_tests_do_not_go_into_the_installed_kit(tiny: TinyCourse) -> None:
    tiny.write("course_config.py", CONFIG.replace('"graders"', '""'))
    with pytest.raises(KitError, match="graders_directory"):
        new_assignment(load_course(tiny.root), "lenses")
    assert not (tiny.root / "source/lenses").exists()


def test_the_start_of_a_hidden_test_for_a_cell_that_is_there(tiny: TinyCourse) -> None:
    path = tiny.root / "graders/tiny/test_tiny.py"
    path.unlink()
    for cell in ("double_tests", "mean_tests"):
        autograder(tiny.root, "new", "--for", cell, "tiny")
    text = path.read_text()
    compile(text, "test_tiny.py", "exec")
    assert text.count("from autograder.grading import Challenge, Student, graded") == 1
    assert "    #     double(2)\n" in text
    assert "student.double(...)" in text
    assert ids_from_outside(path) == {"double_tests", "mean_tests"}
    again = autograder(tiny.root, "new", "--for", "mean_tests", "tiny", code=2)
    assert "has a test of `mean_tests` already" in again.output
    unknown = autograder(tiny.root, "new", "--for", "why", "tiny", code=2)
    assert "has no autograded cell `why` (there: double_tests, mean_tests)" in unknown.output


def test_the_start_of_a_hidden_test_joins_those_that_are_there(tiny: TinyCourse) -> None:
    path = tiny.root / "graders/tiny/test_tiny.py"
    only_double = path.read_text().partition("@probe")[0]
    path.write_text(f'"""Mine."""\n\nfrom __future__ import annotations\n{only_double}')
    autograder(tiny.root, "new", "--for", "mean_tests", "tiny")
    compile(path.read_text(), "test_tiny.py", "exec")
    assert ids_from_outside(path) == {"double_tests", "mean_tests"}
