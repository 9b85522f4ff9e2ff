"""nbgrader's own converters: what stopped one is said in its own words."""

from __future__ import annotations

import pytest

from autograder.autograde import gradebook
from autograder.course import load_course
from autograder.errors import KitError
from autograder.release.release import build
from tests.tiny_course import TinyCourse


def test_what_stops_nbgrader_is_said_as_nbgrader_says_it(tiny: TinyCourse) -> None:
    """What it raises in the end only says that there was something above."""
    gradebook.create_submission(load_course(tiny.root), "tiny", "ada")
    text = (tiny.root / "source/tiny/tiny.ipynb").read_text()
    tiny.write("source/tiny/more.ipynb", text.replace("double", "twice").replace("mean", "middle"))
    with pytest.raises(KitError, match=r"Cannot modify existing assignment .* The log has"):
        build(load_course(tiny.root), "tiny")


def test_of_a_traceback_that_nbgrader_logs_its_last_line_is_said(tiny: TinyCourse) -> None:
    text = (tiny.root / "source/tiny/tiny.ipynb").read_text()
    tiny.write("source/tiny/tiny.ipynb", text.replace('"grade_id": "why"', '"grade_id": ""'))
    with pytest.raises(KitError, match=r"nbgrader stopped: ValidationError: [^\n]+ The log has"):
        build(load_course(tiny.root), "tiny")
