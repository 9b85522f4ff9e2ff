"""What a course's `requirements.txt` asks for, against what is installed."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from autograder import doctor
from autograder.course.packages import unmet
from autograder.doctor import examine
from autograder.sandbox.wall import packages_inside
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
    texts = list(unmet(file, {"torch": "2.9", "NumPy": np.__version__}))
    assert len(texts) == (said is not None)
    assert said is None or said in texts[0]


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (said,) = unmet(tmp_path, {})
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


def test_doctor_asks_what_notebooks_can_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not what the grader can, which may have more on its path."""
    about = tmp_path / "path/only_there-1.0.dist-info/METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: only-there\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    assert metadata.version("only-there") == "1.0"
    TinyCourse(tmp_path).write("requirements.txt", "only-there\n")
    seen = {finding.what: finding for finding in examine(tmp_path)}
    assert "only-there is not installed" in seen["requirements.txt"].text
    assert seen["kernels"].good
    inside = {name: version for name, version in packages_inside().items() if name != "ipykernel"}
    monkeypatch.setattr(doctor, "packages_inside", lambda _form: inside)
    seen = {finding.what: finding for finding in examine(tmp_path)}
    assert not seen["kernels"].good
    assert "no notebook can import ipykernel: a box has the packages of" in seen["kernels"].text
