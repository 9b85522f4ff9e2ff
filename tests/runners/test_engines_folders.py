"""The kit itself, by an engine's recipe: from its folder with a submission to the file that the engine reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from autograder.runners import RUNNERS, runner_script
from autograder.sandbox.forms import ONLY
from tests.report.test_engines import (
    RUNNER,
    autoresult,
    is_classroom50,
    is_junit,
    is_prairielearn,
)
from tests.report.test_gradescope import RULES as RESULTS_JSON
from tests.sandbox.here import FORM
from tests.tiny_course import TinyCourse


class Engine:
    """A machine of an engine's, with the tiny course in it and a submission that has 3 of 7 points."""

    def __init__(self, tiny: TinyCourse, root: Path) -> None:
        tiny.submission("ada", {"mean": "def mean(numbers):\n    return 0"})
        tiny.config += f"c.BoxSettings.wall = {FORM!r}\n"
        tiny.write("course_config.py", tiny.config)
        self.root, self.handed_in = root, tiny.root / "submitted/ada/tiny"
        kit = shutil.which("autograder", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert kit is not None
        own = tiny.root / ".venv/bin/autograder"
        own.parent.mkdir(parents=True)
        own.write_text(f'#!/bin/sh\nexec {kit} "$@"\n')
        own.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{own.parent}:{os.environ['PATH']}"}
        self.env |= {"COURSE": str(tiny.root), "GRADING_COURSE": str(tiny.root)}

    def submission_in(self, name: str) -> Path:
        """The engine's folder for a submission, with what was handed in."""
        folder = self.root / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        return self.handed_in.rename(folder)

    def run(self, *command: str | Path, folder: Path | None = None, **env: str | Path) -> str:
        more = {name: str(value) for name, value in env.items()}
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder or self.root,
            env={**self.env, **more},
            check=True,
            timeout=300,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout


def prairielearn(engine: Engine) -> dict[str, float]:
    grade = engine.submission_in("grade/student").parent
    engine.run("bash", RUNNERS["prairielearn"], GRADE_FOLDER=grade)
    text = (grade / "results/results.json").read_text()
    is_prairielearn(text)
    found = json.loads(text)
    assert found["score"] == pytest.approx(3 / 7)
    return {test["name"]: test["points"] for test in found["tests"]}


def gradescope(engine: Engine) -> dict[str, float]:
    folder = engine.submission_in("autograder/submission").parent
    engine.run("bash", RUNNERS["gradescope"], folder=folder, AUTOGRADER_FOLDER=folder)
    found = json.loads((folder / "results/results.json").read_text())
    RESULTS_JSON.validate(found)
    return {test["name"]: test["score"] for test in found["tests"]}


def autolab(engine: Engine) -> dict[str, float]:
    handed_in = engine.submission_in("work/handed_in")
    tar = ["tar", "--create", "--file", "handin.tar", "--directory", str(handed_in), "."]
    engine.run(*tar, folder=handed_in.parent)
    shutil.rmtree(handed_in)
    course = f"COURSE={engine.env['COURSE']}"
    make = ["make", "--silent", "--file", str(RUNNERS["autolab"]), course, "PROBLEM=any"]
    return autoresult(engine.run(*make, folder=handed_in.parent))


def classroom50(engine: Engine) -> dict[str, float]:
    checkout = engine.submission_in("checkout")
    engine.run(sys.executable, RUNNERS["classroom50"], folder=checkout, **RUNNER)
    text = (checkout / "result.json").read_text()
    is_classroom50(text)
    return {test["test-name"]: test["score"] / 100 for test in json.loads(text)["tests"]}


def junit(engine: Engine) -> dict[str, float]:
    project = engine.submission_in("project")
    job = yaml.safe_load(runner_script("junit"))["grade"]
    engine.run("bash", "-e", "-c", *job["script"], CI_PROJECT_DIR=project)
    text = (project / job["artifacts"]["reports"]["junit"]).read_text()
    is_junit(text)
    cases = ElementTree.fromstring(text).iter("testcase")
    failed = sorted(
        case.find("failure") is not None for case in cases if "skipped" not in {c.tag for c in case}
    )
    assert failed == [False, False, True], "two checks of the one item, one of the other"
    return {"double_tests": 3.0, "mean_tests": 0.0}


IN_CONTAINERS = [gradescope, autolab, classroom50, junit]


@pytest.mark.parametrize(
    "engine",
    [
        prairielearn,
        *(
            pytest.param(
                engine,
                marks=pytest.mark.skipif(
                    ONLY not in os.environ, reason="one is enough here; .ci/container has all"
                ),
            )
            for engine in IN_CONTAINERS
        ),
    ],
    ids=lambda engine: engine.__name__,
)
def test_from_an_engines_folder_to_its_results(
    engine: Callable[[Engine], dict[str, float]], tiny: TinyCourse, tmp_path: Path
) -> None:
    found = engine(Engine(tiny, tmp_path / "engine"))
    autograded = {
        name.removeprefix("tiny: "): points for name, points in found.items() if points is not None
    }
    assert autograded == {"double_tests": 3, "mean_tests": 0}
