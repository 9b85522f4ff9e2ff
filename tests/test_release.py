"""What students get is generated from the source, and is up to date in the repository."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from autograder.course import load_course
from autograder.course.cells import grade_id_of
from autograder.engine.release import build
from tests.course_copy import ROOT, copy_of_the_course

POINTS = {
    "1_data_and_head": {"make_transform_tests": 3, "make_loaders_tests": 5, "swap_head_tests": 10},
    "2_parameters": {
        "conv2d_parameters_tests": 4,
        "linear_parameters_tests": 4,
        "parameter_table_tests": 6,
        "count_parameters_tests": 8,
    },
    "3_training": {
        "pick_device_tests": 2,
        "make_criterion_and_optimizer_tests": 4,
        "train_epoch_tests": 12,
        "validate_tests": 6,
        "fit_tests": 6,
        "plot_history_tests": 2,
    },
    "4_kernels": {
        "copy_kernels_tests": 4,
        "kernel_mosaic_tests": 6,
        "channel_mosaic_tests": 4,
        "plot_kernel_change_tests": 2,
    },
}
WRITTEN = {
    "1_data_and_head": "why_ten",
    "3_training": "read_the_curves",
    "4_kernels": "what_changed",
}


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


def test_points_and_names_are_those_of_the_contract() -> None:
    sources = load_course(ROOT).notebooks("vgg16")
    found = {
        name: {cell.grade_id: cell for cell in book.grade_cells} for name, book in sources.items()
    }
    assert {
        name: {grade_id: cell.max_score for grade_id, cell in cells.items() if not cell.manual}
        for name, cells in found.items()
    } == POINTS
    written = {
        (name, cell.grade_id, cell.max_score)
        for name, cells in found.items()
        for cell in cells.values()
        if cell.manual
    }
    assert written == {(name, grade_id, 4) for name, grade_id in WRITTEN.items()}
    assert sum(cell.max_score for cells in found.values() for cell in cells.values()) == 100
    for cells in found.values():
        assert all(
            cell.manual or cell.grade_id == f"{cell.solution}_tests" for cell in cells.values()
        )


def test_no_solution_and_no_model_answer_is_in_the_release() -> None:
    released = b"".join(_files(ROOT / "release" / "vgg16").values()).decode()
    assert "BEGIN SOLUTION" not in released
    for path in (ROOT / "source" / "vgg16").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            name = grade_id_of(cell) or ""
            if not cell.metadata.get("nbgrader", {}).get("solution"):
                continue
            text = cell.source
            if cell.cell_type == "code":
                text = text.partition("### BEGIN SOLUTION")[2].partition("### END SOLUTION")[0]
            lines = [line.strip() for line in text.splitlines() if len(line.strip()) > 40]
            assert text.strip(), name
            for line in lines:
                assert json.dumps(line)[1:-1] not in released, (name, line)


def test_the_answer_key_is_executed_and_has_figures() -> None:
    for path in sorted((ROOT / "source" / "vgg16").glob("*.ipynb")):
        key = nbformat.read(ROOT / "solutions" / "vgg16" / path.name, as_version=4)
        source = nbformat.read(path, as_version=4)
        assert [cell.source for cell in key.cells] == [cell.source for cell in source.cells]
        outputs = [out for cell in key.cells if cell.cell_type == "code" for out in cell.outputs]
        assert any("image/png" in out.get("data", {}) for out in outputs), path.name
        assert not [out for out in outputs if out.output_type == "error"]
