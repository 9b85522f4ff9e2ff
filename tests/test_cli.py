"""The command line: exit codes, errors in one sentence, and what is refused before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from autograder.cli import main
from autograder.errors import BoxUnavailable
from tests.tiny_course import TinyCourse


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def breaks(*_: object, **__: object) -> None:
    raise ZeroDivisionError("division by zero\n[SQL: SELECT 1 / 0]")


def test_the_commands_stand_in_the_order_in_which_a_course_uses_them() -> None:
    names = main.list_commands(click.Context(main))
    order = ["new", "calibrate", "release", "collect", "grade", "feedback", "export", "score"]
    assert [name for name in names if name in order] == order


def test_a_fault_of_ours_ends_with_2_and_one_sentence(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.autograde.feedback.write_feedback", breaks)
    done = run("--course", tiny.root, "feedback", "tiny")
    assert done.exit_code == 2, "1 would say that points were lost"
    assert "ZeroDivisionError: division by zero. The log has the details: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "SQL" not in done.stderr, "one sentence, whatever is in the message"
    (log,) = (tiny.root / "records").rglob("*.log")
    assert "Traceback" in log.read_text()


def test_a_fault_before_there_is_a_log_says_how_to_see_more(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.course.load_course", breaks)
    done = run("--course", tiny.root, "export", "tiny")
    assert done.exit_code == 2
    assert "autograder --traceback" in done.stderr
    seen = run("--course", tiny.root, "--traceback", "export", "tiny")
    assert isinstance(seen.exception, ZeroDivisionError)


@pytest.mark.parametrize("option", ["--json", "--gradescope"])
def test_a_file_that_cannot_be_written_is_said_before_anything_is_judged(
    tiny: TinyCourse, started: list[str], option: str
) -> None:
    folder = tiny.root / "submitted/ada/tiny"
    nowhere = tiny.root / "none/card.json"
    done = run("--course", tiny.root, "score", folder, option, nowhere)
    assert done.exit_code == 2
    assert f"{nowhere}: No such file or directory" in done.stderr
    assert started == []


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("data", "pack", tmp_path / "empty", tmp_path / "out")
    assert done.exit_code == 2
    assert str(tmp_path / "empty") in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_ends_with_2() -> None:
    assert run("grade").exit_code == 2
    assert run("no-such-command").exit_code == 2


def test_a_course_that_is_named_may_lie_above_what_is_judged(tiny: TinyCourse) -> None:
    """One that is only found there may be a student's own, and its configuration would be run."""
    beside = tiny.root / "tiny.ipynb"
    beside.write_bytes((tiny.root / "submitted/ada/tiny/tiny.ipynb").read_bytes())
    assert run("--course", tiny.root, "score", beside).exit_code == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny.root)
        done = run("score", beside)
    assert done.exit_code == 2
    assert "lies in what is to be judged" in done.stderr


def test_the_assignment_is_known_by_the_cells(tiny: TinyCourse) -> None:
    """Also where another one has a notebook of the same name; what could be either is asked for."""
    folder = tiny.root / "submitted/ada/tiny"
    other = json.loads((tiny.root / "source/tiny/tiny.ipynb").read_text())
    for cell in other["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if "grade_id" in about:
            about["grade_id"] += "_of_another"
        cell["source"] = "".join(cell["source"]).replace("double", "triple") + "\n"
    tiny.write("source/another/tiny.ipynb", json.dumps(other))
    tiny.write("graders/another/test_tiny.py", "")
    assert run("--course", tiny.root, "score", folder).exit_code == 0
    assert run("--course", tiny.root, "score", folder / "tiny.ipynb").exit_code == 0
    (tiny.root / "empty").mkdir()
    done = run("--course", tiny.root, "score", tiny.root / "empty")
    assert done.exit_code == 2
    assert "Which assignment is it?" in done.stderr


def test_one_notebook_is_judged_without_what_lies_beside_it(tiny: TinyCourse) -> None:
    """Staff judge appeals from the folder to which they download."""
    folder = tiny.root / "submitted/ada/tiny"
    cards = []
    for content in (None, "private"):
        if content:
            (folder / "private.txt").write_text(content)
        card = tiny.root / "card.json"
        done = run("--course", tiny.root, "score", folder / "tiny.ipynb", "--json", card)
        assert done.exit_code == 0
        cards.append(json.loads(card.read_text()))
    assert cards[0] == cards[1]


def test_without_a_box_the_answer_key_alone_is_made(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **_more: object) -> None:
        raise BoxUnavailable("bubblewrap is missing")

    for module in ("release.gate.runs", "nbgrader_plugin.exporter", "judge.slots"):
        monkeypatch.setattr(f"autograder.{module}.check_wall", refuses)
    before = sorted(path.name for path in (tiny.root / "release").rglob("*"))
    arguments = ("--course", tiny.root, "release", "tiny")
    done = run(*arguments, "--solutions", "--unsafe-no-box")
    assert done.exit_code == 0, done.stderr
    assert "Nothing was released" in done.stdout
    assert (tiny.root / "solutions/tiny/tiny.ipynb").is_file()
    assert sorted(path.name for path in (tiny.root / "release").rglob("*")) == before
    assert run(*arguments, "--unsafe-no-box").exit_code == 2
    assert run(*arguments).exit_code != 0
