"""Whatever is handed in, intake makes of it a notebook with the course's cells, or says why not."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course import SourceNotebook, Unreadable, read_notebook, repair
from autograder.course.beside import own_files
from autograder.course.repairing import empty_notebook
from tests.damages import Change, by_id, cell_of, expect_whole, handed_in, taken_in
from tests.tiny_course import RIGHT, cell, notebook, tiny_source


def nothing(data: dict[str, Any]) -> None:
    pass


def as_released(data: dict[str, Any]) -> None:
    """As nbgrader releases it: with checksums, locks, and the cell's type in its metadata, too."""
    for entry in data["cells"]:
        if "nbgrader" in entry["metadata"]:
            entry["metadata"] |= {"deletable": False, "editable": False}
            entry["metadata"]["nbgrader"] |= {"checksum": "0", "cell_type": entry["cell_type"]}


def lost_metadata(data: dict[str, Any]) -> None:
    for entry in data["cells"]:
        entry["metadata"] = {}


def lost_ids(data: dict[str, Any]) -> None:
    data["nbformat_minor"] = 4
    for entry in data["cells"]:
        del entry["id"]


def odd_ids(data: dict[str, Any]) -> None:
    """Ids that are none, twice the same, or those that intake itself would give."""
    ids = ["cell-1", None, "cell-1", 5, "no id!", "x" * 65, "cell-1"]
    for entry, cell_id in zip(data["cells"], ids, strict=True):
        entry["id"] = cell_id


def more_points(data: dict[str, Any]) -> None:
    for entry in data["cells"]:
        if "nbgrader" in entry["metadata"]:
            entry["metadata"]["nbgrader"]["points"] = 1000


def edited_tests(data: dict[str, Any]) -> None:
    cell_of(data, "double_tests")["source"] = "assert True"
    cell_of(data, "rule")["source"] = "Full marks!"


def deleted_tests(data: dict[str, Any]) -> None:
    data["cells"].remove(cell_of(data, "double_tests"))


def deleted_solution(data: dict[str, Any]) -> None:
    data["cells"].remove(cell_of(data, "mean"))


def deleted_answer(data: dict[str, Any]) -> None:
    data["cells"].remove(cell_of(data, "why"))


def deleted_everything(data: dict[str, Any]) -> None:
    data["cells"] = []


def twice(data: dict[str, Any]) -> None:
    data["cells"].append(copy.deepcopy(cell_of(data, "double_tests")))


def unknown(data: dict[str, Any]) -> None:
    data["cells"].append(
        cell("code", "1", "bonus", grade=True, locked=True, points=50) | {"id": "b"}
    )


def code_to_markdown(data: dict[str, Any]) -> None:
    cell_of(data, "double_tests")["cell_type"] = "markdown"
    cell_of(data, "why")["cell_type"] = "code"
    cell_of(data, "why").update(outputs=[], execution_count=None)


def new_schema(data: dict[str, Any]) -> None:
    for entry in data["cells"]:
        if "nbgrader" in entry["metadata"]:
            entry["metadata"]["nbgrader"]["schema_version"] = 99


def nonsense_metadata(data: dict[str, Any]) -> None:
    for entry, odd in zip(
        data["cells"], [[1], "x", 5, {"grade_id": ["a"]}, {}, None, True], strict=True
    ):
        entry["metadata"]["nbgrader"] = odd


def shifted_ids(data: dict[str, Any]) -> None:
    cell_of(data, "double")["metadata"]["nbgrader"]["grade_id"] = "mean"


def other_kernel(data: dict[str, Any]) -> None:
    data["metadata"] = {"kernelspec": {"name": "evil", "argv": ["sh"]}, "language_info": 7}


def huge_outputs(data: dict[str, Any]) -> None:
    text = {"output_type": "stream", "name": "stdout", "text": "x" * 30_000_000}
    cell_of(data, "double")["outputs"] = [text]


def odd_outputs(data: dict[str, Any]) -> None:
    cell_of(data, "double")["outputs"] = {"not": "a list"}
    cell_of(data, "mean")["execution_count"] = "many"


def many_cells(data: dict[str, Any]) -> None:
    data["cells"] += [cell("code", f"x = {n}") | {"id": f"more-{n}"} for n in range(5000)]


def sources_in_lines(data: dict[str, Any]) -> None:
    for entry in data["cells"]:
        entry["source"] = entry["source"].splitlines(keepends=True)


def half_characters(data: dict[str, Any]) -> None:
    for entry in data["cells"]:
        entry["source"] += " # \ud83d"


def attachments(data: dict[str, Any]) -> None:
    cell_of(data, "why")["attachments"] = {"a.png": {"image/png": "x"}}


CHANGES: list[tuple[Change, str]] = [
    (nothing, ""),
    (as_released, ""),
    (lost_metadata, "lost its id"),
    (lost_ids, ""),
    (odd_ids, ""),
    (more_points, ""),
    (edited_tests, "was changed and was put back"),
    (deleted_tests, "was missing"),
    (deleted_solution, "`mean` was missing"),
    (deleted_answer, "`why` was missing"),
    (deleted_everything, "was missing"),
    (twice, "more than once"),
    (unknown, "`bonus` is none of the assignment's"),
    (code_to_markdown, "had another type"),
    (new_schema, ""),
    (nonsense_metadata, "lost its id"),
    (shifted_ids, "more than once"),
    (other_kernel, ""),
    (huge_outputs, ""),
    (odd_outputs, ""),
    (many_cells, ""),
    (sources_in_lines, ""),
    (half_characters, "was changed"),
    (attachments, ""),
]


@pytest.mark.parametrize(
    ("change", "said"), CHANGES, ids=[change.__name__ for change, _ in CHANGES]
)
def test_a_damaged_notebook_is_made_whole(
    change: Change, said: str, tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    change(data)
    submission = taken_in(tmp_path, source, data)
    expect_whole(submission, source)
    assert said in "; ".join(submission.repairs)
    if not said:
        assert submission.repairs == []


KEEPS_ANSWERS = (nothing, lost_metadata, lost_ids, edited_tests, code_to_markdown, new_schema)


@pytest.mark.parametrize("change", KEEPS_ANSWERS)
def test_the_students_own_cells_stay(
    change: Change, tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    change(data)
    cells = by_id(taken_in(tmp_path, source, data))
    assert {name: cells[name].source for name in RIGHT} == RIGHT


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("latin-1"),
        lambda text: json.dumps(json.loads(text), indent=1).replace("\n", "\r\n").encode(),
    ],
    ids=["byte order mark", "UTF-16", "latin-1", "CRLF"],
)
def test_a_notebook_in_another_encoding_is_read(
    encode: Callable[[str], bytes], tmp_path: Path, source: SourceNotebook
) -> None:
    data = handed_in()
    cell_of(data, "why")["source"] = "Für alle Größen."
    submission = taken_in(tmp_path, source, encode(json.dumps(data, ensure_ascii=False)))
    expect_whole(submission, source)
    assert by_id(submission)["why"].source == "Für alle Größen."


def old_notebook(version: int, text: str | list[str]) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "language": "python", "input": text, "outputs": []},
        {"cell_type": "markdown", "source": "words"},
        {"cell_type": "heading", "level": 2, "source": "A heading"},
    ]
    sheet = {"cells": cells, "metadata": {}}
    about = {"nbformat": version, "nbformat_minor": 0, "metadata": {"name": "old"}}
    return {**about, "worksheets": [sheet]}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "text", [RIGHT["double"], RIGHT["double"].splitlines(keepends=True)], ids=["text", "lines"]
)
def test_a_notebook_of_an_old_format_is_read(
    version: int, text: str | list[str], tmp_path: Path, source: SourceNotebook
) -> None:
    submission = taken_in(tmp_path, source, old_notebook(version, text))
    expect_whole(submission, source)
    assert RIGHT["double"] in submission.cells


DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\t",
    "words": b"my homework",
    "an empty object": b"{}",
    "a list": b"[]",
    "a number": b"4",
    "half a notebook": json.dumps(tiny_source()).encode()[:200],
    "bytes": bytes(range(256)),
    "zeros": b"\0" * 100,
    "nested deeply": b"[" * 200_000 + b"]" * 200_000,
    "nested objects": b'{"nbformat": 4, "metadata": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
    "a format that is a word": b'{"nbformat": "4", "cells": []}',
    "a format that is true": b'{"nbformat": true, "cells": []}',
    "a format of the future": b'{"nbformat": 99, "cells": []}',
    "a long number": b'{"nbformat": ' + b"4" * 5000 + b"}",
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells that are a word": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": "x"}',
    "cells that are numbers": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}',
    "worksheets that are a number": b'{"nbformat": 3, "worksheets": 5}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_notebook_is_said_to_be_none(
    content: bytes, tmp_path: Path, source: SourceNotebook
) -> None:
    with pytest.raises(Unreadable, match=r"tiny\.ipynb"):
        taken_in(tmp_path, source, content)


def a_link(path: Path) -> None:
    secret = path.with_name("other_student.ipynb")
    secret.write_text(json.dumps(handed_in()))
    path.symlink_to(secret)


def a_dangling_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_huge_file(path: Path) -> None:
    path.touch()
    os.truncate(path, 200 * 2**20)


def no_file(path: Path) -> None:
    pass


ODD_FILES = (a_link, a_dangling_link, a_pipe, a_folder, a_huge_file, no_file)


@pytest.mark.parametrize("make", ODD_FILES)
def test_only_an_ordinary_file_is_opened(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "tiny.ipynb"
    make(path)
    with pytest.raises(Unreadable, match=r"tiny\.ipynb"):
        read_notebook(path)


@pytest.mark.parametrize("make", ODD_FILES[:4])
def test_other_files_of_a_submission_are_ordinary_ones_only(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "helper.py").write_bytes(b"x = 1")
    (tmp_path / "timestamp.txt").write_bytes(b"now")
    (tmp_path / "tiny.ipynb").write_bytes(b"{}")
    make(tmp_path / "data.csv")
    assert own_files(tmp_path) == {"sub/helper.py": b"x = 1"}


def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_bytes(b"secret")
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "data").symlink_to(tmp_path / "elsewhere")
    assert own_files(tmp_path / "submission") == {}


def test_an_empty_submission_is_whole(source: SourceNotebook) -> None:
    submission = repair(empty_notebook(source), source)
    expect_whole(submission, source)
    assert "BEGIN SOLUTION" not in "".join(submission.cells)


def test_no_solution_is_in_what_is_put_back(tmp_path: Path, source: SourceNotebook) -> None:
    data = handed_in()
    deleted_everything(data)
    text = json.dumps(taken_in(tmp_path, source, data).notebook)
    assert "x + x" not in text
    assert "sum(numbers)" not in text


def test_random_damage_never_breaks_intake(tmp_path: Path, source: SourceNotebook) -> None:
    """A value anywhere in a notebook is replaced by an odd one: whole, or said to be no notebook."""
    generator = random.Random(4)
    odd: list[Any] = [None, True, 0, -1, 1e308, "", "code", "\ud800", [], {}, [None], {"a": {}}]
    whole = 0
    for _ in range(300):
        data = handed_in()
        for _ in range(generator.randint(1, 3)):
            _replace_one(data, generator, odd)
        try:
            submission = taken_in(tmp_path, source, data)
        except Unreadable:
            continue
        expect_whole(submission, source)
        whole += 1
    assert whole > 50


def _replace_one(data: Any, generator: random.Random, odd: list[Any]) -> None:
    places = list(_places(data))
    holder, key = generator.choice(places)
    if generator.random() < 0.2:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(generator.choice(odd))


def _places(data: Any) -> list[tuple[Any, Any]]:
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    found = [(data, key) for key in keys]
    for key in keys:
        if isinstance(data[key], dict | list):
            found += _places(data[key])
    return found


def test_a_notebook_of_nothing_but_the_students_own_cells_still_runs_them(
    tmp_path: Path, source: SourceNotebook
) -> None:
    submission = taken_in(tmp_path, source, notebook(cell("code", RIGHT["double"])))
    expect_whole(submission, source)
    assert RIGHT["double"] in submission.cells
