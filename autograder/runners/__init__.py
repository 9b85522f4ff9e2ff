"""Recipes for grading on machines of one's own and inside other engines, for people to adapt."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
_FILES = {
    "github": "github.yml",
    "slurm": "slurm.sh",
    "container": "Containerfile",
    "docker": "docker.sh",
    "kubernetes": "kubernetes.yaml",
    "apptainer": "apptainer.sh",
    "gradescope": "gradescope.sh",
    "junit": "junit.yml",
    "prairielearn": "prairielearn.sh",
    "classroom50": "classroom50.py",
    "autolab": "autolab.mk",
    "codegrade": "codegrade.sh",
    "submitty": "submitty.py",
    "inginious": "inginious.py",
}
RUNNERS = {name: _FOLDER / file for name, file in _FILES.items()}


def runner_script(name: str) -> str:
    """The text of a recipe, one of `RUNNERS`."""
    return RUNNERS[name].read_text()
