"""Scripts that grade on machines of one's own. They lie in this folder, for people to adapt."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
RUNNERS = {"github": _FOLDER / "github.yml", "slurm": _FOLDER / "slurm.sh"}


def runner_script(name: str) -> str:
    """The text of a runner's script, one of `RUNNERS`."""
    return RUNNERS[name].read_text()
