"""A copy of the repository's own course, for tests that grade it."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent


def copy_of_the_course(folder: Path) -> Path:
    """Copy the source notebooks and the configuration into a folder, and return it."""
    shutil.copytree(ROOT / "source", folder / "source", dirs_exist_ok=True)
    for name in ("course_config.py", "nbgrader_config.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder
