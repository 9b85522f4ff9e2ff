"""The demo's class, submission by submission: one run that goes through everything the kit does."""

from __future__ import annotations

import ast
import contextlib
import csv
import html
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from autograder.autograde import gradebook
from autograder.autograde.alike import read_class
from autograder.autograde.grade import grade_class
from autograder.autograde.penalties import lateness
from autograder.course import load_course
from autograder.demo.demo import ASSIGNMENT, DemoRun, expected_marks, run_demo
from autograder.demo.demo_class import CLASS
from autograder.demo.plans import SubmissionPlan
from autograder.errors import KitError
from autograder.release.cases import read_cases
from autograder.report.table import to_json
from autograder.sandbox import check_wall
from autograder.scorecard import Scorecard, add_points
from tests import pictures

ROOT = Path(__file__).parent.parent
NAMES = [plan.name for plan in CLASS]
CASES = read_cases(ROOT / "tests" / "cases")
EXPECTED = expected_marks(load_course(ROOT).notebooks(ASSIGNMENT), CASES)
# Alone on two cores the class takes two minutes; beside other tests it may take several times that.
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    try:
        check_wall()
    except KitError as error:
        pytest.skip(str(error))
    with contextlib.chdir(ROOT):
        yield run_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def cards(demo: DemoRun) -> dict[str, Scorecard]:
    return {card.student: card for card in demo.run.cards}


@pytest.fixture(autouse=True)
def _in_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def expected_score(name: str) -> float:
    return add_points(score or 0.0 for score in EXPECTED[name].values())


def test_everybody_has_a_card(cards: dict[str, Scorecard]) -> None:
    assert sorted(cards) == NAMES == sorted(NAMES)
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_submission_gets_what_its_cases_say(name: str, cards: dict[str, Scorecard]) -> None:
    card = cards[name]
    wanted = EXPECTED[name]
    seen = {item.grade_id: item.score for item in card.items if item.grade_id in wanted}
    hints = {item.grade_id: item.hint for item in card.items if item.hint}
    assert seen == wanted, {key: hints.get(key) for key in seen if seen[key] != wanted.get(key)}
    assert card.score == expected_score(name)


@pytest.mark.parametrize("plan", CLASS, ids=lambda plan: str(plan.name))
def test_mistakes_are_told_in_the_words_of_their_cases(
    plan: SubmissionPlan, cards: dict[str, Scorecard]
) -> None:
    items = {item.grade_id: item for item in cards[plan.name].items}
    for case in map(CASES.__getitem__, plan.cases):
        for grade_id, wanted in case.items.items():
            if grade_id in plan.scores or case.notebook in plan.unreadable:
                continue
            item = items[grade_id]
            assert item.verdict == wanted.verdict, (case.name, item.hint)
            assert wanted.hint in item.hint, case.name


def test_right_ones_lose_nothing_and_empty_ones_get_nothing() -> None:
    scores = {name: expected_score(name) for name in NAMES}
    assert {scores[name] for name in ("ada", "bao", "carmen", "ines", "jonas")} == {88.0}
    assert scores["grace"] == scores["noor"] == 0
    assert all(0 < scores[name] < 88 for name in ("dmitri", "elif", "farid", "kirra", "liam"))


def test_only_the_broken_upload_needs_staff(demo: DemoRun) -> None:
    assert list(demo.run.reasons) == ["kirra"]
    (reason,) = demo.run.reasons["kirra"]
    assert reason.startswith("3_training: ")
    assert "not JSON" in reason


def test_repairs_are_named(cards: dict[str, Scorecard]) -> None:
    said = " ".join(line for notebook in cards["jonas"].notebooks for line in notebook.repairs)
    for grade_id in ("swap_head", "parameter_table_tests", "count_parameters_tests", "validate"):
        assert f"`{grade_id}`" in said
    assert not any(notebook.repairs for notebook in cards["ada"].notebooks)


def test_the_gradebook_has_the_marks_of_the_cards(
    demo: DemoRun, cards: dict[str, Scorecard]
) -> None:
    for card in cards.values():
        for notebook in card.notebooks:
            for item in notebook.items:
                if not item.manual:
                    assert demo.marks[card.student, notebook.name, item.grade_id] == item.score
    assert demo.marks["ada", "1_data_and_head", "why_ten"] is None


def test_attacks_find_nothing(demo: DemoRun) -> None:
    path = demo.course / "autograded" / "mallory" / ASSIGNMENT / "2_parameters.ipynb"
    outputs = nbformat.read(path, as_version=4).cells[0].outputs
    said = "".join(output.get("text", "") for output in outputs).splitlines()
    assert said[:3] == [
        "the gradebook -> []",
        "the hidden tests -> ModuleNotFoundError",
        "what others handed in -> []",
    ]
    assert re.fullmatch(r"the network -> \w*Error", said[3])
    forged = [path for path in demo.course.rglob("scorecard.json") if path.is_file()]
    assert forged == []


def test_the_csv_has_every_item(demo: DemoRun) -> None:
    rows = list(csv.DictReader(io.StringIO(demo.places["marks"].read_text())))
    assert len(rows) == 20 * len(NAMES)
    assert {row["student"] for row in rows} == set(NAMES)


def test_the_json_export_is_complete(demo: DemoRun) -> None:
    data = json.loads(to_json(demo.run.cards, demo.marks))
    assert [entry["student"] for entry in data["submissions"]] == NAMES
    for entry in data["submissions"]:
        assert len(entry["items"]) == 20
        assert entry["max_score"] == 100
        waits = [item for item in entry["items"] if item["score"] is None]
        assert entry["complete"] == (not waits)
        assert all(item["state"] in ("manual", "ungraded") for item in waits)


def pages(demo: DemoRun, name: str) -> dict[str, str]:
    folder = demo.places["feedback for students"] / name / ASSIGNMENT
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.html"))}


@pytest.mark.parametrize("plan", CLASS, ids=lambda plan: str(plan.name))
def test_each_notebook_has_its_feedback(plan: SubmissionPlan, demo: DemoRun) -> None:
    notebooks = load_course(demo.course).notebooks(ASSIGNMENT)
    wanted = notebooks if plan.notebooks is None else plan.notebooks
    assert list(pages(demo, plan.name)) == [*wanted, "index"]


def test_feedback_names_the_mistake(demo: DemoRun) -> None:
    text = html.unescape(pages(demo, "dmitri")["3_training"])
    assert "exactly as if the gradients were never set to zero" in text


def test_feedback_shows_no_hidden_test(demo: DemoRun) -> None:
    course = load_course(demo.course)
    handed_in = "".join(
        cell.source
        for path in (demo.course / "autograded").rglob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
    )
    lines = hidden_lines(course.graders(ASSIGNMENT))
    secret = [line for line in lines if line not in handed_in]
    assert len(secret) > 300
    for name in NAMES:
        for notebook, page in pages(demo, name).items():
            text = html.unescape(re.sub(r"<[^>]*>", "", page))
            found = [line for line in secret if line in text]
            assert not found, (name, notebook, found)
            assert "<script" not in page.lower()


def hidden_lines(graders: Path) -> set[str]:
    """Lines of code of the hidden tests, without the messages that students are meant to read."""
    lines: set[str] = set()
    for path in graders.glob("*.py"):
        text = path.read_text()
        prose = {
            number
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno is not None
            if not isinstance(node, ast.Constant) or isinstance(node.value, str)
            for number in range(node.lineno, node.end_lineno + 1)
        }
        code = (line for number, line in enumerate(text.splitlines(), 1) if number not in prose)
        lines |= {line.strip() for line in code if len(line.strip()) >= 24}
        lines |= set(re.findall(r"\bdef (test_\w+)", text))
    return lines


def test_the_comparison_shows_the_copies_and_little_else(demo: DemoRun) -> None:
    found = read_class(load_course(demo.course), ASSIGNMENT).comparison()
    first = {frozenset((pair.one, pair.other)) for pair in found.pairs[:5]}
    copies = ("bao rosa", "carmen sami", "carmen tariq", "sami tariq", "bao yusuf")
    assert first == {frozenset(names.split()) for names in copies}
    assert found.pairs[5].weight < found.pairs[4].weight / 3


def test_late_students_are_late_and_have_names(demo: DemoRun) -> None:
    course = load_course(demo.course)
    late = {name: one.seconds_late for name, one in lateness(course, ASSIGNMENT).items()}
    assert {name for name, seconds in late.items() if seconds} == {"milan", "quinn", "tariq"}
    assert late["quinn"] == 1800
    assert gradebook.names(course)["zoe"] == "Zoë Dubois"


def test_nothing_is_graded_twice(demo: DemoRun) -> None:
    course = load_course(demo.course)
    again = grade_class(course, ASSIGNMENT)
    assert again.kept == [name for name in NAMES if name not in demo.run.reasons]
    assert again.cards == demo.run.cards
    assert gradebook.marks(course, ASSIGNMENT) == demo.marks


def test_readme_shows_this_session(demo: DemoRun) -> None:
    picture = pictures.class_picture(demo.run.cards, demo.marks, demo.run.reasons)
    if os.environ.get("UPDATE_README"):
        pictures.CLASS.write_text(picture)
        page = demo.places["feedback for students"] / "dmitri" / ASSIGNMENT / "3_training.html"
        pictures.draw_feedback(page, pictures.FEEDBACK, item="train_epoch")
    shown = pictures.words_of(pictures.CLASS.read_text())
    old = "The README's picture is old. docs/CONTRIBUTING.md says how to renew it."
    assert shown == pictures.words_of(picture), old
    assert "dmitri" in shown
    assert "ungraded" in " ".join(shown)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(KitError, match="is not empty"):
        run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_outside_the_clone_the_demo_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KitError, match="Go into the clone"):
        run_demo(tmp_path / "demo")
