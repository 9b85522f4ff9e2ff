#!/usr/bin/env python3
"""INGInious: the `run` file of a task.

Its image must come from INGInious' own base image, which is no Debian: install there what the Containerfile
of `autograder runner container` does, and the course as /course. In task.yaml:

    environment_type: docker
    environment_id: COURSE
    limits: {time: "600", hard_time: "900", memory: "8000"}
    network_grading: false
    evaluate: best
    submission_limit: {amount: 10, period: 24}
    problems:
      notebook: {type: file, name: Your notebook, allowed_exts: [.ipynb], max_size: "20000000"}

Where something could not be judged the result is a crash. INGInious stores 0 beside it; `evaluate: best`
keeps what the student had before, and staff find crashes among the submissions and run them again.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from inginious_container_api import feedback
from inginious_container_api import input as given

PROBLEM = "notebook"  # the id above
SORRY = "Not judged yet, which is not your fault and no zero: staff will look at it."


def judge(notebook: bytes) -> dict[str, Any]:
    """What INGInious is to be told. What the kit prints is for staff, and stays in the course's log."""
    with tempfile.TemporaryDirectory() as folder:
        handed_in, told = Path(folder, "handed_in.ipynb"), Path(folder, "inginious.json")
        handed_in.write_bytes(notebook)
        command = ["autograder", "--course", "/course", "score", str(handed_in)]
        command += ["--as", "inginious", str(told)]
        with Path("/course/records/runner.log").open("a") as log:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=log, check=False)
        if told.is_file():
            return dict(json.loads(told.read_text()))
    return {"result": "crash", "text": SORRY}


found = judge(given.get_input(PROBLEM))
feedback.set_global_result(found["result"])
feedback.set_global_feedback(found["text"])
if "grade" in found:
    feedback.set_grade(found["grade"])
