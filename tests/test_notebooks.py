"""The notebooks as students have them: they run to the end, and no wrong function breaks a picture."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autograder.course import load_course
from autograder.data import course_data
from autograder.release.cases import read_cases

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "source").glob("*/*.ipynb"))
MOST_WORDS = 92  # of prose that is seen: of GPU-Puzzles' cells, the largest has so many

# Runs cells as a notebook does: what they print, what they raise, how many figures they show.
RUN = """
import contextlib, io, json, signal, sys, warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
torch.set_num_threads(1)
shown = []
plt.show = lambda *_, **__: (shown.extend(plt.get_fignums()), plt.close("all"))
told = []


def run(name, cells, names):
    for label, source in cells:
        signal.setitimer(signal.ITIMER_PROF, 60)
        out, before, raised = io.StringIO(), len(shown), ""
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(source, "/tmp/ipykernel_1/cell.py", "exec"), names)
        except BaseException as error:
            raised = f"{type(error).__name__}: {error}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        plt.close("all")
        told.append([name, label, out.getvalue(), raised, len(shown) - before])


def too_slow(*_):
    raise TimeoutError("too slow")


signal.signal(signal.SIGPROF, too_slow)
for name, cells, *cases in json.load(sys.stdin):
    names = {"__name__": "__main__"}
    run(name, cells, names)
    for case in cases[0] if cases else []:
        run(name, case, dict(names))
json.dump(told, sys.stdout)
"""


def run_cells(assignment: str, notebooks: list[Any], folder: Path) -> list[Any]:
    for file in (ROOT / "source" / assignment).iterdir():
        if file.suffix in (".py", ".safetensors"):
            (folder / file.name).write_bytes(file.read_bytes())
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("AUTOGRADER", "COURSE"))
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(notebooks), cwd=folder, text=True, capture_output=True,
        env={**environment, "PYTHONPATH": str(folder), "CUDA_VISIBLE_DEVICES": ""}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout))


def code_cells(notebook: Any) -> list[tuple[str, str]]:
    return [
        (str(cell.metadata.get("nbgrader", {}).get("grade_id")), cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("assignment", ["vgg16", "residual", "transfer"])
def test_run_all_of_the_release_reaches_the_end_with_every_picture(
    assignment: str, tmp_path: Path
) -> None:
    sources = load_course(ROOT).notebooks(assignment)
    told = run_cells(
        assignment, [[n, code_cells(source.released)] for n, source in sources.items()], tmp_path
    )
    assert [(name, label, raised) for name, label, _, raised, _ in told if raised] == []
    said = {label: out for _, label, out, _, _ in told}
    checks = [
        label for label in said if label.endswith("_tests") and label != "trained_weights_tests"
    ]
    assert checks
    for label in checks:
        (line,) = said[label].strip().splitlines()
        assert re.fullmatch(r"· \w+ is still empty\. \(\w+, [\d.]+ points?\)", line), label
    # A history, a change and a table are the student's own: there is nothing to draw before them.
    pictures = {
        label
        for source in sources.values()
        for label, text in code_cells(source.released)
        if re.search(r"^(?:tools\.)?show_(?!history|change|table)\w+\(", text, re.MULTILINE)
    }
    drawn = {label for _, label, _, _, count in told if count}
    assert pictures
    assert pictures <= drawn, "what is expected is drawn for an empty stub, too"


SLOW = {"training", "curves", "rates", "first_answers", "compare"}  # minutes, and what needs it
LONG = {"fit", "fine_tune"}  # pictures that train for seconds: two cases of each, or all of them
EVERY = bool(os.environ.get("EVERY_PICTURE"))


def picture_of(text: str) -> str:
    """What a solution's cell draws: what stands below the function, from its first line at the margin."""
    _, solution, tail = text.rpartition("### END SOLUTION\n")
    found = re.search(r"^\S.*", tail, re.DOTALL | re.MULTILINE) if solution else None
    return found[0] if found else ""


def wrong_cases(assignment: str) -> list[Any]:
    """For each notebook its cells with the reference, and each wrong case with the pictures that use it."""
    runs = []
    long: Counter[str] = Counter()
    course = load_course(ROOT)
    cases = [case for case in read_cases(course.cases(assignment)).values() if not case.right]
    for name, source in course.notebooks(assignment).items():
        cells = code_cells(source.notebook)
        ids = {label for label, _ in cells}
        pictures = {label: drawn for label, text in cells if (drawn := picture_of(text))}
        given = [cell for cell in cells if cell[0] not in SLOW and not cell[0].endswith("_tests")]
        after = [
            (label, text)
            for label, text in given
            if label not in pictures and "unless_stub(" in text
        ]
        tried = []
        for case in cases:
            if case.notebook == name and case.cells and set(case.cells) <= ids:
                for function in LONG & set(case.cells):
                    long[function] += 1
                if not EVERY and any(long[function] > 2 for function in case.cells):
                    continue
                own = [(f"{case.name}: {label}", text) for label, text in case.cells.items()]
                shown = [(f"{case.name}: picture", pictures.get(label, "")) for label in case.cells]
                later = [
                    (f"{case.name}: {label}", text)
                    for label, text in after
                    if any(f'"{function}"' in text for function in case.cells)
                ]
                tried.append([*own, *shown, *later])
        runs.append([name, given, tried])
    return runs


@pytest.mark.parametrize("assignment", ["vgg16", "residual", "transfer"])
def test_no_wrong_function_breaks_a_picture(assignment: str, tmp_path: Path) -> None:
    runs = wrong_cases(assignment)
    assert sum(len(tried) for _, _, tried in runs) > 5
    told = run_cells(assignment, runs, tmp_path)
    own = {label for _, _, tried in runs for cells in tried for label, _ in cells[:1]}
    broken = [(label, raised) for _, label, _, raised, _ in told if raised and label not in own]
    assert broken == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_prose_is_short_and_checks_are_folded(path: Path) -> None:
    for cell in json.loads(path.read_text())["cells"]:
        text = "".join(cell["source"])
        about = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "markdown" and not about:
            seen = re.sub(r"<details>.*?</details>|\$\$.*?\$\$", "", text, flags=re.DOTALL)
            seen = re.sub(r"^\|.*$", "", seen, flags=re.MULTILINE)  # a table is looked up, not read
            assert len(seen.split()) <= MOST_WORDS, text[:60]
        if about.get("grade") and not about.get("solution") and about.get("points"):
            assert cell["metadata"]["jupyter"] == {"source_hidden": True}
            name = text.split("\n")[1].split('"')[1]
            assert text.startswith(
                f"# @title Check: {name} ({about['points']:g} points)\nwith check("
            )
            (only,) = ast.parse(text).body
            assert isinstance(only, ast.With), "nothing stands outside of the check"


def test_a_check_prints_one_sentence_and_raises_only_in_the_autograder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with course_data.check("double", 1):
        pass
    with course_data.check("double", 3):
        raise AssertionError("4 is expected; yours is 5. Is it twice?")
    with course_data.check("double", 3):
        raise ValueError("no\nmore")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "✓ double: looks right so far. (1 point; hidden checks come later)"
    assert said[1] == "✗ double (3 points): 4 is expected; yours is 5. Is it twice?"
    assert said[2] == "✗ double (3 points): It raised ValueError: no. What did you expect there?"
    monkeypatch.setenv("AUTOGRADER_BOX", "1")
    with pytest.raises(AssertionError), course_data.check("double", 3):
        raise AssertionError("x")


def test_a_picture_that_breaks_is_drawn_without_what_broke_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = []

    @course_data.picture
    def show(function: Any) -> None:
        with course_data.unless_stub("broken"):
            function()
            raise TypeError("no number")
        seen.append("expected")

    @course_data.picture
    def show_later(function: Any) -> None:
        value = None
        with course_data.unless_stub("broken"):
            value = function()
        seen.append("expected" if value is None else value + 1)

    def broken() -> str:
        return "a"

    show(broken)
    show_later(broken)
    assert seen == ["expected", "expected"]
    assert capsys.readouterr().out.count("The check below says more.") == 2
