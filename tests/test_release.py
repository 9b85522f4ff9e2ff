"""What students get is generated from the source, and is up to date in the repository."""

from __future__ import annotations

from pathlib import Path

import nbformat

from autograder.course import load_course
from autograder.course.bonus import ordinary_cells
from autograder.release import gate
from autograder.release.gate.contract import read_contract
from autograder.release.release import build
from tests.course_copy import ROOT, copy_of_the_course


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_committed_release_is_what_the_source_gives_byte_for_byte(tmp_path: Path) -> None:
    course = load_course(copy_of_the_course(tmp_path))
    written = _files(build(course, "vgg16"))
    assert written == _files(ROOT / "release" / "vgg16")
    assert written == _files(build(course, "vgg16"))


def test_a_helper_file_has_one_text_of_which_only_the_release_holds_a_copy() -> None:
    for name in ("course_data.py", "training_tools.py"):
        text = ROOT / "autograder" / "data" / name
        links = [ROOT / folder / "vgg16" / name for folder in ("source", "solutions")]
        assert [link.is_symlink() and link.resolve() for link in links] == [text, text]
        copy = ROOT / "release" / "vgg16" / name  # handed out, so it stands alone
        assert not copy.is_symlink()
        assert copy.read_bytes() == text.read_bytes()


def test_the_gate_finds_nothing_in_the_committed_release() -> None:
    """No leak, points and ids of the contract, a right and a wrong case for every grader."""
    course = load_course(ROOT)
    committed = ROOT / "release" / "vgg16"
    assert gate.examine_source(course, "vgg16") == []
    assert gate.examine_drafts(course, "vgg16", (committed, committed)) == []


def test_the_contract_has_100_points_and_names_after_functions() -> None:
    course = load_course(ROOT)
    assert read_contract(course.graders("vgg16") / "contract.toml").total == 100
    books = course.notebooks("vgg16").values()
    cells = [cell for book in books for cell in ordinary_cells(course, "vgg16", book)]
    assert sum(cell.max_score for cell in cells if not cell.manual) == 88
    assert all(cell.manual or cell.grade_id == f"{cell.solution}_tests" for cell in cells)


def test_the_answer_key_is_executed_has_figures_and_says_where() -> None:
    note = (ROOT / "solutions" / "vgg16" / "EXECUTED.md").read_text()
    on_a_gpu = "Executed at **full size**" in note
    assert on_a_gpu != ("No GPU took part" in note)
    for path in sorted((ROOT / "source" / "vgg16").glob("*.ipynb")):
        key = nbformat.read(ROOT / "solutions" / "vgg16" / path.name, as_version=4)
        source = nbformat.read(path, as_version=4)
        assert [cell.source for cell in key.cells] == [cell.source for cell in source.cells]
        outputs = [out for cell in key.cells if cell.cell_type == "code" for out in cell.outputs]
        assert any("image/png" in out.get("data", {}) for out in outputs), path.name
        assert not [out for out in outputs if out.output_type == "error"]
        texts = "".join(out.get("text", "") for out in outputs)
        assert path.stem != "3_training" or on_a_gpu != ("trained on the CPU, no GPU" in texts)
