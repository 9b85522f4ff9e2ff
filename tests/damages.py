"""Damages that happen to notebooks of the tiny assignment on their way to a grader."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from autograder.course import SourceNotebook, read_notebook, read_source, repair
from autograder.course.cells import grade_id_of
from autograder.course.repairing import RepairedNotebook
from tests.tiny_course import RIGHT, cell, notebook, tiny_source

IDS = ["double", "double_tests", "mean", "mean_tests", "rule", "why"]

STUBS = {
    "double": "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "mean": "def mean(numbers):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "why": "YOUR ANSWER HERE",
}


def handed_in() -> dict[str, Any]:
    """The source with the solutions filled in, as a student's notebook."""
    data = copy.deepcopy(tiny_source())
    for entry in data["cells"]:
        grade_id = entry["metadata"].get("nbgrader", {}).get("grade_id")
        entry["source"] = RIGHT.get(grade_id, entry["source"])
    return data


def other_source() -> dict[str, Any]:
    """A second notebook of the same assignment; one cell of it is in both."""
    solution = "def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION"
    return notebook(
        cell("markdown", "# Another part"),
        cell("markdown", "Why?", "rule", locked=True),
        cell("code", solution, "half", solution=True),
        cell("code", "half(2)", "half_tests", grade=True, locked=True, points=2),
    )


def source_of(folder: Path, data: dict[str, Any] | None = None) -> SourceNotebook:
    """A source notebook, by default the tiny assignment's, as the course reads it."""
    path = folder / "source" / "tiny.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(data or tiny_source()))
    return read_source(path)


def taken_in(folder: Path, source: SourceNotebook, data: Any) -> RepairedNotebook:
    """What intake makes of a notebook, or of the bytes of a file."""
    path = folder / "tiny.ipynb"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return repair(read_notebook(path), source)


def by_id(submission: RepairedNotebook) -> dict[str, Any]:
    return {str(grade_id_of(one)): one for one in submission.notebook.cells if grade_id_of(one)}


def expect_whole(submission: RepairedNotebook, source: SourceNotebook) -> None:
    """What every intake must end with, however the file looked."""
    cells = by_id(submission)
    assert sorted(cells) == sorted(IDS), "every cell of the course, once"
    assert len([one for one in submission.notebook.cells if grade_id_of(one)]) == len(IDS)
    for one in source.notebook.cells:
        grade_id = grade_id_of(one)
        if grade_id:
            assert cells[grade_id].cell_type == one.cell_type
            assert cells[grade_id].metadata.nbgrader == one.metadata.nbgrader, "points and locks"
            if one.metadata.nbgrader.locked:
                assert cells[grade_id].source == one.source
    assert submission.notebook.metadata.kernelspec == source.notebook.metadata.kernelspec
    nbformat.validate(submission.notebook)
    nbformat.writes(submission.notebook).encode()
    ids = [one.id for one in submission.notebook.cells]
    assert len(ids) == len(set(ids)), "cell ids are unique"
    again = repair(copy.deepcopy(submission.notebook), source)
    assert again.notebook == submission.notebook
    assert again.repairs == []


Change = Callable[[dict[str, Any]], Any]


def cell_of(data: dict[str, Any], grade_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        entry
        for entry in data["cells"]
        if entry["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


def add(
    data: dict[str, Any], at: str, kind: str, text: str, *, below: bool = False, **more: Any
) -> None:
    """Put a cell of a student's own above (or below) one of the course's."""
    place = data["cells"].index(cell_of(data, at)) + below
    data["cells"].insert(place, {**cell(kind, text), "id": f"own-{len(data['cells'])}", **more})


def copied(data: dict[str, Any], grade_id: str, text: str, *, below: bool) -> None:
    """Copy a cell, its metadata too, as Jupyter does, and give the copy another text."""
    metadata = copy.deepcopy(cell_of(data, grade_id)["metadata"])
    kind = cell_of(data, grade_id)["cell_type"]
    add(data, grade_id, kind, text, below=below, metadata=metadata)


def move(data: dict[str, Any], grade_id: str, place: int) -> None:
    one = cell_of(data, grade_id)
    data["cells"].remove(one)
    data["cells"].insert(place if place >= 0 else len(data["cells"]), one)


def copied_and_the_copy_is_a_stub(data: dict[str, Any]) -> None:
    copied(data, "double", STUBS["double"], below=True)


def copied_and_the_original_is_a_stub(data: dict[str, Any]) -> None:
    copied(data, "double", RIGHT["double"], below=False)
    data["cells"][2]["source"] = STUBS["double"]


def copied_without_metadata_above_the_stub(data: dict[str, Any]) -> None:
    cell_of(data, "mean")["source"] = STUBS["mean"]
    add(data, "mean", "code", RIGHT["mean"])


def copied_twice(data: dict[str, Any]) -> None:
    copied(data, "double", "def double(x):\n    return 3 * x", below=False)


def split_between_statements(data: dict[str, Any]) -> None:
    text = "import math\n\n" + RIGHT["mean"].replace("sum(", "math.fsum(")
    cell_of(data, "mean")["source"] = text
    head, tail = text.split("\n\n")
    copied(data, "mean", head, below=False)
    data["cells"][4]["source"] = tail


def split_within_a_function(data: dict[str, Any]) -> None:
    head, tail = RIGHT["mean"].split("\n", 1)
    cell_of(data, "mean")["source"] = head + '\n    """The mean."""'
    copied(data, "mean", tail, below=True)


def split_and_only_the_lower_part_has_the_id(data: dict[str, Any]) -> None:
    head, tail = RIGHT["mean"].split("\n", 1)
    cell_of(data, "mean")["source"] = tail
    add(data, "mean", "code", head + '\n    """The mean."""')


def moved_below_its_tests(data: dict[str, Any]) -> None:
    move(data, "double", 2)


def moved_to_the_end(data: dict[str, Any]) -> None:
    move(data, "double", -1)


def moved_above_everything(data: dict[str, Any]) -> None:
    move(data, "mean", 0)


def all_moved_around(data: dict[str, Any]) -> None:
    data["cells"].reverse()


def merged_into_the_cell_before(data: dict[str, Any]) -> None:
    """As JupyterLab does: the first cell's metadata, all sources, the other cells gone."""
    cell_of(data, "double")["source"] = f"{RIGHT['double']}\n\ndouble(2)\n\n{RIGHT['mean']}"
    for grade_id in ("double_tests", "mean"):
        data["cells"].remove(cell_of(data, grade_id))


def merged_but_the_stub_stayed(data: dict[str, Any]) -> None:
    cell_of(data, "double")["source"] += "\n\n\n" + RIGHT["mean"]
    cell_of(data, "mean")["source"] = STUBS["mean"]


def merged_into_a_locked_cell(data: dict[str, Any]) -> None:
    cell_of(data, "double_tests")["source"] += "\n\n" + RIGHT["mean"]
    data["cells"].remove(cell_of(data, "mean"))


def written_into_the_tests(data: dict[str, Any]) -> None:
    cell_of(data, "mean")["source"] = STUBS["mean"]
    cell_of(data, "mean_tests")["source"] = RIGHT["mean"] + "\n\nmean([1, 2])"


def cheated_in_the_tests(data: dict[str, Any]) -> None:
    cell_of(data, "double_tests")["source"] = "def double(x):\n    return 4\n\ndouble(2)"


def all_is_lost_but_the_text(data: dict[str, Any]) -> None:
    """Neither nbgrader's metadata nor cell ids, as after copying into a new notebook."""
    data["nbformat_minor"] = 0
    for entry in data["cells"]:
        entry["metadata"] = {}
        del entry["id"]


def solution_lost_its_metadata(data: dict[str, Any]) -> None:
    one = cell_of(data, "double")
    one.update(metadata={}, id="pasted")


def saved_by_colab(data: dict[str, Any]) -> None:
    """Format 4.0, ids in the metadata, a kernel without a language."""
    data["nbformat_minor"] = 0
    data["metadata"] = {
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
        "accelerator": "GPU",
        "widgets": {
            "application/vnd.jupyter.widget-state+json": {"a": {"model_name": "HBoxModel"}}
        },
    }
    for number, entry in enumerate(data["cells"]):
        entry["metadata"] = {
            **entry["metadata"],
            "id": f"Xy{number}",
            "outputId": "3f",
            "colab": {"base_uri": "https://localhost:8080/"},
        }
        entry["source"] = entry["source"].splitlines(keepends=True)
        del entry["id"]


def saved_by_vs_code(data: dict[str, Any]) -> None:
    """A kernel of its own, no language_info, ids and times of runs in the metadata."""
    data["nbformat_minor"] = 2
    data["metadata"] = {
        "kernelspec": {"name": "python3", "display_name": ".venv (3.12.1)"},
        "orig_nbformat": 4,
        "vscode": {"interpreter": {"hash": "0" * 64}},
    }
    for entry in data["cells"]:
        del entry["id"]
        entry["metadata"]["vscode"] = {"languageId": "python"}
        entry["metadata"]["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
        entry["source"] = entry["source"].replace("\n", "\r\n").splitlines(keepends=True)


def answer_written_below_its_cell(data: dict[str, Any]) -> None:
    cell_of(data, "why")["source"] = STUBS["why"]
    add(data, "why", "markdown", RIGHT["why"], below=True)


def answer_written_into_the_question(data: dict[str, Any]) -> None:
    cell_of(data, "why")["source"] = STUBS["why"]
    cell_of(data, "rule")["source"] += "\n\n" + RIGHT["why"]


def answer_copied_below_as_a_stub(data: dict[str, Any]) -> None:
    copied(data, "why", STUBS["why"], below=True)


def answer_lost_its_metadata(data: dict[str, Any]) -> None:
    cell_of(data, "why").update(metadata={}, id="pasted")


def answer_split(data: dict[str, Any]) -> None:
    first, second = "Because a mean", "weighs all alike."
    cell_of(data, "why")["source"] = first
    copied(data, "why", second, below=True)


def a_test_copied_and_used_for_notes(data: dict[str, Any]) -> None:
    copied(data, "mean_tests", "mean([3, 4])  # my own try", below=True)


def solution_made_markdown_and_written_anew(data: dict[str, Any]) -> None:
    cell_of(data, "double").update(cell_type="markdown", source="an old try")
    copied(data, "double", RIGHT["double"], below=False)
    data["cells"][1].update(cell_type="code", outputs=[], execution_count=None)


def ids_swapped(data: dict[str, Any]) -> None:
    one, other = cell_of(data, "double"), cell_of(data, "mean_tests")
    one["metadata"], other["metadata"] = other["metadata"], one["metadata"]


def copied_split_and_stripped(data: dict[str, Any]) -> None:
    """Several at once: a stub below the work, its tests gone, fake points, nothing but text."""
    copied(data, "mean", STUBS["mean"], below=True)
    data["cells"].remove(cell_of(data, "double_tests"))
    add(
        data,
        "rule",
        "code",
        "1",
        metadata=cell("code", "", "bonus", grade=True, points=99)["metadata"],
    )
    moved_to_the_end(data)
    saved_by_colab(data)
