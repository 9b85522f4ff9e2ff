"""Work in cells of a student's own, beside a cell that a person marks: where it is seen, and kept."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from autograder.course import SourceNotebook, read_source, repair
from autograder.course.cells import grade_id_of
from autograder.course.own_work import own_work
from tests.tiny_course import cell, notebook

PROMPT = "**Why?**\n\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION"
CELLS = [
    cell("markdown", "# Title"),
    cell("code", "### BEGIN SOLUTION\ndraw()\n### END SOLUTION", "curve", grade=True, solution=True, points=2),
    cell("markdown", "Next, in words."),
    cell("markdown", "Sketch it below.", "sketch", task=True, locked=True, points=3),
    cell("markdown", PROMPT, "why", grade=True, solution=True, points=5),
    cell("markdown", "A closing word."),
]  # fmt: skip
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


@pytest.fixture
def source(tmp_path: Path) -> SourceNotebook:
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps(notebook(*CELLS)))
    return read_source(path)


def handed_in(source: SourceNotebook, **beside: list[dict[str, Any]]) -> NotebookNode:
    """The release with cells beside those of these names: `curve` below it, `above_curve` above it."""
    cells = []
    for given in copy.deepcopy(source.released.cells):
        grade_id = grade_id_of(given) or ""
        extra = [
            [
                NotebookNode({**one, "id": f"{name}-{number}", "metadata": NotebookNode()})
                for number, one in enumerate(beside.get(name, []))
            ]
            for name in (f"above_{grade_id}", grade_id)
        ]
        cells += [*extra[0], given, *extra[1]]
    return nbformat.v4.new_notebook(cells=cells)


def seen(source: SourceNotebook, grade_id: str, **beside: list[dict[str, Any]]) -> list[str]:
    """The texts that count as work on a cell, after the repairs."""
    repaired = repair(handed_in(source, **beside), source).notebook
    again = repair(copy.deepcopy(repaired), source)
    assert (again.notebook, again.repairs) == (repaired, [])
    return [one.source for one in own_work(repaired.cells, source, grade_id)]


def by_id(source: SourceNotebook, **beside: list[dict[str, Any]]) -> dict[str | None, Any]:
    made = repair(handed_in(source, **beside), source)
    return {grade_id_of(one): one for one in made.notebook.cells if grade_id_of(one)}


def test_an_untouched_release_has_no_work_in_it(source: SourceNotebook) -> None:
    for grade_id in ("curve", "sketch", "why"):
        assert seen(source, grade_id) == []


WORK = {
    "code": cell("code", "plot(1)"),
    "words": cell("markdown", "It falls."),
    "nothing but comments": cell("code", "# it falls, then rises"),
    "a picture": cell("markdown", "![it](attachment:image.png)"),
}


@pytest.mark.parametrize("name", WORK)
@pytest.mark.parametrize("place", ["", "above_"])
def test_what_stands_beside_an_untouched_stub_is_work(
    place: str, name: str, source: SourceNotebook
) -> None:
    work = WORK[name]
    assert seen(source, "curve", **{f"{place}curve": [work]}) == [work["source"]]


NO_WORK = {
    "an empty cell": cell("code", "\n  \n"),
    "a copy of the stub": cell("code", STUB),
    "a copy of the question": cell("markdown", "Sketch it below."),
}


@pytest.mark.parametrize("name", NO_WORK)
def test_what_says_nothing_is_no_work(name: str, source: SourceNotebook) -> None:
    assert seen(source, "curve", curve=[NO_WORK[name]]) == []


def test_work_ends_at_the_next_given_cell_whether_it_has_an_id_or_not(
    source: SourceNotebook,
) -> None:
    assert seen(source, "curve", above_sketch=[WORK["words"]]) == []
    assert seen(source, "curve", sketch=[WORK["words"]]) == []


def test_words_below_a_task_are_not_taken_for_the_next_answer(source: SourceNotebook) -> None:
    """The next answer's cell is untouched; it waits as well, for the words could be either's."""
    assert seen(source, "sketch", sketch=[WORK["words"], WORK["code"]]) == ["It falls.", "plot(1)"]
    assert by_id(source, sketch=[WORK["words"]])["why"].source == "**Why?**\n\nYOUR ANSWER HERE"
    assert seen(source, "why", sketch=[WORK["words"]]) == ["It falls."]
    taken = by_id(source, sketch=[WORK["words"]], why=[cell("markdown", "For it must.")])
    assert taken["why"].source == "For it must."


def test_words_stay_on_their_side_of_a_given_cell(source: SourceNotebook) -> None:
    """They are not moved across text of the course's, though it has no id."""
    data = handed_in(source, why=[cell("markdown", "A closing word."), WORK["words"]])
    given = [one.source for one in repair(data, source).notebook.cells]
    assert given[-3:] == ["A closing word.", "It falls.", "A closing word."]


def test_words_in_a_tasks_own_cell_are_kept_beside_it(source: SourceNotebook) -> None:
    data = handed_in(source)
    (task,) = [one for one in data.cells if grade_id_of(one) == "sketch"]
    task.source += "\n\nMy sketch: /\\"
    repaired = repair(data, source).notebook
    assert [one.source for one in own_work(repaired.cells, source, "sketch")] == ["My sketch: /\\"]


@pytest.mark.parametrize("kind", ["markdown", "code"])
def test_an_answer_below_its_untouched_prompt_is_seen(kind: str, source: SourceNotebook) -> None:
    """Also where the model answer is a region; words move into the cell, code stays where it is."""
    below = cell(kind, "# For it must." if kind == "code" else "For it must.")
    answer = by_id(source, why=[below])["why"].source
    assert (answer == "For it must.") is (kind == "markdown")
    assert seen(source, "why", why=[below]) == (["# For it must."] if kind == "code" else [])


def picture(name: str, data: str, text: str) -> dict[str, Any]:
    shown = f"{text} ![{name}](attachment:{name})"
    return {**cell("markdown", shown), "attachments": {name: {"image/png": data}}}


def test_pictures_of_one_name_stay_two_when_an_answer_is_put_together(
    source: SourceNotebook,
) -> None:
    first, second = (picture("image.png", data, data) for data in ("AAAA", "BBBB"))
    answer = by_id(source, why=[first, second])["why"]
    assert answer.source == (
        "AAAA ![image.png](attachment:image.png)\n\nBBBB ![image.png](attachment:_image.png)"
    )
    assert answer.attachments == {
        "image.png": {"image/png": "AAAA"},
        "_image.png": {"image/png": "BBBB"},
    }


def test_so_do_those_whose_names_are_written_with_signs(source: SourceNotebook) -> None:
    """As JupyterLab writes the name of a file that was dropped into a cell."""
    parts = [
        {
            **cell("markdown", f"{data} ![x](attachment:my%20plot.png)"),
            "attachments": {"my plot.png": {"image/png": data}},
        }
        for data in ("AAAA", "BBBB")
    ]
    answer = by_id(source, why=parts)["why"]
    assert answer.source == (
        "AAAA ![x](attachment:my%20plot.png)\n\nBBBB ![x](attachment:_my%20plot.png)"
    )
    assert answer.attachments == {
        "my plot.png": {"image/png": "AAAA"},
        "_my plot.png": {"image/png": "BBBB"},
    }


def test_a_picture_pasted_into_a_question_goes_with_the_words(source: SourceNotebook) -> None:
    data = handed_in(source)
    (task,) = [one for one in data.cells if grade_id_of(one) == "sketch"]
    pasted = picture("image.png", "AAAA", "Mine:")
    task.source += "\n\n" + pasted["source"]
    task.attachments = NotebookNode(pasted["attachments"])
    repaired = repair(data, source).notebook
    (work,) = own_work(repaired.cells, source, "sketch")
    assert work.attachments == pasted["attachments"]
    assert "attachments" not in task


@pytest.mark.parametrize(
    ("about", "locked"),
    [
        ({"grade": True, "locked": False}, True),
        ({"solution": True, "locked": True}, False),
        ({"grade": True, "solution": True, "locked": True}, False),
        ({"task": True, "locked": True}, True),
        ({"locked": True}, True),
        ({}, False),
    ],
    ids=str,
)
def test_a_cell_is_locked_where_nbgrader_takes_it_for_locked(
    about: dict[str, bool], locked: bool, source: SourceNotebook
) -> None:
    from nbgrader.utils import is_locked as is_locked_for_nbgrader

    from autograder.course.claims import is_locked

    made: Any = NotebookNode(nbformat.from_dict(cell("markdown", "x", "x", **about)))
    assert bool(is_locked(made)) is bool(is_locked_for_nbgrader(made)) is locked
