"""The doors of a course as other processes go through them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# The formgrader's button: a course's folder, an assignment, students; a line of JSON for each.
API = """
import json, sys
from nbgrader.apps import NbGraderAPI
from traitlets.config import PyFileConfigLoader
config = PyFileConfigLoader("nbgrader_config.py", path=sys.argv[1]).load_config()
api = NbGraderAPI(config=config)
for student in sys.argv[3:]:
    print(json.dumps(api.autograde(sys.argv[2], student, force=True, create=True)))
"""


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, on one core, so that it takes one worker."""
    one_core = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
    return subprocess.run(
        [*one_core, sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(cwd / "no-config")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
