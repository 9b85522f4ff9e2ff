"""Damaged submissions, graded by this kit.

    python -m tests.benchmarks.damaged [--only colab]

The tiny assignment has two autograded functions of 3 and 4 points; every submission below has both right,
unless its name says otherwise, and something that happens to notebooks on their way to a grader. Prints a
table in markdown: the points that each gave, and what the kit said. Graders that read a notebook as it
comes lose points at some of these, or stop.
"""

from __future__ import annotations

import argparse
import copy
import inspect
import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from autograder.autograde.grade import grade_class
from autograder.autograde.records import load_card
from autograder.course import load_course
from autograder.release.release import build
from tests import damages
from tests.tiny_course import RIGHT, TinyCourse, cell

InNotebook = Callable[[dict[str, Any]], object]
OnFile = Callable[[Path], object]


def test_cell_deleted(data: dict[str, Any]) -> None:
    data["cells"].remove(damages.cell_of(data, "mean_tests"))


def points_and_ids_edited(data: dict[str, Any]) -> None:
    for entry in data["cells"]:
        about = entry["metadata"].get("nbgrader")
        if about and about.get("points"):
            about["points"] = 1000
    damages.cell_of(data, "mean")["metadata"]["nbgrader"]["grade_id"] = "mine"


def fake_grade_cell(data: dict[str, Any]) -> None:
    bonus = cell("code", "1", "bonus", grade=True, locked=True, points=99)
    data["cells"].append({**bonus, "id": "bonus"})


def kernelspec_edited(data: dict[str, Any]) -> None:
    data["metadata"]["kernelspec"] = {"name": "my-env", "display_name": "x", "language": "python"}


def newer_schema_version(data: dict[str, Any]) -> None:
    for entry in data["cells"]:
        if "nbgrader" in entry["metadata"]:
            entry["metadata"]["nbgrader"]["schema_version"] = 99


def outputs_of_100_mb(data: dict[str, Any]) -> None:
    shown = {"output_type": "stream", "name": "stdout", "text": "x" * 100 * 2**20}
    data["cells"][1]["outputs"] = [shown]


def a_library_writes_to_stderr(data: dict[str, Any]) -> None:
    one = damages.cell_of(data, "mean")
    body = "    import warnings\n    warnings.warn('slow')\n    return sum(numbers) / len(numbers)"
    one["source"] = "def mean(numbers):\n" + body


def the_kernel_ends_after_the_work(data: dict[str, Any]) -> None:
    damages.add(data, "rule", "code", "import os; os._exit(0)")


def a_loop_without_end_of_ones_own(data: dict[str, Any]) -> None:
    damages.add(data, "rule", "code", "while True: pass")


def renamed(path: Path) -> None:
    path.rename(path.with_name("tiny (1).ipynb"))


def in_a_subfolder(path: Path) -> None:
    (path.parent / "homework 1").mkdir()
    path.rename(path.parent / "homework 1" / "Copy of tiny.ipynb")


def byte_order_mark(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def utf_16(path: Path) -> None:
    path.write_bytes(path.read_text().encode("utf-16"))


def carriage_returns(path: Path) -> None:
    data = json.loads(path.read_text())
    for entry in data["cells"]:
        entry["source"] = "".join(entry["source"]).replace("\n", "\r\n")
    path.write_bytes(json.dumps(data, indent=1).replace("\n", "\r\n").encode())


def format_3(path: Path) -> None:
    book = nbformat.reads(path.read_text(), as_version=4)
    path.write_text(nbformat.writes(nbformat.convert(book, 3), version=nbformat.NO_CONVERT))


def junk_beside_it(path: Path) -> None:
    (path.parent / ".ipynb_checkpoints").mkdir()
    (path.parent / ".ipynb_checkpoints" / "tiny-checkpoint.ipynb").write_text("{}")
    (path.parent / "notes.ipynb").write_text(json.dumps({"cells": [], "nbformat": 4}))
    (path.parent / "link").symlink_to("/nowhere")


def damaged_timestamp(path: Path) -> None:
    (path.parent / "timestamp.txt").write_text("yesterday, I think")


def cut_off_in_the_middle(path: Path) -> None:
    path.write_text(path.read_text()[:700])


IN_NOTEBOOK: list[InNotebook] = [
    *(
        change
        for name, change in inspect.getmembers(damages, inspect.isfunction)
        if change.__module__ == damages.__name__
        and list(inspect.signature(change).parameters) == ["data"]
    ),
    test_cell_deleted,
    points_and_ids_edited,
    fake_grade_cell,
    kernelspec_edited,
    newer_schema_version,
    outputs_of_100_mb,
    a_library_writes_to_stderr,
    the_kernel_ends_after_the_work,
    a_loop_without_end_of_ones_own,
]
ON_FILE: list[OnFile] = [
    renamed,
    in_a_subfolder,
    byte_order_mark,
    utf_16,
    carriage_returns,
    format_3,
    junk_beside_it,
    damaged_timestamp,
    cut_off_in_the_middle,
]


def submission(folder: Path, pristine: dict[str, Any], change: Any) -> None:
    """Write a student's notebook, the work in it right, and do to it what happened."""
    folder.mkdir(parents=True)
    path = folder / "tiny.ipynb"
    data = copy.deepcopy(pristine)
    for entry in data["cells"]:
        entry["source"] = "".join(entry["source"])
        grade_id = entry["metadata"].get("nbgrader", {}).get("grade_id")
        entry["source"] = RIGHT.get(grade_id, entry["source"])
    if change in IN_NOTEBOOK:
        change(data)
    path.write_text(json.dumps(data))
    if change in ON_FILE:
        change(path)


def by_the_kit(root: Path, changes: list[Any]) -> dict[str, str]:
    """Points and what was said, by the damage's name."""
    tiny = TinyCourse(root)
    course = load_course(root)
    build(course, "tiny")
    pristine = json.loads((root / "release/tiny/tiny.ipynb").read_text())
    for change in changes:
        submission(tiny.root / f"submitted/{change.__name__}/tiny", pristine, change)
    grade_class(course, "tiny")
    found = {}
    for change in changes:
        card = load_card(course, "tiny", change.__name__)
        assert card is not None
        items = [item for book in card.notebooks for item in book.items if not item.manual]
        scores = [item.score for item in items]
        points = "staff" if None in scores else f"{sum(filter(None, scores)):g}"
        said = [*card.reasons, *(text for book in card.notebooks for text in book.repairs)]
        found[change.__name__] = f"{points} | {short(said[0]) if said else ''}"
    return found


def short(text: str) -> str:
    """One line of a table."""
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= 110 else f"{line[:107]}…"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="damages with this in their name")
    wanted = parser.parse_args().only
    changes = [one for one in [*IN_NOTEBOOK, *ON_FILE] if wanted in one.__name__]
    logging.getLogger("autograder").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        kit = by_the_kit(Path(folder).resolve(), changes)
    print("| damage | points of 7 | what was said |")
    print("|---|---|---|")
    for change in changes:
        print(f"| {change.__name__.replace('_', ' ')} | {kit[change.__name__]} |")


if __name__ == "__main__":
    main()
