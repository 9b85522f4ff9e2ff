"""What is not installed here is no student's zero; what nobody has is theirs."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from autograder.course import load_course
from autograder.judge.surroundings import Explained, explain, modules_of_course
from autograder.sandbox import CellRun
from autograder.scorecard import Check, Item, Verdict
from tests.tiny_course import TinyCourse

NO_F = "Your notebook defines no `f` (a cell ended with ModuleNotFoundError)."
PASSED = Check("other", "", Verdict.PASSED)


def explained(
    source: str,
    message: str,
    check: str = NO_F,
    verdict: Verdict = Verdict.FAILED,
    files: Mapping[str, bytes] | None = None,
    of_course: Collection[str] = (),
) -> Explained:
    """One item of two checks, the first of which ended with a message after a cell had failed."""
    item = Item("f_tests", 3.0, checks=(Check("first", "", verdict, message=check), PASSED))
    run = CellRun("error" if message else "ok", message=message)
    return explain((item,), [source], [run], files or {}, of_course)


def no_module(name: str) -> str:
    return f"ModuleNotFoundError: No module named '{name}'"


@pytest.mark.parametrize(
    "source",
    ["import wandb\ndef f(x): ...", "from wandb.sdk import run as f", "import wandb as f", "f = 1"],
)
def test_what_failed_for_want_of_a_known_package_is_ungraded_by_name(source: str) -> None:
    seen = explained(source, no_module("wandb.sdk"))
    assert seen.items[0].verdict is Verdict.UNGRADED
    assert seen.items[0].score is None
    assert "the package `wandb`, which is not installed here" in seen.reason
    assert NO_F in seen.items[0].checks[0].staff_detail
    assert seen.items[0].checks[1] == PASSED


def test_what_only_the_graders_own_path_has_is_not_there_for_notebooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH, a user's own packages, a package that is being worked on: no box has them."""
    (tmp_path / "wandb.py").touch()
    (tmp_path / "wandb_parts").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert explained("import wandb as f", no_module("wandb")).items[0].score is None
    parts = explained("f = 1", no_module("wandb_parts.a"), of_course=["wandb_parts"])
    assert parts.items[0].score is None
    for module in ("sys", "torch", "colorsys", "ipykernel"):
        seen = explained("f = 1", no_module(f"{module}.nothing"), of_course=[module])
        assert seen.items[0].score == 1.5, module


def test_staff_read_where_nothing_imports_what_is_said_to_be_missing() -> None:
    """The message comes from the box, and so may be a student's own words."""
    by_module = explained(
        "from mine import f", no_module("wandb"), files={"mine.py": b"import wandb"}
    )
    assert "No import" not in by_module.reason
    assert "No import of it stands there" in explained("f = 1", no_module("wandb")).reason
    assert "No import" not in explained("import wandb as f", no_module("wandb")).reason


def test_any_text_is_looked_through_at_once() -> None:
    """In a time that grows faster than the text does, these would take hours."""
    long = "a" * 10**6
    seen = explained(f"import wandb as f\nfrom {long}", no_module("wandb"))
    assert "`wandb`" in seen.reason
    assert not explained("", f"ModuleNotFoundError: No module named '{long}").reason


def test_an_import_within_a_function_counts_as_well() -> None:
    check = f"Your code raised ModuleNotFoundError, line 2: {no_module('wandb').split(': ')[1]}"
    assert explained("", "", check, Verdict.RAISED).items[0].score is None


def test_a_name_that_is_lost_by_way_of_another_cell_counts_as_well() -> None:
    item = Item("f_tests", 3.0, checks=(Check("first", "", Verdict.FAILED, message=NO_F),))
    cells = ["import wandb as w\nlog = w.log", "f = log(1)"]
    runs = [
        CellRun("error", message=no_module("wandb")),
        CellRun("error", message="NameError: name 'log' is not defined"),
    ]
    assert explain((item,), cells, runs, {}, ()).items[0].score is None
    runs[1] = CellRun("error", message="NameError: name 'other' is not defined")
    assert explain((item,), cells, runs, {}, ()).items[0].score == 0


@pytest.mark.parametrize("where", ["course", "requirements"])
def test_a_package_that_the_course_uses_need_not_be_well_known(where: str) -> None:
    files = {"requirements.txt": b"# ours\nLab-Tools>=2\n"} if where == "requirements" else {}
    of_course = ["lab_tools"] if where == "course" else []
    seen = explained("def f(): ...", no_module("lab_tools"), files=files, of_course=of_course)
    assert "`lab_tools`" in seen.reason


@pytest.mark.parametrize("module", ["trch", "my_helpers"])
def test_a_name_that_nobody_knows_keeps_its_verdict_and_staff_read_it(module: str) -> None:
    seen = explained("def f(): ...", no_module(module))
    assert (seen.items[0].verdict, seen.reason) == (Verdict.FAILED, "")
    assert f"`{module}` was imported" in seen.staff[0]


@pytest.mark.parametrize(
    ("source", "message", "files"),
    [
        ("import wandb", no_module("wandb"), {}),  # f was never written
        ("def f(): ...", no_module("torch.nothing"), {}),
        ("def f(): ...", no_module("utils"), {"lib/utils.py": b""}),
        ("def f(): ...", no_module("wandb"), {"wandb/__init__.py": b""}),
        ("def f(): ...", "ValueError: No module named 'wandb'", {}),
        ("def f(): ...", "", {}),
    ],
)
def test_a_mistake_stays_a_mistake(source: str, message: str, files: dict[str, bytes]) -> None:
    seen = explained(source, message, files=files)
    assert (seen.items[0].verdict, seen.reason) == (Verdict.FAILED, "")
    assert seen.items[0].hint == NO_F


def test_what_is_on_colab_alone_is_told_as_that() -> None:
    seen = explained("from google.colab import drive\ndef f(): ...", no_module("google.colab"))
    assert "which is on Colab alone" in seen.reason
    assert explained("import google.colab", no_module("google")).reason == ""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="no newer syntax is known")
@pytest.mark.parametrize("in_module", [False, True])
def test_a_newer_syntax_is_told_to_both_sides(in_module: bool) -> None:
    newer = 'def f(x):\n    return t"{x}"'
    where = "mine.py" if in_module else "12345.py"
    source = "from mine import f" if in_module else newer
    message = f"SyntaxError: invalid syntax ({where}, line 2)"
    seen = explained(source, message, files={"lib/mine.py": newer.encode()})
    assert seen.items[0].verdict is Verdict.FAILED
    assert "That cell needs Python 3.14 or newer; here cells run under 3." in seen.items[0].hint
    assert "Python 3.14" in seen.staff[0]
    assert explained("def f(:", message).items[0].hint == NO_F
    assert explained("def g(:", message).staff == ()


def test_the_courses_modules_are_those_of_its_notebooks(tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path)
    text = (tmp_path / "source/tiny/tiny.ipynb").read_text()
    tiny.write("source/tiny/tiny.ipynb", text.replace("double(2)", "import lab.tools as l, numpy"))
    assert modules_of_course(load_course(tmp_path), "tiny") == {"lab", "numpy"}
