"""What is no notebook is not a zero: whatever stands in a notebook's place is named for staff."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from autograder.course import SourceNotebook
from autograder.course.intake import find_notebooks
from tests.course.test_finding import as_released, work, write
from tests.damages import cell_of, other_source
from tests.tiny_course import RIGHT, cell, notebook

PAGE = "<!DOCTYPE html>\n<html><body>In [1]: def double(x)</body></html>"
LINK = "https://colab.research.google.com/drive/1AbCdEf?usp=sharing"


STAND_INS: dict[str, tuple[str | None, str]] = {  # by name: what is in it, and what staff should do
    "tiny.html": (PAGE, "ask the student for tiny.ipynb itself"),
    "Tiny (1).HTM": (PAGE, "ask the student for tiny.ipynb itself"),
    "homework.pdf": ("%PDF-1.7", "ask the student"),
    "essay.docx": ("PK", "ask the student"),
    "homework.zip": ("PK", "Unpack it"),
    "all.tar.gz": ("\x1f\x8b", "Unpack it"),
    "submission.txt": (f"My notebook:\n{LINK}\n", "It holds a link and no work"),
    "link": ("https://github.com/ana/hw/blob/main/tiny.ipynb", "It holds a link and no work"),
    "tiny.gdoc": ('{"url": "https://docs.google.com/open?id=1"}', "It holds a link and no work"),
    "colab.url": (f"[InternetShortcut]\nURL={LINK}", "It holds a link and no work"),
    "tiny.py": ("# coding: utf-8\n# In[1]:\ndef double(x): ...", "ask the student"),
    "colab.py": ("# -*- coding: utf-8 -*-\n# In [1]\n", "ask the student"),
    "percent.py": ("# %%\ndef double(x): ...", "ask the student"),
    "tiny.png": ("\x89PNG", "If it is the student's work"),
    "tiny": (None, "rename it"),
    "tiny.ipynb.crdownload": ('{"cells": [', "rename it"),
    ".ipynb_checkpoints/tiny-checkpoint.ipynb": (json.dumps(work()), "kept it of an earlier state"),
}


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.parametrize("alone", [True, False])
def test_what_stands_in_a_notebooks_place_is_named_for_staff(
    name: str, alone: bool, tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    text, advice = STAND_INS[name]
    others = {} if alone else {"other.ipynb": other_source(), "helper.py": "x = 1"}
    found = find_notebooks(write(tmp_path, **{name: text, **others}), sources)
    assert found["tiny"].notebook is None
    assert f"tiny.ipynb is not there, but {name}" in found["tiny"].why
    assert advice in found["tiny"].why


ANYTHING = {
    "sorry.txt": "I was ill.",
    "empty.txt": "",
    "utils.py": RIGHT["double"],
    "plot.png": "x",
}


@pytest.mark.parametrize("name", ANYTHING)
def test_where_nothing_else_was_handed_in_anything_is_looked_at(
    name: str, tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    folder = write(tmp_path, **{name: ANYTHING[name]})
    assert f"but {name} is" in find_notebooks(folder, sources)["tiny"].why
    write(folder, **{"other.ipynb": other_source()})
    assert "tiny" not in find_notebooks(folder, sources), "with another notebook it goes with that"
    (folder / "other.ipynb").unlink()
    assert find_notebooks(folder, sources, given=[name]) == {}, "the course gave it"


def test_a_folder_that_holds_nothing_of_the_students_is_empty(
    tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{".keep": "", ".git/config": "x", "timestamp.txt": "now", ".DS_Store": "x"})
    assert find_notebooks(tmp_path, sources) == {}


def test_a_link_in_the_file_system_is_named_and_not_followed(
    tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    outside = write(tmp_path / "outside", **{"tiny.ipynb": work()})
    folder = write(tmp_path / "in", **{"timestamp.txt": "now"})
    assert find_notebooks(folder, sources) == {}, "nothing of the student's"
    (folder / "work").symlink_to(outside)
    assert "but work is" in find_notebooks(folder, sources)["tiny"].why
    (folder / "work").unlink()
    os.mkfifo(folder / "tiny.html")
    assert "but tiny.html is" in find_notebooks(folder, sources)["tiny"].why


def test_an_export_beside_its_own_notebook_stands_for_no_other(
    tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny.ipynb": work(), "tiny.html": PAGE, "tiny.py": "# In[1]:"})
    found = find_notebooks(tmp_path, sources)
    assert list(found) == ["tiny"]
    assert found["tiny"].notebook is not None


def test_a_link_to_elsewhere_in_a_readme_is_no_notebook(
    tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny.ipynb": work(), "README.md": "See https://course.example/ for more."})
    assert list(find_notebooks(tmp_path, sources)) == ["tiny"]


def linked(cells: list[dict[str, Any]], link: str) -> dict[str, Any]:
    data = copy.deepcopy(as_released())
    data["cells"] = cells or data["cells"]
    data["cells"].append({**cell("markdown", link), "id": "link"})
    return data


@pytest.mark.parametrize(
    "data",
    [
        notebook(cell("markdown", f"[my notebook]({LINK})")),
        notebook(cell("code", f"# here it is\n{LINK}")),
        linked([], f"My work is at {LINK}"),
    ],
    ids=["markdown", "code", "below the release"],
)
@pytest.mark.parametrize("name", ["tiny.ipynb", "Copy of tiny.ipynb"])
def test_a_notebook_that_holds_only_a_link_is_named(
    name: str, data: dict[str, Any], tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    found = find_notebooks(write(tmp_path, **{name: data}), sources)
    assert found["tiny"].notebook is None
    assert "holds only a link" in found["tiny"].why or f"but {name} is" in found["tiny"].why


def test_work_that_holds_a_link_is_work(tmp_path: Path, sources: dict[str, SourceNotebook]) -> None:
    data = as_released()
    cell_of(data, "double")["source"] = f'data = load("{LINK}")\n'
    found = find_notebooks(write(tmp_path, **{"tiny.ipynb": data}), sources)
    assert found["tiny"].notebook is not None


@pytest.mark.parametrize("cells", [[], [cell("code", "")]], ids=["no cells", "an empty one"])
def test_a_new_notebook_with_nothing_in_it_is_named(
    cells: list[dict[str, Any]], tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    found = find_notebooks(write(tmp_path, **{"tiny.ipynb": notebook(*cells)}), sources)
    assert "nothing in it" in found["tiny"].why


def test_the_release_with_the_work_in_another_form_beside_it_is_named(
    tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    write(tmp_path, **{"tiny.ipynb": as_released(), "other.ipynb": other_source()})
    assert find_notebooks(tmp_path, sources)["tiny"].notebook is not None
    write(tmp_path, **{"tiny (2).html": PAGE})
    assert (
        "as it was released, but tiny (2).html is" in find_notebooks(tmp_path, sources)["tiny"].why
    )


FORMS = {
    "a page (HTML)": PAGE.encode(),
    "a PDF": b"%PDF-1.7\n\xff",
    "a zip archive": b"PK\x03\x04\0\0",
    "a text with a link": LINK.encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_has_a_notebooks_name_and_is_none_is_called_what_it_is(
    form: str, tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    (tmp_path / "tiny.ipynb").write_bytes(FORMS[form])
    assert f"tiny.ipynb is {form}" in find_notebooks(tmp_path, sources)["tiny"].why


@pytest.mark.parametrize("content", [*FORMS.values(), b"", b'{"cells": [', b"{}", b"\xff\xfe\xff"])
def test_staff_read_what_to_do_about_a_file_that_is_no_notebook(
    content: bytes, tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    (tmp_path / "tiny.ipynb").write_bytes(content)
    why = find_notebooks(tmp_path, sources)["tiny"].why
    assert why.endswith(". Ask the student for the right file, put it there and grade again")
    (tmp_path / "my tiny.ipynb").write_text(json.dumps(work()))
    (said,) = find_notebooks(tmp_path, sources)["tiny"].said
    assert said.startswith("my tiny.ipynb was taken for tiny.ipynb, for tiny.ipynb is ")
    assert "Ask the student" not in said, "there is nothing to ask for"


@pytest.mark.parametrize("name", ["tiny.json", "TINY", "sub/tiny.txt"])
def test_a_notebook_whose_suffix_was_lost_is_graded(
    name: str, tmp_path: Path, sources: dict[str, SourceNotebook]
) -> None:
    found = find_notebooks(write(tmp_path, **{name: work()}), sources)
    assert found["tiny"].notebook is not None
    assert found["tiny"].said == (f"{name} was taken for tiny.ipynb",)
