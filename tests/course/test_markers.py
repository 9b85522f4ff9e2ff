"""What graders take for the released text of a cell is what nbgrader puts into the release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from traitlets.config import Config

from autograder.course import Course, load_course, read_source, repair
from autograder.course.cells import grade_id_of
from autograder.course.claims import is_untouched
from autograder.course.converters import run_converter
from autograder.course.markers import Delimiters, Markers
from autograder.errors import KitError
from tests.tiny_course import TinyCourse, cell, notebook

STUB = """c.ClearSolutions.code_stub = {
    "python": "raise NotImplementedError('yours')",
    "R": "fail('yours')",
}
c.ClearSolutions.text_stub = "Write here."
"""
OTHER_WORDS = """c.ClearSolutions.begin_solution_delimeter = "<solution>"
c.ClearSolutions.end_solution_delimeter = "</solution>"
c.ClearHiddenTests.begin_test_delimeter = "<hidden>"
c.ClearHiddenTests.end_test_delimeter = "</hidden>"
c.ClearMarkScheme.begin_mark_scheme_delimeter = "<scheme>"
c.ClearMarkScheme.end_mark_scheme_delimeter = "</scheme>"
"""
HEADER = 'c.IncludeHeaderFooter.header = "source/header.ipynb"\n'


def solution(text: str, kind: str = "code", **about: Any) -> dict[str, Any]:
    return cell(kind, text, "a", solution=True, **about)


def checks(text: str) -> dict[str, Any]:
    return cell("code", text, "t", grade=True, locked=True, points=1)


def task(text: str, grade_id: str = "k") -> dict[str, Any]:
    return cell("markdown", text, grade_id, task=True, locked=True, points=2)


def written(
    *cells: dict[str, Any], config: str = "", language: str = ""
) -> tuple[str, list[dict[str, Any]], str]:
    """What a course's configuration says more, the cells of its notebook, and their language."""
    return config, [*cells], language


CASES = {
    "one number sign": written(
        solution("def f():\n    # BEGIN SOLUTION\n    1\n    # END SOLUTION\n")
    ),
    "no number sign, words around": written(
        solution("x = 0  # the BEGIN SOLUTION of all\ny = 1\n'''END SOLUTION.'''\nz = 2")
    ),
    "several regions, one inside a loop": written(
        solution(
            "def f(x):\n    ### BEGIN SOLUTION\n    y = 1\n    ### END SOLUTION\n"
            "    for i in x:\n\t\t### BEGIN SOLUTION\n\t\ty += i\n\t\t### END SOLUTION\n    return y\n"
        )
    ),
    "end less indented than begin": written(
        solution("def f():\n        ### BEGIN SOLUTION\n    a\n### END SOLUTION\n\n\nf()")
    ),
    "a whole cell": written(solution("def f():\n    return 4\n")),
    "a whole answer": written(solution("Since it is.", "markdown", grade=True, points=3)),
    "an answer by region": written(
        solution(
            "**Why?**\n\n  ### BEGIN SOLUTION\nSo.\n### END SOLUTION",
            "markdown",
            grade=True,
            points=3,
        )
    ),
    "hidden tests in the middle": written(
        checks(
            "assert f\n  # BEGIN HIDDEN TESTS\nassert f() == 3\n# END HIDDEN TESTS  \nassert 1\n"
        )
    ),
    "hidden tests at the end, and twice": written(
        checks(
            "### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS\n\n2\n### BEGIN HIDDEN TESTS\n3\n### END HIDDEN TESTS"
        )
    ),
    "a region and hidden tests in one cell": written(
        solution(
            "### BEGIN SOLUTION\n1\n### END SOLUTION\n### BEGIN HIDDEN TESTS\n2\n### END HIDDEN TESTS",
            grade=True,
            points=1,
        )
    ),
    "a mark scheme": written(
        task("Draw.\n\n=== BEGIN MARK SCHEME ===\n2: axes\n=== END MARK SCHEME ===")
    ),
    "two tasks, one with two mark schemes": written(
        task(
            "Draw.\n### BEGIN MARK SCHEME\n1: axes\n### END MARK SCHEME\nLarge.\n"
            "<!-- BEGIN MARK SCHEME -->\n2: words\n<!-- END MARK SCHEME -->"
        ),
        task("  BEGIN MARK SCHEME\nall\n\nEND MARK SCHEME", "l"),
    ),
    "a mark scheme beside a picture and a formula": written(
        task("![it](it.png)\n$$x <scheme> y$$\n1: </scheme>\n2: axes\n</scheme>\n$z$"),
        config=OTHER_WORDS,
    ),
    "mark schemes that stay": written(
        task("Draw.\n=== BEGIN MARK SCHEME\n2: axes\n=== END MARK SCHEME"),
        config="c.ClearMarkScheme.enabled = False\n",
    ),
    "a stub of the course's": written(
        solution("def f():\n    # BEGIN SOLUTION\n    1\n    # END SOLUTION"), config=STUB
    ),
    "the course's stub for a whole cell": written(solution("def f():\n    return 1"), config=STUB),
    "the course's text": written(solution("So.", "markdown", grade=True, points=1), config=STUB),
    "a stub as plain text, as it was once": written(
        solution("def f():\n    # BEGIN SOLUTION\n    1\n    # END SOLUTION"),
        config="c.ClearSolutions.code_stub = 'pass  # yours'\n",
    ),
    "R": written(
        solution("f <- function() {\n  ### BEGIN SOLUTION\n  1\n  ### END SOLUTION\n}"),
        language="R",
    ),
    "R with a stub of the course's": written(solution("f <- 1"), config=STUB, language="R"),
    "other delimiters": written(
        solution("def f():\n  # <solution>\n  1\n  # </solution>\n  ### BEGIN SOLUTION"),
        checks("1\n# <hidden>\n2\n# </hidden>\n3"),
        task("A\n<scheme>\nB\n</scheme>"),
        config=OTHER_WORDS,
    ),
    "a header and a footer": written(
        solution("def f():\n    return 1"), config=HEADER + HEADER.replace("header", "footer")
    ),
    "a header that is switched off": written(
        solution("def f():\n    return 1"),
        config=HEADER + "c.IncludeHeaderFooter.enabled = False\n",
    ),
    "hidden tests that stay": written(
        checks("1\n# BEGIN HIDDEN TESTS\n2\n# END HIDDEN TESTS\n3"),
        config="c.ClearHiddenTests.enabled = False\n",
    ),
    "steps by name": written(
        solution("def f():\n    return 1"),
        checks("1\n# BEGIN HIDDEN TESTS\n2\n# END HIDDEN TESTS\n3"),
        config="c.GenerateAssignment.preprocessors = ['nbgrader.preprocessors.ClearSolutions', "
        "'nbgrader.preprocessors.SaveCells']\n",
    ),
}


def made_course(root: Path, config: str, cells: list[dict[str, Any]], language: str = "") -> Course:
    """A course of one notebook, and what its configuration says more."""
    tiny = TinyCourse(root, config)
    book = notebook(cell("markdown", "# A title"), *cells)
    if language:
        book["metadata"]["kernelspec"]["language"] = language
    tiny.write("source/tiny/tiny.ipynb", json.dumps(book))
    for name in ("header", "footer"):
        extra = cell("code", f"import {name}_things", f"{name}_check", locked=True)
        words = cell("markdown", f"The {name}.")
        book = notebook({**extra, "id": f"{name}-1"}, {**words, "id": f"{name}-2"})
        tiny.write(f"source/{name}.ipynb", json.dumps(book))
    return load_course(root)


def release_by_nbgrader(course: Course) -> NotebookNode:
    from nbgrader.converters import GenerateAssignment

    course.config.GenerateAssignment.no_database = True
    course.config.SaveCells.enabled = False
    run_converter(course, "tiny", GenerateAssignment)
    return nbformat.read(course.release("tiny") / "tiny.ipynb", as_version=4)


@pytest.mark.parametrize("name", CASES)
def test_released_texts_are_those_of_nbgraders_release(name: str, tmp_path: Path) -> None:
    config, cells, language = CASES[name]
    course = made_course(tmp_path, config, cells, language)
    source = course.notebooks("tiny")["tiny"]
    wanted = [
        (grade_id_of(one), one.cell_type, one.source) for one in release_by_nbgrader(course).cells
    ]
    made = [(grade_id_of(one), one.cell_type, one.source) for one in source.released.cells]
    assert made == wanted
    named = source.released_cells()
    assert {key: entry.source for key, entry in named.items()} == {
        grade_id: text for grade_id, _, text in wanted if grade_id
    }
    assert all(is_untouched(one, named[grade_id_of(one) or ""]) for one in named.values())


REFUSED: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "an end that is missing": (
        "",
        [solution("### BEGIN SOLUTION\n1")],
        "no end solution statement",
    ),
    "a region in a given cell": (
        "",
        [cell("code", "# BEGIN SOLUTION\n1\n# END SOLUTION", "g", locked=True)],
        "non-solution cell",
    ),
    "a language without a stub": ("", [solution("1")], "julia"),
    "a stub that is a number": (
        "c.ClearSolutions.code_stub = 5\n",
        [solution("1")],
        "makes no release",
    ),
    "a header that is not there": (
        'c.IncludeHeaderFooter.header = "source/no.ipynb"\n',
        [solution("1")],
        "source/no.ipynb",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nbgrader_makes_no_release_of_is_refused_by_name(name: str, tmp_path: Path) -> None:
    config, cells, said = REFUSED[name]
    language = "julia" if "language" in name else ""
    course = made_course(tmp_path, config, cells, language)
    with pytest.raises(KitError, match=said):
        _ = course.notebooks("tiny")["tiny"].released


def submitted(source: NotebookNode, own: str, above: str) -> NotebookNode:
    """The release as handed in, with a cell of the student's own above one of the course's."""
    book: NotebookNode = nbformat.from_dict(json.loads(json.dumps(source)))
    at = next(number for number, one in enumerate(book.cells) if grade_id_of(one) == above)
    book.cells.insert(at, nbformat.v4.new_code_cell(own))
    return book


@pytest.mark.parametrize("name", ["one number sign", "a stub of the course's", "other delimiters"])
def test_a_function_above_the_untouched_stub_is_not_undone(name: str, tmp_path: Path) -> None:
    """The stub is put above it, whatever the course's stub is."""
    config, cells, _ = CASES[name]
    source = made_course(tmp_path, config, cells).notebooks("tiny")["tiny"]
    repaired = repair(submitted(source.released, "def f():\n    return 42", "a"), source)
    names: dict[str, Any] = {}
    for text in repaired.cells:
        if "def f" in text:
            exec(text, names)
    assert names["f"]() == 42


def test_words_below_an_untouched_answer_by_region_are_the_answer(tmp_path: Path) -> None:
    _, cells, _ = CASES["an answer by region"]
    source = made_course(tmp_path, "", cells).notebooks("tiny")["tiny"]
    book: NotebookNode = nbformat.from_dict(json.loads(json.dumps(source.released)))
    book.cells.append(nbformat.v4.new_markdown_cell("Because cameras differ."))
    answers = [one for one in repair(book, source).notebook.cells if grade_id_of(one) == "a"]
    assert [one.source for one in answers] == ["Because cameras differ."]


def test_cells_of_header_and_footer_came_with_the_release(tmp_path: Path) -> None:
    config, cells, _ = CASES["a header and a footer"]
    source = made_course(tmp_path, config, cells).notebooks("tiny")["tiny"]
    assert repair(submitted(source.released, "1", "a"), source).repairs == []
    assert {"header_check", "footer_check"} <= source.released_cells().keys()


def test_points_in_a_header_count(tmp_path: Path) -> None:
    course = made_course(tmp_path, HEADER, [solution("def f():\n    return 1")])
    extra = cell("markdown", "Your name?", "name", grade=True, solution=True, points=0.125)
    (tmp_path / "source/header.ipynb").write_text(json.dumps(notebook({**extra, "id": "name"})))
    (graded,) = course.notebooks("tiny")["tiny"].grade_cells
    assert (graded.grade_id, graded.max_score, graded.manual) == ("name", 0.125, True)


def test_tests_that_nbgrader_wrote_stand_in_the_release(tmp_path: Path) -> None:
    """AUTOTEST: what it made of a line is known from the release alone, which may come anew."""
    course = made_course(
        tmp_path, "", [checks("x = 1\n### AUTOTEST x"), checks("y = 1") | {"id": "b"}]
    )
    course.source("tiny").joinpath("tiny.ipynb").write_text(
        json.dumps(
            notebook(checks("x = 1\n### AUTOTEST x"), cell("code", "y = 1", "u", locked=True))
        )
    )
    before = course.notebooks("tiny")["tiny"].released_cells()
    assert before["t"].source == "x = 1\n### AUTOTEST x", "as long as nothing is released"
    for text in ("x = 1\nassert x == 1", "x = 1\nassert x == 1, 'now with words'"):
        release = notebook(checks(text), cell("code", "not the source's", "u", locked=True))
        path = course.release("tiny") / "tiny.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(release))
        cells = course.notebooks("tiny")["tiny"].released_cells()
        assert cells["t"].source == text
        assert cells["u"].source == "y = 1", "all other cells are the source's"


@pytest.mark.parametrize(
    ("text", "regions", "wrong", "outside"),
    [
        ("a\n<\nb\n>\nc", [["b"]], "", "a\nc"),
        ("<\n>", [[]], "", ""),
        ("a < b\nc\nd > e", [["c"]], "", ""),
        ("<\na\n<\nb\n>", [["a"]], "a second `<`", ""),
        ("a\n>\nb", [], "`>` stands without", "a\n>\nb"),
        ("a\n<\nb", [["b"]], "`<` has no `>`", "a"),
        ("a\n< >\nb\n>\nc", [["b"]], "", "a\nc"),
    ],
)
def test_regions_by_nbgraders_rule(
    text: str, regions: list[list[str]], wrong: str, outside: str
) -> None:
    delimiters = Delimiters("<", ">")
    seen, said = delimiters.regions(text)
    assert (seen, said.startswith(wrong), bool(said)) == (regions, True, bool(wrong))
    assert delimiters.without_regions(text) == outside


def test_equal_settings_are_equal_markers_and_others_are_not(tmp_path: Path) -> None:
    """So that a source is read once for a class, and again when the configuration has changed."""
    same = [Markers(tmp_path, Config(ClearSolutions=Config(text_stub="x"))) for _ in range(2)]
    assert same[0] == same[1]
    assert hash(same[0]) == hash(same[1])
    assert same[0] != Markers(tmp_path, Config(ClearSolutions=Config(text_stub="y")))


def test_without_a_course_nbgraders_defaults_hold(tmp_path: Path) -> None:
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps(notebook(solution("### BEGIN SOLUTION\n1\n### END SOLUTION"))))
    text = read_source(path).released_cells()["a"].source
    assert text == "# YOUR CODE HERE\nraise NotImplementedError()"
