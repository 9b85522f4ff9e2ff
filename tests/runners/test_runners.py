"""The scripts for runners: what a submission could do through them, and what they make of exit codes.

GitHub and Slurm are not here. The workflow is read for the rules that keep it safe, its script and the
one for Slurm are run as they are, with stand-ins for `autograder`, `scontrol` and GitHub's variables.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from autograder.cli import main
from autograder.runners import RUNNERS, runner_script

ROOT = Path(__file__).parent.parent.parent
WORKFLOW: dict[Any, Any] = yaml.safe_load(runner_script("github"))
TRIGGERS: dict[str, Any] = WORKFLOW[True]  # YAML 1.1 takes the key `on` for a truth value
(JOB,) = WORKFLOW["jobs"].values()
STEPS: list[dict[str, Any]] = JOB["steps"]
(JUDGE,) = [step for step in STEPS if "run" in step]


def test_the_repositorys_own_workflow_is_the_one_that_is_printed() -> None:
    assert (ROOT / ".github/workflows/grade.yml").read_text() == runner_script("github")
    for name in RUNNERS:
        done = CliRunner().invoke(main, ["runner", name])
        assert (done.exit_code, done.stdout) == (0, runner_script(name))


def test_a_pull_request_cannot_bring_its_own_workflow() -> None:
    assert set(TRIGGERS) == {"pull_request_target", "workflow_dispatch"}


def test_the_token_may_only_read_and_stays_out_of_the_checkout() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in JOB
    fetch = STEPS[0]["with"]
    assert (fetch["persist-credentials"], fetch["submodules"], fetch["lfs"]) == (False,) * 3


def test_secrets_reach_no_step_but_the_checkout_and_only_by_hand() -> None:
    token = STEPS[0]["with"]["token"]
    assert "event_name == 'workflow_dispatch' && secrets.SUBMISSIONS_TOKEN" in token
    rest = [{**STEPS[0], "with": {**STEPS[0]["with"], "token": ""}}, *STEPS[1:]]
    assert "secrets." not in str({**WORKFLOW, "jobs": {"grade": {**JOB, "steps": rest}}})


def test_nothing_that_a_student_chose_is_pasted_into_a_script() -> None:
    assert "${{" not in JUDGE["run"]
    assert not any("github.event" in value for value in JUDGE["env"].values())
    assert "github.head_ref" not in runner_script("github")


def test_actions_are_pinned_and_none_of_them_is_the_submissions() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert len(used) == 2
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in used)
    assert STEPS[0]["with"]["path"] == "submission"
    assert JUDGE["working-directory"] == "${{ runner.temp }}"


def test_without_the_variable_nothing_runs() -> None:
    assert JOB["if"] == "vars.GRADING_COURSE != ''"
    assert JOB["runs-on"] == ["self-hosted", "grading"]


def program(path: Path, text: str, interpreter: str = "/bin/bash") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{interpreter}\n{text}")
    path.chmod(0o755)


SAID = "fit_tests  passed\n::add-path::/tmp/mine\n</details><h1>100 points</h1>\n"


def judged(tmp_path: Path, code: int) -> tuple[int, str, str, Path]:
    """Run the workflow's script: exit code, the log, the summary, and the folder for results."""
    course, temp = tmp_path / "course", tmp_path / "temp"
    temp.mkdir()
    script = "printf '%s\\n' \"$@\" > arguments; printf '%s' \"$SAID\"\n"
    script += f"echo the expected value is 271828 >&2; echo '{{}}' > scorecard.json; exit {code}\n"
    program(course / ".venv/bin/autograder", script)
    summary = tmp_path / "summary"
    done = subprocess.run(
        ["bash", "-e", "-c", JUDGE["run"]],
        cwd=temp,
        env={
            **os.environ,
            "COURSE": str(course),
            "ASSIGNMENT": "vgg16",
            "GITHUB_WORKSPACE": "/workspace",
            "GITHUB_STEP_SUMMARY": str(summary),
            "SAID": SAID,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, summary.read_text(), temp


@pytest.mark.parametrize("code", range(4))
def test_the_job_fails_where_staff_must_look_and_not_where_points_were_lost(
    code: int, tmp_path: Path
) -> None:
    ended, log, summary, temp = judged(tmp_path, code)
    assert ended == (code if code > 1 else 0)
    assert (temp / "scorecard.json").exists() == (code < 2)
    assert ("staff" in log, "staff" in summary) == (code > 1, code > 1)
    asked = (temp / "arguments").read_text().split("\n")[:-1]
    course = str(tmp_path / "course")
    assert asked[:4] == ["--course", course, "score", "/workspace/submission"]
    assert asked[4:] == ["--assignment", "vgg16", "--json", "scorecard.json"]


def test_a_students_words_are_text_in_the_summary_and_no_commands_in_the_log(
    tmp_path: Path,
) -> None:
    _, log, summary, _ = judged(tmp_path, 1)
    assert log == ""
    lines = [line for line in summary.split("\n") if line]
    assert len(lines) == 3
    assert all(line.startswith("    ") for line in lines)


def test_what_is_for_staff_stays_on_the_machine(tmp_path: Path) -> None:
    _, log, summary, _ = judged(tmp_path, 3)
    assert "271828" not in log + summary
    assert "271828" in (tmp_path / "course/records/runner.log").read_text()


# Python, as the grader is: a shell in the background cannot take an interrupt that it was told to ignore.
GRADE = """
import os, pathlib, signal, sys, time
here = pathlib.Path(os.environ["HERE"])
if sys.argv[3] == "doctor":
    sys.exit(1)
def stop(*_):
    (here / "said").write_text("stopped")
    os._exit(130)
signal.signal(signal.SIGINT, stop)
(here / "arguments").write_text(" ".join(sys.argv[1:]))
while os.environ["WAIT"] == "1":
    (here / "began").touch()
    time.sleep(0.05)
sys.exit(int(os.environ["CODE"]))
"""


@contextlib.contextmanager
def grading_job(tmp_path: Path, code: int, wait: bool) -> Iterator[subprocess.Popen[str]]:
    program(tmp_path / "course/.venv/bin/autograder", GRADE, sys.executable)
    program(tmp_path / "bin/scontrol", 'echo "$@" >> "$HERE/scontrol"')
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    own = {"HERE": str(tmp_path), "CODE": str(code), "WAIT": str(int(wait)), "PATH": path}
    slurm = {"SLURM_JOB_ID": "17", "SLURM_SUBMIT_DIR": str(tmp_path / "course")}
    with subprocess.Popen(
        ["bash", str(RUNNERS["slurm"]), "vgg16"],
        env={**os.environ, **own, **slurm},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as job:
        try:
            yield job
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)


@pytest.mark.parametrize("code", [0, 2, 3])
def test_a_slurm_job_ends_as_the_grading_does(code: int, tmp_path: Path) -> None:
    with grading_job(tmp_path, code, wait=False) as job:
        said, _ = job.communicate(timeout=60)
    assert job.returncode == code
    assert "The doctor found something" in said
    asked = (tmp_path / "arguments").read_text().split()
    assert asked == ["--course", str(tmp_path / "course"), "grade", "vgg16", "--quiet"]
    assert not (tmp_path / "scontrol").exists()


def test_a_slurm_job_stops_in_good_order_before_its_time_is_up_and_queues_again(
    tmp_path: Path,
) -> None:
    with grading_job(tmp_path, 0, wait=True) as job:
        while not (tmp_path / "began").exists():
            assert job.poll() is None
            time.sleep(0.05)
        job.send_signal(signal.SIGUSR1)
        job.communicate(timeout=60)
    assert (tmp_path / "said").read_text() == "stopped"
    assert (tmp_path / "scontrol").read_text() == "requeue 17\n"
    assert job.returncode == 130


def test_slurm_reads_every_option_and_signals_the_script_alone() -> None:
    options = re.findall(r"^#SBATCH (--[\w-]+)=?(\S*)$", runner_script("slurm"), re.MULTILINE)
    assert dict(options)["--signal"].startswith("B:USR1@")
    assert "--requeue" in dict(options)
    first = runner_script("slurm").index("\nset -u")  # Slurm stops reading at the first command
    assert runner_script("slurm").rindex("#SBATCH") < first
