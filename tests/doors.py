"""The doors of a course: the kit's commands, nbgrader's own, and the formgrader's button.

They are gone through in this process, which has its judge and its boxes already. A process of its own takes seconds for
each of them, so it is for what is about processes, and for what would leave this one untidy.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import CliRunner, Result
from nbgrader.apps import AutogradeApp, NbGraderAPI, NbGraderApp
from traitlets.config.loader import PyFileConfigLoader

from autograder.cli import main


def autograder(root: Path, *words: str | Path, code: int | None = 0, columns: int = 80) -> Result:
    """A command of the kit's on a course; the exit code must be this one, or with None may be any."""
    command = ["--course", str(root), *map(str, words)]
    done = CliRunner().invoke(main, command, catch_exceptions=False, env={"COLUMNS": str(columns)})
    assert code in (done.exit_code, None), done.output
    return done


def nbgrader_autograde(arguments: list[str], cwd: Path, code: int = 0) -> str:
    """`nbgrader autograde` in a folder, with what it writes to stderr; the exit code must be this one."""
    said, ended = io.StringIO(), 0
    own = mock.patch.dict(os.environ, JUPYTER_CONFIG_DIR=str(cwd / "no-config"))
    with contextlib.chdir(cwd), contextlib.redirect_stderr(said), own:
        try:
            NbGraderApp.launch_instance(["autograde", *arguments])
        except SystemExit as error:
            ended = int(error.code or 0)
        except Exception:  # as Python ends
            traceback.print_exc()
            ended = 1
        finally:
            NbGraderApp.clear_instance()
            AutogradeApp.clear_instance()
    assert ended == code, said.getvalue()
    return said.getvalue()


def formgrader(root: Path, assignment: str, students: list[str], cwd: Path) -> list[dict[str, Any]]:
    """The formgrader's button for each student, from any folder: what it is told."""
    with contextlib.chdir(cwd):
        config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
        api = NbGraderAPI(config=config)
        return [api.autograde(assignment, name, force=True, create=True) for name in students]


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python with these arguments in a process of its own, on one core, so that it takes one worker."""
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
