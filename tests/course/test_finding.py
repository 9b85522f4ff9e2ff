"""Which file of a submission is which notebook: by name, or by content; never guessed between two."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from autograder.course import SourceNotebook
from autograder.course.beside import own_files
from autograder.course.intake import Candidate, find_notebooks
from autograder.course.walk import odd_files
from tests.damages import cell_of, handed_in, other_source, saved_by_colab
from tests.tiny_course import RIGHT, cell, notebook, tiny_source


@pytest.fixture
def tiny_only(sources: dict[str, SourceNotebook]) -> dict[str, SourceNotebook]:
    return {"tiny": sources["tiny"]}


def work(double: str = RIGHT["double"]) -> dict[str, Any]:
    data = handed_in()
    cell_of(data, "double")["source"] = double
    return data


def as_released() -> dict[str, Any]:
    data = tiny_source()
    for grade_id in ("double", "mean"):
        head = cell_of(data, grade_id)["source"].partition("\n")[0]
        stub = "    # YOUR CODE HERE\n    raise NotImplementedError()"
        cell_of(data, grade_id)["source"] = f"{head}\n{stub}"
    cell_of(data, "why")["source"] = "YOUR ANSWER HERE"
    return data


def write(folder: Path, **files: Any) -> Path:
    """Files by name; `__` stands for a slash, a dict is a notebook, None an empty file."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content) if isinstance(content, dict) else content or ""
        path.write_text(text)
    return folder


def place(found: dict[str, Candidate], name: str, folder: Path) -> str:
    return str(found[name].path.relative_to(folder))


NAMES = [
    "tiny (1).ipynb",
    "Copy of tiny.ipynb",
    "TINY.IPYNB",
    "homework/tiny.ipynb",
    "a/b/c/my solution.ipynb",
    "s123_tiny_late.ipynb",
    "tiny.ipynb.txt",
    "tiny.ipynb.json",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_of_another_name_is_known_by_its_cells(
    name: str, tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    data = work()
    saved_by_colab(data)
    write(tmp_path, **{name: data, "other.ipynb": other_source()})
    found = find_notebooks(tmp_path, sources)
    assert place(found, "tiny", tmp_path) == name
    assert found["tiny"].notebook is not None
    assert found["tiny"].said == (f"{name} was taken for tiny.ipynb",)
    assert place(found, "other", tmp_path) == "other.ipynb"


JUNK: dict[str, Any] = {
    ".ipynb_checkpoints/tiny-checkpoint.ipynb": work("def double(x):\n    return 1"),
    "__MACOSX/._tiny.ipynb": "\0\5\26\7",
    "__MACOSX/tiny.ipynb": work("def double(x):\n    return 2"),
    "._tiny.ipynb": "\0\5\26\7",
    "tiny (1).ipynb": work(),
    "Copy of tiny.ipynb": as_released(),
    "scratch.ipynb": notebook(cell("code", "1 + 1")),
    "deep/tiny.ipynb": work(),
}


@pytest.mark.parametrize("name", JUNK)
def test_junk_beside_the_notebook_changes_nothing(
    name: str, tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny.ipynb": work(), name: JUNK[name]})
    found = find_notebooks(tmp_path, tiny_only)
    assert place(found, "tiny", tmp_path) == "tiny.ipynb"
    assert found["tiny"].said == ()


@pytest.mark.parametrize("empty", [as_released(), None, "half a note"], ids=["stub", "0", "text"])
def test_the_work_counts_where_the_right_name_holds_none(
    empty: Any, tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    """Colab's "Save a copy" leaves the release under its name, and the work in the copy."""
    write(tmp_path, **{"tiny.ipynb": empty, "Copy of tiny.ipynb": work()})
    found = find_notebooks(tmp_path, tiny_only)
    assert place(found, "tiny", tmp_path) == "Copy of tiny.ipynb"
    assert found["tiny"].said[0].startswith("Copy of tiny.ipynb was taken for tiny.ipynb, for tiny")


def test_the_right_name_wins_over_another_version_and_that_is_said(
    tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny.ipynb": work(), "tiny (1).ipynb": work("double = 'later'")})
    found = find_notebooks(tmp_path, tiny_only)
    assert place(found, "tiny", tmp_path) == "tiny.ipynb"
    assert found["tiny"].said == ("tiny (1).ipynb lies beside tiny.ipynb and was not graded",)


@pytest.mark.parametrize(
    ("named", "state"), [({}, "not there"), ({"tiny.ipynb": None}, "unreadable")], ids=["0", "1"]
)
def test_between_two_that_could_be_it_staff_decide(
    named: dict[str, Any], state: str, tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    two = {"tiny (1).ipynb": work(), "tiny (2).ipynb": work("double = 'later'")}
    found = find_notebooks(write(tmp_path, **named, **two), tiny_only)
    assert found["tiny"].notebook is None
    assert f"tiny.ipynb is {state}, but tiny (1).ipynb and tiny (2).ipynb" in found["tiny"].why


def test_the_reference_solution_is_work_as_any_other(
    tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny (1).ipynb": work(), "tiny (2).ipynb": work("")})
    assert find_notebooks(tmp_path, tiny_only)["tiny"].notebook is None


def test_two_that_are_the_same_are_one(
    tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny (1).ipynb": work(), "tiny (2).ipynb": work()})
    assert find_notebooks(tmp_path, tiny_only)["tiny"].notebook is not None


def test_names_that_were_swapped_are_seen_through(
    tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny.ipynb": other_source(), "other.ipynb": work()})
    found = find_notebooks(tmp_path, sources)
    assert (place(found, "tiny", tmp_path), place(found, "other", tmp_path)) == (
        "other.ipynb",
        "tiny.ipynb",
    )


def test_one_notebook_under_two_names_leaves_the_other_to_staff(
    tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny.ipynb": work(), "other.ipynb": work()})
    found = find_notebooks(tmp_path, sources)
    assert found["tiny"].notebook is not None
    assert "other.ipynb holds the cells of another notebook" in found["other"].why


UNKNOWN = {
    "my homework.ipynb": notebook(cell("code", RIGHT["double"])),
    "tiny (1).ipynb": "{}",
    "homework.zip": "PK",
    "both.ipynb": {**work(), "cells": [*work()["cells"], *other_source()["cells"]]},
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_may_be_a_notebook_of_the_assignment_is_no_zero(
    name: str, tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    found = find_notebooks(write(tmp_path, **{name: UNKNOWN[name]}), sources)
    assert {one.notebook for one in found.values()} == {None}
    assert f"tiny.ipynb is not there, but {name} is" in found["tiny"].why


def test_what_is_not_there_is_missing(tmp_path: Path, sources: dict[str, SourceNotebook]) -> None:
    write(tmp_path, **{"tiny.ipynb": work(), "helper.py": "x = 1"})
    assert list(find_notebooks(tmp_path, sources)) == ["tiny"]
    assert find_notebooks(tmp_path / "nowhere", sources) == {}


def test_a_notebook_without_any_id_is_known_by_enough_of_its_texts(
    tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    data = work("import math\n\n\ndef double(x):\n    return math.fsum([x, x])")
    data["cells"] += [{**cell("code", f"x = {n}"), "id": f"own-{n}"} for n in range(50)]
    saved_by_colab(data)
    for entry in data["cells"]:
        entry["metadata"] = {}
    found = find_notebooks(write(tmp_path, **{"x.ipynb": data}), tiny_only)
    assert found["tiny"].notebook is not None, "4 of 7 cells"
    del data["cells"][0]
    found = find_notebooks(write(tmp_path, **{"x.ipynb": data}), tiny_only)
    assert found["tiny"].notebook is None, "3 of 7 cells"


def test_nothing_odd_in_a_folder_stops_or_misleads(
    tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    outside = write(tmp_path / "outside", **{"tiny.ipynb": work()})
    folder = write(tmp_path / "in", **{"tiny (1).ipynb": work()})
    (folder / "linked").symlink_to(outside)
    (folder / "tiny (2).ipynb").symlink_to(outside / "tiny.ipynb")
    (folder / "dangling.ipynb").symlink_to("/nowhere")
    os.mkfifo(folder / "pipe.ipynb")
    os.mkfifo(folder / "timestamp.txt")
    (folder / "folder.ipynb").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xfc.py")).write_text("")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xfc.ipynb")).write_text("{}")
    found = find_notebooks(folder, tiny_only)
    assert place(found, "tiny", folder) == "tiny (1).ipynb"
    assert own_files(folder) == {}
    odd = {path.name for path in odd_files(folder)}
    assert odd == {"linked", "tiny (2).ipynb", "dangling.ipynb", "pipe.ipynb", "timestamp.txt"}
    (folder / "tiny (1).ipynb").unlink()
    find_notebooks(folder, tiny_only)["tiny"].why.encode()


def test_a_notebook_over_the_courses_limit_is_named(
    tmp_path: Path, tiny_only: dict[str, SourceNotebook]
) -> None:
    data = work()
    cell_of(data, "double")["outputs"] = [{"text": "x" * 2**21}]
    found = find_notebooks(write(tmp_path, **{"tiny.ipynb": data}), tiny_only, limit_mib=2)
    assert found["tiny"].notebook is None
    assert "has 2 MiB, over the limit of 2 MiB. Ask the student" in found["tiny"].why
    assert "max_notebook_mib" in found["tiny"].why
