"""The answer key in an ordinary kernel, and what keeps a machine from making it at full size."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
import torch

from autograder.course import load_course
from autograder.data import draw_images, write_images
from autograder.errors import KitError
from autograder.release import answer_key
from autograder.release.answer_key import NOTE, make_answer_key
from tests.doors import autograder
from tests.tiny_course import TinyCourse

FIRST = "open('left.txt', 'w').write('kernels')"
SECOND = """
import os, given
print(open('left.txt').read(), given.NAME, os.path.realpath(os.environ['COURSE_DATA']))
print(sorted(os.listdir()))
"""


def write_notebook(course: TinyCourse, name: str, code: str) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    course.write(f"source/pair/{name}.ipynb", nbformat.writes(book))


def test_notebooks_run_one_after_the_other_where_they_find_each_others_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of the full size; no GPU takes part here, so what finds one is left out."""
    tiny = TinyCourse(tmp_path / "course")
    write_notebook(tiny, "1_first", FIRST)
    write_notebook(tiny, "2_second", SECOND)
    tiny.write("shared/given.py", "NAME = 'given'")
    (tiny.root / "source" / "pair" / "given.py").symlink_to("../../shared/given.py")
    (tmp_path / "elsewhere.txt").write_text("not the course's")
    (tiny.root / "source" / "pair" / "elsewhere.txt").symlink_to(tmp_path / "elsewhere.txt")
    course = load_course(tiny.root)
    monkeypatch.setattr(answer_key, "check_full_size", lambda _: "a stand-in for a GPU")
    monkeypatch.setattr(answer_key, "_NEEDS_GPU", "open('first.txt', 'w').close()")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    made = make_answer_key(course, "pair", full_size=tmp_path)
    assert "COURSE_DATA" not in os.environ
    (cell,) = nbformat.read(made / "2_second.ipynb", as_version=4).cells
    said, files = cell.outputs[0].text.splitlines()
    assert said.split() == ["kernels", "given", str(tmp_path)]
    assert "first.txt" in files
    assert "on a stand-in for a GPU, with the real CIFAR-10" in (made / NOTE).read_text()
    assert {path.name for path in made.iterdir()} == {
        *("1_first.ipynb", "2_second.ipynb", "given.py", "elsewhere.txt", NOTE)
    }
    # One text of a helper file, and a key that can be run where it lies; but no link out of the course.
    assert (made / "given.py").readlink() == Path("../../shared/given.py")
    assert (made / "given.py").read_text() == "NAME = 'given'"
    assert not (made / "elsewhere.txt").is_symlink()

    monkeypatch.setattr(answer_key, "_NEEDS_GPU", "assert False, 'sees no GPU'")
    with pytest.raises(KitError):
        make_answer_key(course, "pair", full_size=tmp_path)
    write_notebook(tiny, "1_first", "1 / 0")
    with pytest.raises(KitError):
        make_answer_key(course, "pair", unsafe_no_box=True)
    assert nbformat.read(made / "1_first.ipynb", as_version=4).cells[0].source == FIRST


def test_without_a_gpu_the_full_size_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    tiny = TinyCourse(tmp_path / "course")
    result = autograder(tiny.root, "release", "tiny", "--full-size", tmp_path, code=2)
    assert "There is no GPU here that torch can use, so nothing was run" in result.output
    assert not (tiny.root / "solutions").exists()


def test_other_images_than_cifar_10_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(KitError, match="CIFAR-10 cannot be read, so nothing was run"):
        answer_key.check_full_size(tmp_path)
    write_images(tmp_path, "0123456789", draw_images(5, 1), draw_images(1, 2))
    with pytest.raises(KitError, match="not the real CIFAR-10, so nothing was run: it holds 5"):
        answer_key.check_full_size(tmp_path)
