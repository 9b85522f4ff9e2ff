"""Which files lie beside a notebook in its box: what it can import and names, whatever else there is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from autograder.course import beside, walk
from autograder.course.beside import FilesBeside, some, that_fit, unused
from autograder.course.walk import list_folder
from tests.course.test_finding import write
from tests.tiny_course import cell, notebook


def picked(folder: Path, code: str = "", *, notebook: str = "", taken_from: str = "") -> list[str]:
    return sorted(FilesBeside(list_folder(folder)).pick(code, notebook, taken_from).files)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "MAX_FILES", 3)


@pytest.mark.usefixtures("few")
def test_modules_come_before_data_and_what_lies_at_the_top_before_what_lies_below(
    tmp_path: Path,
) -> None:
    names = [f"data/{number}.txt" for number in range(9)]
    write(tmp_path, **dict.fromkeys((*names, "z.csv", "deep/er/utils.py", "utils.py"), "x"))
    found = FilesBeside(list_folder(tmp_path)).pick()
    assert sorted(found.files) == ["deep/er/utils.py", "utils.py", "z.csv"]
    assert found.left_out == names


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("code", ["load('data/w 8.bin')", "open(f'{here}/w_8.bin')", "w = '8'"])
def test_a_file_that_the_notebook_names_comes_before_others(code: str, tmp_path: Path) -> None:
    wanted = "data/w_8.bin" if "w_8" in code else "data/w 8.bin"
    write(tmp_path, **dict.fromkeys(("a.txt", "b.txt", "c.txt", "d.txt", wanted), "x"))
    assert wanted in picked(tmp_path, code)


@pytest.mark.usefixtures("few")
def test_what_a_program_keeps_for_itself_comes_last(tmp_path: Path) -> None:
    write(tmp_path, **dict.fromkeys((".venv/a.py", ".venv/b.py", "a.bin", "x/y/z/utils.py"), "x"))
    assert picked(tmp_path) == [".venv/a.py", "a.bin", "x/y/z/utils.py"]


def test_a_large_file_takes_no_room_from_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MAX_MIB", 2)
    write(tmp_path, **{"a.pt": "", "b.txt": "x", "c.pt": ""})
    os.truncate(tmp_path / "a.pt", 2 * 2**20)
    os.truncate(tmp_path / "c.pt", 2**30)
    found = FilesBeside(list_folder(tmp_path)).pick()
    assert (list(found.files), found.left_out) == (["b.txt"], ["a.pt", "c.pt"])


def test_a_notebook_that_the_notebook_runs_lies_beside_it(tmp_path: Path) -> None:
    inner: Any = notebook(cell("code", "%run more.ipynb"))
    nothing: Any = notebook(cell("code", "1"))
    write(tmp_path, **{"tiny.ipynb": inner, "helpers.ipynb": inner, "more.ipynb": nothing})
    write(tmp_path, **{"scratch.ipynb": nothing, "my helpers.ipynb": nothing})
    for code in ("%run helpers.ipynb", "%run helpers", "import helpers", "%run ./helpers.ipynb"):
        assert picked(tmp_path, code, notebook="tiny.ipynb") == ["helpers.ipynb", "more.ipynb"]
    assert "my helpers.ipynb" in picked(tmp_path, '%run "my helpers.ipynb"')
    assert picked(tmp_path, "x = 1") == []


def test_notebooks_that_run_each_other_end(tmp_path: Path) -> None:
    for one, other in (("a_a", "b_b"), ("b_b", "a_a")):
        write(tmp_path, **{f"{one}.ipynb": notebook(cell("code", f"%run {other}.ipynb"))})
    assert picked(tmp_path, "%run a_a.ipynb") == ["a_a.ipynb", "b_b.ipynb"]


def test_what_lay_beside_the_notebook_lies_beside_it_in_the_box(tmp_path: Path) -> None:
    write(tmp_path, **{"mine.py": "top", "hw 1/mine.py": "beside", "hw 1/x.ipynb": "{}"})
    files = FilesBeside(list_folder(tmp_path)).pick("x", "hw 1/x.ipynb", "hw 1").files
    assert files == {"hw 1/mine.py": b"beside", "mine.py": b"beside"}


def test_what_is_taken_does_not_depend_on_the_disks_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MAX_FILES", 5)
    for number in range(20):
        write(tmp_path, **{f"{number % 3}/{number}.dat": "x", f"{number}.txt": "x"})
    seen = []
    real = walk._scan
    for turned in (False, True):
        monkeypatch.setattr(
            walk,
            "_scan",
            lambda *where, turned=turned: sorted(
                real(*where), key=lambda entry: entry.place, reverse=turned
            ),
        )
        listing = list_folder(tmp_path, max_entries=12)
        assert listing.more
        assert len(listing.entries) == 12
        seen.append(FilesBeside(listing).pick())
    assert seen[0] == seen[1]


def test_a_folder_within_folders_without_end_is_looked_through_to_a_depth(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 100)).mkdir(parents=True)
    write(tmp_path, **{"x.py": "1"})
    listing = list_folder(tmp_path)
    assert listing.more
    assert [entry.place for entry in listing.files] == ["x.py"]


def test_what_nobody_reads_is_listed(tmp_path: Path) -> None:
    write(tmp_path, **{"essay.pdf": "x", "a/old.zip": "x", "utils.py": "x", ".DS_Store": "x"})
    (tmp_path / "link.csv").symlink_to("/nowhere")
    write(tmp_path, **{"bad\nname.html": "x"})
    assert list(unused(list_folder(tmp_path))) == [
        "bad�name.html",
        "essay.pdf",
        "link.csv (a link, or no ordinary file)",
        "a/old.zip",
    ]
    write(tmp_path, **{".git/hooks/x.html": "x"})
    assert len(list(unused(list_folder(tmp_path)))) == 4, "a program's own"
    assert some(["a", "b", "c"], 2) == "a, b and 1 more"
    assert some(["a" * 200])[-1] == "…"


def test_names_that_are_no_text_are_left_out_and_said(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfc.py")).write_text("")
    found = FilesBeside(list_folder(tmp_path)).pick()
    assert (found.files, len(found.left_out)) == ({}, 1)
    json.dumps(found.left_out).encode()


@pytest.mark.parametrize(
    ("first", "others", "fitting"),
    [
        ("data/x", "data data/y", "data/y"),
        ("given.py", "given.py/z given.py", "given.py"),
        ("", "a/b/c a a/b a/d", "a/b/c a/d"),
        ("", "a a/b", "a"),
    ],
)
def test_no_file_lies_where_another_ones_folder_is(first: str, others: str, fitting: str) -> None:
    """Else no box can be filled with them, and nothing of the notebook is judged."""
    files = {name: name.encode() for name in others.split()}
    assert [*that_fit(dict.fromkeys(first.split(), b""), files)] == fitting.split()
