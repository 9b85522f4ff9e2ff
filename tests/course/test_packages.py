"""What a course's `requirements.txt` asks for, against what is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autograder.course.packages import unmet
from autograder.doctor import examine
from tests.tiny_course import TinyCourse


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("numpy", None),
        ("NumPy >= 1.26  # arrays", None),
        (f"numpy=={np.__version__}", None),
        ("# pandas", None),
        ("", None),
        ("-r more.txt", None),
        ("--index-url https://example.org/simple", None),
        ("git+https://example.org/a.git", None),
        ("./beside/a.whl", None),
        ("numpy>=1.26 \\\n    --hash=sha256:00", None),
        ("no-such-package-here; sys_platform == 'nowhere'", None),
        ("no-such-package-here; python_version >= '3'", "no-such-package-here is not installed"),
        ("no_such_package_here @ https://example.org/a.whl", "is not installed. Run `pip install"),
        ("numpy<1", f"numpy {np.__version__} is installed, and <1 is asked for"),
        ("numpy[extra]<1", "pip install 'numpy[extra]<1'"),
        ("two words", "is no requirement in pip's form"),
    ],
)
def test_a_line_is_held_against_what_is_installed(
    tmp_path: Path, line: str, said: str | None
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"torch\n{line}\n")
    texts = list(unmet(file))
    assert len(texts) == (said is not None)
    assert said is None or said in texts[0]


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (said,) = unmet(tmp_path)
    assert "cannot be read" in said


@pytest.mark.parametrize("place", ["requirements.txt", "source/tiny/requirements.txt"])
def test_doctor_tells_what_the_course_lacks(tmp_path: Path, place: str) -> None:
    tiny = TinyCourse(tmp_path)
    tiny.write(place, "numpy\nno-such-package-here>=2\n")
    (found,) = [finding for finding in examine(tmp_path) if finding.what == place]
    assert not found.good
    assert "no-such-package-here is not installed" in found.text
    assert "numpy" not in found.text
    tiny.write(place, "numpy\n")
    (found,) = [finding for finding in examine(tmp_path) if finding.what == place]
    assert found.good
