"""The recipes for containers and engines: run as they are, with the engines' documented folders.

In the place of the kit stands a program that notes what it was asked and writes what the test has prepared, so
that a recipe costs nothing; `test_engines_folders.py` goes through some with the kit itself. The engines are not here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from autograder.report.engines import ENGINES, rows
from autograder.runners import RUNNERS, runner_script
from autograder.scorecard import Scorecard
from tests.report.test_engines import (
    MIXED,
    NOTHING,
    RUNNER,
    UNGRADED,
    autoresult,
    is_classroom50,
    is_codegrade,
    is_inginious,
    is_prairielearn,
    is_submitty,
)

# Writes what lies in READY, prints a staff's secret on both of its channels, and ends with CODE.
KIT = """
import os, pathlib, shutil, sys
pathlib.Path(os.environ["ASKED"]).write_text("\\n".join(sys.argv[1:]))
print("for staff: 271828")
print("for staff: 271828", file=sys.stderr)
if "READY" in os.environ and pathlib.Path(os.environ["READY"]).exists():
    shutil.copyfile(os.environ["READY"], sys.argv[-1])
sys.exit(int(os.environ["CODE"]))
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


class Machine:
    """A machine with a course, and the kit's stand-in on the PATH and in the course's own environment."""

    def __init__(self, root: Path) -> None:
        self.root, self.asked_file = root, root / "asked"
        self.course, self.work = root / "course", root / "work"
        for folder in (self.course / "records", self.work):
            folder.mkdir(parents=True)
        for place in (root / "bin/autograder", self.course / ".venv/bin/autograder"):
            program(place, KIT)
        self.more: dict[str, str] = {}

    def run(
        self, *command: str | Path, code: int = 0, ready: str | None = None, fd: bool = False
    ) -> str:
        """Run a recipe in the work folder: what it printed for students. With `fd`, what came out of 3."""
        file = self.root / "ready"
        file.unlink(missing_ok=True)
        if ready is not None:
            file.write_text(ready)
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        own = {"ASKED": str(self.asked_file), "READY": str(file), "CODE": str(code), "PATH": path}
        words = [str(word) for word in command]
        if fd:
            words = ["bash", "-c", '"$@" 3> ../three', "recipe", *words]
        done = subprocess.run(
            words,
            cwd=self.work,
            env={**os.environ, "COURSE": str(self.course), **own, **self.more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        self.code = done.returncode
        return (self.root / "three").read_text() if fd else done.stdout

    def asked(self) -> list[str]:
        return self.asked_file.read_text().split("\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def text_for(engine: str, card: Scorecard) -> str:
    text = ENGINES[engine].write(card, RUNNER)
    assert text is not None
    return text


def test_every_engine_and_container_has_its_recipe() -> None:
    assert {*ENGINES, "gradescope", "container", "docker", "kubernetes", "apptainer"} <= {*RUNNERS}
    for name, path in RUNNERS.items():
        assert runner_script(name) == path.read_text()
        assert f"runner {name}" in path.read_text() or name not in {
            "docker",
            "kubernetes",
            "apptainer",
        }


@pytest.mark.parametrize("name", [name for name, path in RUNNERS.items() if path.suffix == ".sh"])
def test_a_script_is_one(name: str) -> None:
    subprocess.run(["bash", "-n", RUNNERS[name]], check=True, timeout=60)


# PrairieLearn: /grade/student in, /grade/results/results.json out (docs/externalGrading.md).


@pytest.mark.parametrize(("card", "code"), [(MIXED, 1), (UNGRADED, 3), (None, 2)])
def test_prairielearn_gets_its_results_whatever_happens(
    machine: Machine, card: Scorecard | None, code: int
) -> None:
    grade = machine.root / "grade"
    (grade / "student").mkdir(parents=True)
    machine.more = {"GRADE_FOLDER": str(grade), "ASSIGNMENT": "vgg16"}
    ready = text_for("prairielearn", card) if card else None
    machine.run("bash", RUNNERS["prairielearn"], code=code, ready=ready)
    assert machine.code == 0
    results = (grade / "results/results.json").read_text()
    is_prairielearn(results)
    assert json.loads(results)["gradable"] == (code == 1)
    assert "271828" not in results
    course = str(machine.course)
    assert machine.asked()[:6] == [
        "--course", course, "score", f"{grade}/student", "--assignment", "vgg16",
    ]  # fmt: skip


def test_prairielearns_options_are_those_that_it_has() -> None:
    """schemas/infoQuestion.json there, by its documentation."""
    comment = re.sub(r"(?m)^# ?", "", runner_script("prairielearn"))
    block = comment[comment.index('"gradingMethod"') :].partition("\n\n")[0]
    found = json.loads(f"{{{block}}}")
    assert found["gradingMethod"] == "External"
    options = found["externalGradingOptions"]
    assert {*options} == {
        "enabled", "image", "entrypoint", "serverFilesCourse", "timeout", "enableNetworking", "environment",
    }  # fmt: skip
    assert options["timeout"] <= 600
    assert options["enableNetworking"] is False


# Autolab: make in an empty folder with the hand-in, and the last line of its output (docs/lab.md).


def autolab(machine: Machine, **asked: Any) -> str:
    return machine.run(
        "make", "--silent", "--file", RUNNERS["autolab"], f"COURSE={machine.course}", "PROBLEM=any", **asked
    )  # fmt: skip


@pytest.mark.parametrize(("card", "code"), [(MIXED, 1), (NOTHING, 3)])
def test_autolab_reads_the_scores_in_the_last_line_and_nothing_for_staff(
    machine: Machine, card: Scorecard, code: int
) -> None:
    made = machine.root / "1_data.ipynb"
    made.write_text("{}")
    tar = [
        "tar",
        "--create",
        "--file",
        str(machine.work / "handin.tar"),
        "--directory",
        str(made.parent),
    ]
    subprocess.run([*tar, made.name], check=True, timeout=60)
    said = autolab(machine, code=code, ready=text_for("autolab", card))
    assert machine.code == 0
    assert said == text_for("autolab", card)
    assert (machine.work / "handed_in/1_data.ipynb").read_text() == "{}"
    assert "271828" in (machine.course / "records/runner.log").read_text()


def test_autolab_gives_no_zeros_where_nothing_could_be_judged(machine: Machine) -> None:
    (machine.work / "handin.tar").write_text("no archive")
    said = autolab(machine, code=2)
    assert autoresult(said) == {"any": None}
    assert "271828" not in said


# Classroom 50: autograder.py in the student's checkout, ./result.json out, and a bad end for our faults.


def test_classroom50_gets_a_result_and_a_page_and_follows_no_link_of_a_students(
    machine: Machine,
) -> None:
    machine.more = {"GRADING_COURSE": str(machine.course)}
    own = machine.root / "of_the_runner"
    own.write_text("untouched")
    for name in ("result.json", "release-body.md"):
        (machine.work / name).symlink_to(own)
    log = machine.run(
        sys.executable, RUNNERS["classroom50"], code=1, ready=text_for("classroom50", MIXED)
    )
    assert (machine.code, log) == (0, "")
    is_classroom50((machine.work / "result.json").read_text())
    assert own.read_text() == "untouched"
    page = (machine.work / "release-body.md").read_text()
    assert page.startswith("### 17 of 30 points\n")
    assert "    failed: Title 1" in page
    assert all(line[:4] in ("", "### ", "    ") for line in page.split("\n")), (
        "text, and no Markdown"
    )


@pytest.mark.parametrize("code", [2, 3])
def test_classroom50_is_told_by_the_exit_code_that_it_was_not_judged(
    machine: Machine, code: int
) -> None:
    machine.more = {"GRADING_COURSE": str(machine.course)}
    (machine.work / "result.json").write_text("a student's own")
    log = machine.run(sys.executable, RUNNERS["classroom50"], code=code)
    assert machine.code == code
    assert not (machine.work / "result.json").exists()
    assert "271828" not in log
    assert "271828" in (machine.course / "records/runner.log").read_text()


# CodeGrade: the submission's folder, and structured output on file descriptor 3.


@pytest.mark.parametrize(("card", "code", "ended"), [(MIXED, 1, 0), (UNGRADED, 3, 3)])
def test_codegrade_gets_its_messages_on_the_third_channel(
    machine: Machine, card: Scorecard, code: int, ended: int
) -> None:
    ready = text_for("codegrade", card)
    is_codegrade(machine.run("bash", RUNNERS["codegrade"], code=code, ready=ready, fd=True))
    assert machine.code == ended
    said = machine.run(
        "bash", "-c", f"bash {RUNNERS['codegrade']} 3> /dev/null", code=code, ready=ready
    )
    assert "271828" not in said
    assert ("staff will look" in said) == (code > 1)


# Submitty: a validator an item, beside what the testcase's command wrote.


@pytest.mark.parametrize("item", ["whole", "lost", "never"])
def test_submittys_validator_takes_its_item(machine: Machine, item: str) -> None:
    (machine.work / "test01").mkdir()
    (machine.work / "test01/submitty.json").write_text(text_for("submitty", UNGRADED))
    asked = {"testcase_prefix": "test01/", "username": "ada"}
    (machine.work / "custom_validator_input.json").write_text(json.dumps(asked))
    machine.run(sys.executable, RUNNERS["submitty"], item)
    assert machine.code == 0
    result = (machine.work / "validation_results.json").read_text()
    is_submitty(json.dumps({item: json.loads(result)}))
    assert json.loads(result)["status"] == ("success" if item == "whole" else "failure")


def test_submittys_configuration_is_json_and_its_deductions_are_the_whole() -> None:
    text = runner_script("submitty")
    config = json.loads(text[text.index("    {") : text.index("\n\nWhere")])
    (testcase,) = config["testcases"]
    assert sum(one["deduction"] for one in testcase["validation"]) == pytest.approx(1)
    assert all(one["show_actual"] == "never" for one in testcase["validation"])


# INGInious: its own module of functions, of which these are stand-ins.

API = """
import json, pathlib
told = {}
def keep(key):
    def set_it(value):
        told[key] = value
        pathlib.Path("feedback.json").write_text(json.dumps(told))
    return set_it
set_global_result, set_global_feedback, set_grade = map(keep, ("result", "text", "grade"))
"""


@pytest.mark.parametrize(("card", "code"), [(MIXED, 1), (UNGRADED, 3), (None, 2)])
def test_inginious_is_told_by_its_own_functions(
    machine: Machine, card: Scorecard | None, code: int
) -> None:
    api = machine.root / "api/inginious_container_api"
    api.mkdir(parents=True)
    (api / "__init__.py").touch()
    (api / "feedback.py").write_text(API)
    (api / "input.py").write_text("def get_input(problem):\n    return problem.encode()\n")
    machine.more = {"PYTHONPATH": str(api.parent)}
    run = machine.root / "run"
    run.write_text(runner_script("inginious").replace('"/course', f'"{machine.course}'))
    ready = text_for("inginious", card) if card else None
    machine.run(sys.executable, run, code=code, ready=ready)
    assert machine.code == 0
    told = (machine.work / "feedback.json").read_text()
    assert "271828" not in told
    if card is None:
        assert json.loads(told) == {"result": "crash", "text": rows.NOT_JUDGED}
    else:
        is_inginious(told)
        assert json.loads(told) == json.loads(text_for("inginious", card))


# Gradescope and GitLab


@pytest.mark.parametrize("code", range(4))
def test_gradescope_and_gitlab_end_badly_for_our_faults_alone(machine: Machine, code: int) -> None:
    folder = machine.root / "autograder"
    (folder / "submission").mkdir(parents=True)
    machine.more = {"AUTOGRADER_FOLDER": str(folder)}
    script = machine.root / "run_autograder"
    script.write_text(
        runner_script("gradescope").replace("/opt/kit/bin", str(machine.root / "bin"))
    )
    machine.run("bash", script, code=code)
    assert machine.code == (code if code > 1 else 0)
    assert machine.asked()[2:4] == ["score", f"{folder}/submission"]
    assert machine.asked()[4:] == ["--gradescope", f"{folder}/results/results.json"]

    job = yaml.safe_load(runner_script("junit"))["grade"]
    machine.more = {"GRADING_COURSE": str(machine.course), "CI_PROJECT_DIR": str(machine.work)}
    said = machine.run("bash", "-e", "-c", *job["script"], code=code, ready="<testsuites/>")
    assert machine.code == (code if code > 1 else 0)
    assert "271828" not in said
    assert (machine.work / job["artifacts"]["reports"]["junit"]).is_file()
    assert "$CI_COMMIT" not in str(job["script"]), "nothing that a student chose"


# Containers


DOCKER = 'import os, pathlib, sys\npathlib.Path(os.environ["ASKED"]).write_text("\\n".join(sys.argv[1:]))\n'


@pytest.mark.parametrize("gpu", ["", "1"])
def test_docker_is_asked_for_two_folders_no_network_and_one_gpu(machine: Machine, gpu: str) -> None:
    program(machine.root / "bin/docker", DOCKER)
    machine.more = {"GPU": gpu} if gpu else {}
    (machine.work / "a b").mkdir()
    machine.run("bash", RUNNERS["docker"], "a b", "out", "--as", "junit", "/results/junit.xml")
    asked = machine.asked()
    assert machine.code == 0
    assert asked[:4] == ["run", "--rm", "--network", "none"]
    assert ("--gpus" in asked) == bool(gpu)
    assert not gpu or asked[asked.index("--gpus") + 1] == "device=1"
    volumes = [asked[at + 1] for at, word in enumerate(asked) if word == "--volume"]
    assert volumes == [f"{machine.work}/a b:/submission:ro", f"{machine.work}/out:/results"]
    assert "--privileged" not in asked
    tail = ["score", "/submission", "--json", "/results/scorecard.json"]
    assert asked[-8:] == ["/course", *tail, "--as", "junit", "/results/junit.xml"]


def test_the_jobs_pod_has_no_key_to_the_cluster_and_no_way_out() -> None:
    job, policy = yaml.safe_load_all(runner_script("kubernetes"))
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never", "or the failure policy is refused"
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "privileged" not in container["securityContext"]


def test_apptainer_grades_in_the_container_and_ends_as_the_grading_does(machine: Machine) -> None:
    program(machine.root / "bin/apptainer", KIT)
    for code in (0, 3):
        machine.run("bash", RUNNERS["apptainer"], "vgg16", code=code)
        assert machine.code == code
    asked = machine.asked()
    assert asked[:4] == ["exec", "--nv", "--containall", "--no-home"]
    assert asked[-3:] == ["grade", "vgg16", "--quiet"]
    options = re.findall(r"^#SBATCH (--[\w-]+)=?(\S*)$", runner_script("apptainer"), re.MULTILINE)
    assert dict(options)["--signal"].startswith("B:USR1@")


def test_the_image_pins_its_packages_and_says_what_of_the_course_goes_in() -> None:
    text = runner_script("container")
    installs = re.findall(r"pip install [^&\n]*", re.sub(r"\\\n", " ", text.partition("\nFROM")[2]))
    assert len(installs) == 2
    assert all("--constraint /opt/kit/constraints.txt" in install for install in installs)
    assert "ENTRYPOINT" not in text
    assert re.search(r"^STOPSIGNAL SIGINT$", text, re.MULTILINE)
    (ignored,) = re.findall(
        r"printf '%s\\n' (.*?) > \.containerignore", re.sub(r"\\\n#\s*", "", text)
    )
    assert ignored.startswith("'*'"), "nothing but what is named"
    assert not re.search("submitted|feedback|autograded|gradebook", ignored)
