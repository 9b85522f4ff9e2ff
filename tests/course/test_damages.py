"""Each damage alone: what of it is run, what the marker reads, and what is said about it."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest

from autograder.course import SourceNotebook, repair
from autograder.course.cells import grade_id_of
from tests import damages
from tests.damages import (
    STUBS,
    Change,
    add,
    by_id,
    cell_of,
    expect_whole,
    handed_in,
    source_of,
    taken_in,
)
from tests.tiny_course import RIGHT, cell, notebook, tiny_source

DAMAGES: list[tuple[Change, tuple[str, ...]]] = [
    (
        damages.copied_and_the_copy_is_a_stub,
        ("`double` is there more than once", "stub of `double`"),
    ),
    (damages.copied_and_the_original_is_a_stub, ("more than once", "stub of `double` stood below")),
    (damages.copied_without_metadata_above_the_stub, ("was taken for it", "stub of `mean`")),
    (damages.copied_twice, ("`double` is there more than once",)),
    (damages.split_between_statements, ("`mean` is there more than once",)),
    (damages.split_within_a_function, ("`mean` was split and was joined again",)),
    (damages.split_and_only_the_lower_part_has_the_id, ("`mean` was split and was joined",)),
    (damages.moved_below_its_tests, ()),
    (damages.moved_to_the_end, ()),
    (damages.moved_above_everything, ()),
    (damages.all_moved_around, ()),
    (damages.merged_into_the_cell_before, ("`double_tests` was missing", "`mean` was missing")),
    (damages.merged_but_the_stub_stayed, ("stub of `mean` stood below a cell that defines it",)),
    (
        damages.merged_into_a_locked_cell,
        ("`double_tests` was changed", "written in `double_tests`"),
    ),
    (damages.written_into_the_tests, ("written in `mean_tests` was kept",)),
    (damages.cheated_in_the_tests, ("locked cell `double_tests` was changed",)),
    (damages.all_is_lost_but_the_text, ("`double` had lost its id", "`rule` had lost its id")),
    (damages.solution_lost_its_metadata, ("`double` had lost its id",)),
    (damages.saved_by_colab, ()),
    (damages.saved_by_vs_code, ()),
    (damages.answer_written_below_its_cell, ("the answer `why` was put together",)),
    (damages.answer_written_into_the_question, ("`rule` was changed", "the answer `why`")),
    (damages.answer_copied_below_as_a_stub, ("`why` is there more than once",)),
    (damages.answer_lost_its_metadata, ("`why` was missing", "the answer `why`")),
    (damages.answer_split, ("`why` is there more than once", "the answer `why`")),
    (damages.a_test_copied_and_used_for_notes, ("`mean_tests` is there more than once",)),
    (damages.solution_made_markdown_and_written_anew, ("`double` is there more than once",)),
    (damages.ids_swapped, ("`mean_tests` was changed", "written in `mean_tests`")),
    (damages.copied_split_and_stripped, ("`bonus` is none", "`double_tests` was missing")),
]


def defined_by(cells: tuple[str, ...]) -> dict[str, Any]:
    """What a kernel would hold in the end; a cell that raises costs only itself."""
    namespace: dict[str, Any] = {}
    for number, text in enumerate(cells):
        try:
            exec(compile(text, f"<cell {number}>", "exec"), namespace)
        except Exception as error:
            namespace.setdefault("raised", []).append(error)
    return namespace


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=[one.__name__ for one, _ in DAMAGES])
def test_no_damage_costs_the_student_anything(
    damage: Change, said: tuple[str, ...], tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    damage(data)
    submission = taken_in(tmp_path, source, data)
    expect_whole(submission, source)
    found = defined_by(submission.cells)
    assert found["double"](4) == 8
    assert found["mean"]([1, 2, 6]) == 3
    answer = by_id(submission)["why"].source
    assert " ".join(answer.split()) == RIGHT["why"], "what the person marks"
    told = "; ".join(submission.repairs)
    assert [words for words in said if words not in told] == []
    assert said or not submission.repairs, told


def test_every_damage_that_is_built_is_tried() -> None:
    built = {
        name
        for name, one in inspect.getmembers(damages, inspect.isfunction)
        if one.__module__ == damages.__name__ and [*inspect.signature(one).parameters] == ["data"]
    }
    assert built == {one.__name__ for one, _ in DAMAGES}


def test_an_untouched_notebook_stays_as_it_is(tmp_path: Path, source: SourceNotebook) -> None:
    data = handed_in()
    for grade_id, stub in STUBS.items():
        cell_of(data, grade_id)["source"] = stub
    submission = taken_in(tmp_path, source, data)
    expect_whole(submission, source)
    assert submission.repairs == []
    assert by_id(submission)["why"].source == STUBS["why"], "no response"


def test_the_cell_that_people_see_is_the_one_with_the_work(
    tmp_path: Path, source: SourceNotebook
) -> None:
    for damage in (
        damages.copied_and_the_original_is_a_stub,
        damages.copied_and_the_copy_is_a_stub,
        damages.solution_lost_its_metadata,
        damages.all_is_lost_but_the_text,
        damages.solution_made_markdown_and_written_anew,
    ):
        data = handed_in()
        damage(data)
        assert by_id(taken_in(tmp_path, source, data))["double"].source == RIGHT["double"], damage


def test_a_stub_below_a_stub_is_no_work(tmp_path: Path, source: SourceNotebook) -> None:
    data = handed_in()
    cell_of(data, "double")["source"] = STUBS["double"]
    damages.copied_and_the_copy_is_a_stub(data)
    found = defined_by(taken_in(tmp_path, source, data).cells)
    with pytest.raises(NotImplementedError):
        found["double"](1)


def test_the_last_of_two_tries_counts_as_in_a_kernel(
    tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    damages.copied(data, "double", "def double(x):\n    return 3 * x", below=True)
    submission = taken_in(tmp_path, source, data)
    assert defined_by(submission.cells)["double"](4) == 12


def test_what_was_changed_in_tests_does_not_stand_in_for_the_solution(
    tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    cell_of(data, "double")["source"] = "def double(x):\n    return 0"
    damages.cheated_in_the_tests(data)
    assert defined_by(taken_in(tmp_path, source, data).cells)["double"](2) == 0


def test_an_indented_cell_below_a_finished_one_is_not_joined_to_it(
    tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    cell_of(data, "mean")["source"] += "\n\nprint(mean([1]))"
    add(data, "mean", "code", "    print(mean([2]))", below=True)
    submission = taken_in(tmp_path, source, data)
    assert submission.repairs == []
    assert defined_by(submission.cells)["mean"]([2, 4]) == 3


def test_what_is_said_can_be_read_whatever_the_cells_are_called(
    tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    for number in range(100):
        fake = cell("code", "1", f"{number}" + "x" * 5000, grade=True, points=5)
        add(data, "rule", "code", "1", metadata=fake["metadata"])
    submission = taken_in(tmp_path, source, data)
    assert len(submission.repairs) == 41, submission.repairs[-2:]
    assert submission.repairs[-1] == "and 60 more"
    assert max(map(len, submission.repairs)) == 300


def with_setup() -> dict[str, Any]:
    """The tiny assignment with two cells of imports and helpers, which its solutions need."""
    setup = [
        cell("code", "from collections.abc import Sequence", "setup", locked=True),
        cell("code", "Numbers = Sequence[float]", "helpers", locked=True),
    ]
    cells = [entry for entry in tiny_source()["cells"] if entry.pop("id")]
    for entry in cells:
        entry["source"] = entry["source"].replace("def mean(numbers)", "def mean(numbers: Numbers)")
    return notebook(cells[0], *setup, *cells[1:])


@pytest.mark.parametrize(
    "order",
    [["mean", "setup", "helpers"], ["helpers", "mean", "setup"], ["mean", "helpers", "setup"]],
    ids="-".join,
)
def test_a_solution_moved_above_the_imports_finds_them(order: list[str], tmp_path: Path) -> None:
    source = source_of(tmp_path, with_setup())
    data = copy.deepcopy(with_setup())
    for entry in data["cells"]:
        lines = entry["source"].splitlines()
        entry["source"] = "\n".join(line for line in lines if "SOLUTION" not in line)
    moved = [cell_of(data, name) for name in order]
    data["cells"] = [*moved, *(entry for entry in data["cells"] if entry not in moved)]
    submission = taken_in(tmp_path, source, data)
    found = defined_by(submission.cells)
    assert found["mean"]([1, 3]) == 2
    assert "raised" not in found
    assert "was put above it" in "; ".join(submission.repairs)
    places = [grade_id_of(one) for one in submission.notebook.cells]
    assert places.index("setup") < places.index("helpers") < places.index("mean")
    again = repair(copy.deepcopy(submission.notebook), source)
    assert (again.notebook, again.repairs) == (submission.notebook, [])
