"""What students get is generated from the source, and is up to date in the repository."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from autograder.course import load_course
from autograder.course.bonus import ordinary_cells
from autograder.release import gate
from autograder.release.gate.contract import read_contract
from autograder.release.release import build
from tests.course_copy import ROOT, copy_of_the_course

ASSIGNMENTS = sorted(path.name for path in (ROOT / "source").iterdir() if path.is_dir())


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_committed_release_is_what_the_source_gives_byte_for_byte(
    assignment: str, tmp_path: Path
) -> None:
    course = load_course(copy_of_the_course(tmp_path))
    written = _files(build(course, assignment))
    assert written == _files(ROOT / "release" / assignment)
    assert written == _files(build(course, assignment))


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_helper_file_has_one_text_of_which_only_the_release_holds_a_copy(
    assignment: str,
) -> None:
    source, kit = ROOT / "source" / assignment, ROOT / "autograder"
    ours = [path for path in source.iterdir() if path.is_symlink()]
    assert {path.name for path in ours} == {
        path.name for path in source.iterdir() if path.suffix in (".py", ".safetensors")
    }
    for link in ours:
        text = link.resolve()
        assert text.is_relative_to(kit)
        other = ROOT / "solutions" / assignment / link.name
        assert other.is_symlink()
        assert other.resolve() == text
        copy = ROOT / "release" / assignment / link.name  # handed out, so it stands alone
        assert not copy.is_symlink()
        assert copy.read_bytes() == text.read_bytes()


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_gate_finds_nothing_in_the_committed_release(assignment: str) -> None:
    """No leak, points and ids of the contract, a right and a wrong case for every grader."""
    course = load_course(ROOT)
    committed = ROOT / "release" / assignment
    assert gate.examine_source(course, assignment) == []
    assert gate.examine_drafts(course, assignment, (committed, committed)) == []


def test_the_lectures_contract_has_100_points() -> None:
    course = load_course(ROOT)
    assert read_contract(course.graders("vgg16") / "contract.toml").total == 100
    books = course.notebooks("vgg16").values()
    cells = [cell for book in books for cell in ordinary_cells(course, "vgg16", book)]
    assert sum(cell.max_score for cell in cells if not cell.manual) == 88


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_grade_cell_is_named_after_its_function(assignment: str) -> None:
    course = load_course(ROOT)
    books = course.notebooks(assignment).values()
    cells = [cell for book in books for cell in ordinary_cells(course, assignment, book)]
    assert all(cell.manual or cell.grade_id == f"{cell.solution}_tests" for cell in cells)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_answer_key_is_executed_has_figures_and_says_where(assignment: str) -> None:
    note = (ROOT / "solutions" / assignment / "EXECUTED.md").read_text()
    on_a_gpu = "Executed at **full size**" in note
    assert on_a_gpu != ("No GPU took part" in note)
    for path in sorted((ROOT / "source" / assignment).glob("*.ipynb")):
        key = nbformat.read(ROOT / "solutions" / assignment / path.name, as_version=4)
        source = nbformat.read(path, as_version=4)
        assert [cell.source for cell in key.cells] == [cell.source for cell in source.cells]
        outputs = [out for cell in key.cells if cell.cell_type == "code" for out in cell.outputs]
        assert any("image/png" in out.get("data", {}) for out in outputs), path.name
        assert not [out for out in outputs if out.output_type == "error"]
        texts = "".join(out.get("text", "") for out in outputs)
        whole = (assignment, path.stem) != ("vgg16", "3_training")
        assert whole or on_a_gpu != ("trained on the CPU, no GPU" in texts)
