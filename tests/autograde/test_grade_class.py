"""A class of the tiny assignment: every submission ends with its marks or with a reason for staff."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.autograde import converter, grade, gradebook
from autograder.autograde.class_run import ClassRun
from autograder.autograde.grade import grade_class
from autograder.autograde.judged import JudgedSubmission
from autograder.autograde.records import load_card
from autograder.autograde.score import score_path
from autograder.course import Course, load_course
from autograder.errors import KitError
from autograder.judge.job import Judgement
from autograder.judge.service import judge_service
from autograder.judge.submission import Submission
from autograder.scorecard import Verdict
from tests.kept import automatic, grades, mark
from tests.tiny_course import GRADERS, RIGHT, TinyCourse

FULL = {"double_tests": 3.0, "mean_tests": 4.0, "why": None}
ODD_FILES = {"pia", "quy", "rob"}
NONE = {"double_tests": None, "mean_tests": None, "why": None}


def submit_a_class(tiny: TinyCourse) -> None:
    tiny.submission("ada")
    tiny.submission("bob", {"double": "def double(x):\n    return 2 * abs(x)"})
    tiny.submission("cem", {"mean": "def mean(numbers):\n    raise ValueError('half: \\ud83d')"})
    tiny.submission("dee", {"mean": "def mean(numbers):\n    while True: pass"})
    tiny.submission("eli", extra="while True: pass")
    tiny.submission("fay", extra="import os; os._exit(0)")
    tiny.submission("gus", {"double": "def double(x):\n    import os; os.abort()"})
    tiny.write("submitted/hal/tiny/tiny.ipynb", "this is no notebook")
    tiny.write("submitted/ivy/tiny/.keep", "")
    tiny.write("submitted/jon/tiny/tiny (1).ipynb", "{}")
    (tiny.root / "submitted/kim/tiny/tiny.ipynb").mkdir(parents=True)
    tiny.submission("leo", {"why": ""})
    folder = tiny.submission("mia").parent
    (folder / "secret").symlink_to(tiny.root / "records" / "secret")
    (tiny.submission("quy").parent / "dangling").symlink_to("/nowhere")
    os.mkfifo(tiny.submission("rob").parent / "pipe")
    linked = tiny.submission("sue")
    linked.unlink()
    linked.symlink_to(tiny.root / "submitted/ada/tiny/tiny.ipynb")
    tiny.submission("ned", {"why": "YOUR ANSWER HERE"})
    tiny.submission(
        "oda", extra="import sys, warnings; print('x', file=sys.stderr); warnings.warn('w')"
    )
    tiny.write("submitted/pia/tiny/timestamp.txt", "the day before yesterday")
    tiny.submission("pia")


def test_the_class_is_graded_whole(run: ClassRun) -> None:
    assert [card.student for card in run.cards] == [
        "ada", "bob", "cem", "dee", "eli", "fay", "gus", "hal", "ivy", "jon", "kim", "leo", "mia",
        "ned", "oda", "pia", "quy", "rob", "sue",
    ]  # fmt: skip
    assert run.kept == []


@pytest.mark.parametrize(
    ("student", "marks"),
    [
        ("ada", FULL),
        ("bob", {**FULL, "double_tests": 1.0}),
        ("cem", {**FULL, "mean_tests": 0.0}),
        ("dee", {**FULL, "mean_tests": 0.0}),
        ("eli", FULL),
        ("fay", FULL),
        ("gus", {**FULL, "double_tests": 0.0}),
        ("hal", NONE),
        ("ivy", {"double_tests": 0.0, "mean_tests": 0.0, "why": 0.0}),
        ("jon", NONE),
        ("kim", NONE),
        ("leo", FULL),
        ("mia", FULL),
        ("ned", {**FULL, "why": 0.0}),
        ("oda", FULL),
        ("sue", NONE),
    ],
)
@pytest.mark.usefixtures("run")
def test_the_marks_in_the_gradebook_are_exact(
    student: str, marks: dict[str, Any], course: Course
) -> None:
    assert automatic(course, student) == marks


@pytest.mark.parametrize(
    ("student", "grade_id", "verdict"),
    [
        ("ada", "double_tests", Verdict.PASSED),
        ("bob", "double_tests", Verdict.FAILED),
        ("cem", "mean_tests", Verdict.RAISED),
        ("dee", "mean_tests", Verdict.LIMIT),
        ("gus", "double_tests", Verdict.LIMIT),
        ("hal", "mean_tests", Verdict.UNGRADED),
        ("ivy", "mean_tests", Verdict.FAILED),
        ("kim", "mean_tests", Verdict.UNGRADED),
        ("ada", "why", None),
    ],
)
@pytest.mark.usefixtures("run")
def test_the_verdict_says_how_it_ended(
    student: str, grade_id: str, verdict: Verdict | None, course: Course
) -> None:
    card = load_card(course, "tiny", student)
    assert card is not None
    (item,) = (item for item in card.items if item.grade_id == grade_id)
    assert item.verdict is verdict


def test_ours_is_told_apart_from_the_students(run: ClassRun, course: Course) -> None:
    """What could not be graded is no zero; what earned nothing is one, and waits for nobody."""
    assert sorted(run.reasons) == ["hal", "jon", "kim", "sue"]
    assert "not JSON" in run.reasons["hal"][0]
    assert "tiny (1).ipynb" in run.reasons["jon"][0]
    assert "no ordinary file" in run.reasons["kim"][0]
    for student in ("hal", "jon", "kim", "sue"):
        assert all(waits for _, _, waits in grades(course, student).values())
    assert not any(waits for _, _, waits in grades(course, "ivy").values())
    assert grades(course, "ada")["why"] == (None, None, True)
    assert grades(course, "ada")["mean_tests"] == (4.0, None, False)


@pytest.mark.parametrize("student", sorted(ODD_FILES))
@pytest.mark.usefixtures("run")
def test_an_odd_file_costs_no_mark(student: str, course: Course) -> None:
    """At a link to nowhere, a pipe and a time that is none nbgrader alone would stop or wait."""
    assert automatic(course, student) == FULL


@pytest.mark.usefixtures("run")
def test_a_link_in_a_submission_brings_nothing_of_the_courses_out(course: Course) -> None:
    secret = course.secret()
    for path in (course.root / "autograded").rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes()


@pytest.mark.usefixtures("run")
def test_no_judgement_is_held_once_it_was_used() -> None:
    assert judge_service()._running == {}


@pytest.mark.usefixtures("run")
def test_the_cells_outputs_are_in_the_autograded_notebook(course: Course) -> None:
    text = (course.root / "autograded/ada/tiny/tiny.ipynb").read_text()
    data = json.loads(text)
    outputs = [cell["outputs"] for cell in data["cells"] if cell["cell_type"] == "code"]
    assert outputs[1][0]["data"]["text/plain"] == ["4"]
    assert "test_double" not in text


def test_a_second_run_keeps_all_that_has_marks(run: ClassRun, course: Course) -> None:
    before = {card.student: grades(course, card.student) for card in run.cards}
    again = grade_class(course, "tiny", "[a-g]*")
    assert again.kept == ["ada", "bob", "cem", "dee", "eli", "fay", "gus"]
    assert {card.student: grades(course, card.student) for card in run.cards} == before


@pytest.mark.usefixtures("run")
def test_grading_again_gives_the_same_marks_and_card(course: Course) -> None:
    before = grades(course, "bob"), load_card(course, "tiny", "bob")
    again = grade_class(course, "tiny", "bob", regrade=True)
    assert again.kept == []
    assert (grades(course, "bob"), load_card(course, "tiny", "bob")) == before


@pytest.mark.usefixtures("run")
def test_marks_and_comments_given_by_hand_survive_grading_again(course: Course) -> None:
    mark(course, "ada", why=4.5, double_tests=2.5)
    with gradebook.open_gradebook(course) as book:
        book.find_comment("why", "tiny", "tiny", "ada").manual_comment = "Well said."
        book.db.commit()
    grade_class(course, "tiny", "ada", regrade=True)
    assert grades(course, "ada")["why"] == (None, 4.5, True)
    assert grades(course, "ada")["double_tests"][:2] == (3.0, 2.5)
    with gradebook.open_gradebook(course) as book:
        assert book.find_comment("why", "tiny", "tiny", "ada").manual_comment == "Well said."
    assert gradebook.marks(course, "tiny")["ada", "tiny", "why"] == 4.5


@pytest.mark.usefixtures("run")
def test_a_new_submission_keeps_no_mark_of_the_older_one(
    course: Course, of_class: TinyCourse
) -> None:
    of_class.submission("bob", {"double": "", "mean": ""})
    grade_class(course, "tiny", "bob")
    assert automatic(course, "bob") == {"double_tests": 0.0, "mean_tests": 0.0, "why": None}
    of_class.write("submitted/bob/tiny/tiny.ipynb", "{}")
    assert list(grade_class(course, "tiny", "bob").reasons) == ["bob"]
    assert automatic(course, "bob") == NONE
    with gradebook.open_gradebook(course) as book:
        book.find_submission_notebook("tiny", "tiny", "bob").late_submission_penalty = 1.0
        book.db.commit()
    (course.root / "submitted/bob/tiny/tiny.ipynb").unlink()
    grade_class(course, "tiny", "bob")
    assert automatic(course, "bob")["mean_tests"] == 0.0
    with gradebook.open_gradebook(course) as book:
        notebook = book.find_submission_notebook("tiny", "tiny", "bob")
        assert notebook.late_submission_penalty is None
    assert not (course.root / "autograded/bob/tiny").exists()


@pytest.mark.usefixtures("run")
def test_one_submission_is_scored_without_a_gradebook(course: Course, of_class: TinyCourse) -> None:
    before = grades(course, "cem")
    folder = course.submitted("cem", "tiny")
    first = score_path(course, "tiny", folder, "someone")
    assert first.score == 3.0
    assert score_path(course, "tiny", folder / "tiny.ipynb", "someone").score == 3.0
    assert grades(course, "cem") == before
    assert judge_service()._running == {}
    with pytest.raises(KitError, match=r"no submission of `tiny`.*tiny\.ipynb"):
        score_path(course, "tiny", of_class.root / "nothing", "someone")


MISTAKES = {
    "missing": (None, "no grader file"),
    "broken": (
        "import no_such_module",
        "no hidden test ran for double_tests, mean_tests: tiny/test_tiny.py cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_module', line 1. Install it where the kit is",
    ),
    "without the test of an item": (
        GRADERS.replace('"mean_tests"', '"other"'),
        "no hidden test ran for mean_tests: test_tiny.py has none: write one, then grade again.",
    ),
    "raises": (
        GRADERS.replace("numbers = challenge", "1 / 0\n    numbers = challenge"),
        "no verdict for mean_tests: test_mean in tiny/test_tiny.py ended with ZeroDivisionError: "
        "division by zero, line 33. Correct it, then grade again.",
    ),
}


@pytest.mark.parametrize(("graders", "said"), MISTAKES.values(), ids=MISTAKES)
def test_broken_graders_end_ungraded_and_once_mended_are_used(
    graders: str | None, said: str, tiny: TinyCourse
) -> None:
    course = load_course(tiny.root)
    if graders is None:
        (tiny.root / "graders/tiny/test_tiny.py").unlink()
    else:
        tiny.write("graders/tiny/test_tiny.py", graders)
    run = grade_class(course, "tiny")
    (reason,) = run.reasons["ada"]
    assert said in reason
    assert "\n" not in reason, "the traceback is in the log"
    assert grades(course, "ada")["mean_tests"] == (None, None, True)
    tiny.write("graders/tiny/test_tiny.py", GRADERS)
    run = grade_class(course, "tiny")
    assert run.reasons == {}, "what was our fault is graded again without being told to"
    assert automatic(course, "ada") == FULL


def test_a_source_changed_after_its_release_is_refused_by_name(tiny: TinyCourse) -> None:
    path = tiny.root / "source/tiny/tiny.ipynb"
    path.write_text(path.read_text().replace('"points": 4', '"points": 8'))
    with pytest.raises(
        KitError, match=r"changed after its release: mean_tests.*autograder release"
    ):
        grade_class(load_course(tiny.root), "tiny")


def test_what_was_never_released_or_handed_in_is_refused(tmp_path: Path) -> None:
    course = load_course(TinyCourse(tmp_path).root)
    with pytest.raises(KitError, match="has not been released"):
        grade_class(course, "tiny")


def test_the_first_are_being_judged_before_the_gradebook_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which takes long to import; and what was begun ends with the run."""
    tiny = TinyCourse(tmp_path)
    for student in ("ada", "bob", "cem"):
        tiny.write(f"submitted/{student}/tiny/tiny.ipynb", "no notebook")
    seen: list[str] = []

    def refuse(*_: object) -> None:
        seen.append("gradebook")
        raise KitError("not as it was released")

    pool = SimpleNamespace(workers=2, check=lambda *_: None, prepare=lambda *_: None)
    service = SimpleNamespace(pool=pool, stop=lambda: seen.append("the end"))
    monkeypatch.setattr(grade, "judge_service", lambda: service)
    monkeypatch.setattr(
        grade, "_submit", lambda work, *_: seen.append(work.judged.submission.student)
    )
    monkeypatch.setattr(gradebook, "check_released", refuse)
    with pytest.raises(KitError, match="not as it was released"):
        grade_class(load_course(tiny.root), "tiny")
    assert seen == ["ada", "bob", "gradebook", "the end"]


def test_a_course_needs_no_name_of_its_own(tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path)
    config = (tmp_path / "course_config.py").read_text()
    (tmp_path / "course_config.py").write_text(
        config.replace("c.CourseDirectory.course_id", "_name")
    )
    course = load_course(tiny.root)
    course.make_records()
    with gradebook.open_gradebook(course) as book:
        assert book.add_assignment("tiny").course_id == ""


def test_without_a_submission_nothing_is_graded(tmp_path: Path, released: Path) -> None:
    course = load_course(TinyCourse(tmp_path, released=released).root)
    with pytest.raises(KitError, match="Nobody handed in"):
        grade_class(course, "tiny")


def test_the_release_holds_no_solution(tiny: TinyCourse) -> None:
    text = (tiny.root / "release/tiny/tiny.ipynb").read_text()
    assert "x + x" not in text
    assert "graded" not in text
    assert "NotImplementedError" in text


def test_a_failure_of_the_gradebook_is_one_students_only(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.submission("bob")
    real = converter.convert

    def fails_for_ada(judged: JudgedSubmission) -> None:
        if judged.submission.student == "ada":
            raise OSError("no space left on device")
        real(judged)

    monkeypatch.setattr(converter, "convert", fails_for_ada)
    course = load_course(tiny.root)
    run = grade_class(course, "tiny")
    assert "no space left" in run.reasons["ada"][0]
    assert automatic(course, "bob") == FULL

    def locked(*_: object) -> None:
        raise OSError("database is locked")

    monkeypatch.setattr(gradebook, "create_submission", locked)
    run = grade_class(course, "tiny")
    assert list(run.reasons) == ["ada"]
    assert run.kept == ["bob"]
    monkeypatch.undo()
    assert grade_class(course, "tiny").reasons == {}
    assert automatic(course, "ada") == FULL


def test_a_run_that_was_killed_goes_on_where_it_stopped(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.submission("bob")
    real = converter.convert

    def killed_at_bob(judged: JudgedSubmission) -> None:
        if judged.submission.student == "bob":
            raise KeyboardInterrupt
        real(judged)

    monkeypatch.setattr(converter, "convert", killed_at_bob)
    course = load_course(tiny.root)
    with pytest.raises(KeyboardInterrupt):
        grade_class(course, "tiny")
    monkeypatch.undo()
    run = grade_class(course, "tiny")
    assert run.kept == ["ada"]
    assert automatic(course, "bob") == FULL


def test_without_a_box_nothing_is_graded(tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch) -> None:
    from autograder.judge import slots

    def no_wall(*_asked: object) -> str:
        raise KitError("no wall")

    monkeypatch.setattr(slots, "check_wall", no_wall)
    course = load_course(tiny.root)
    with pytest.raises(KitError, match="no wall"):
        grade_class(course, "tiny")
    assert load_card(course, "tiny", "ada") is None


def test_the_answer_key_is_run_in_the_box(tiny: TinyCourse) -> None:
    from autograder.release.answer_key import NOTE, make_answer_key

    course = load_course(tiny.root)
    made = make_answer_key(course, "tiny")
    assert "No GPU took part" in (made / NOTE).read_text()
    text = (made / "tiny.ipynb").read_text()
    assert RIGHT["double"].splitlines()[-1].strip() in text
    shutil.copy(tiny.root / "source/tiny/tiny.ipynb", tiny.root / "kept.ipynb")
    tiny.write(
        "source/tiny/tiny.ipynb",
        (tiny.root / "kept.ipynb").read_text().replace("return x + x", "raise ValueError(5)"),
    )
    with pytest.raises(KitError):
        make_answer_key(course, "tiny")
    assert (made / "tiny.ipynb").read_text() == text


def test_the_grader_waits_only_for_what_is_not_judged_yet(
    of_class: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a submission with several notebooks some are judged before others: no reason to spin."""
    judged, open_job = Future[Judgement](), Future[Judgement]()
    judged.cancel()
    waited_for: list[list[Future[Judgement]]] = []

    def wait(jobs: list[Future[Judgement]], **_: Any) -> None:
        waited_for.append(jobs)
        open_job.cancel()

    pool = SimpleNamespace(workers=1)
    service = SimpleNamespace(pool=pool, raise_if_lost=lambda _: None)
    monkeypatch.setattr(grade, "judge_service", lambda: service)
    course = load_course(of_class.root)
    submission = Submission(course, "tiny", "ada", of_class.root, {}, {}, {}, ())
    futures = {"first": judged, "second": open_job}
    under_way = grade._UnderWay(JudgedSubmission(submission, futures), "")
    monkeypatch.setattr(grade, "_read", lambda *_: under_way)
    monkeypatch.setattr(grade, "_submit", lambda *_: None)
    monkeypatch.setattr(grade, "_finish", lambda *_: None)
    monkeypatch.setattr(grade, "wait", wait)
    order = grade._Order(course, "tiny", ["ada"], "", {}, "", "")
    grade._grade_all(order, ClassRun(), lambda *_: None, lambda: len(waited_for) > 1)
    assert waited_for == [[open_job]]


def test_a_file_in_the_way_of_the_courses_own_costs_nothing(tiny: TinyCourse) -> None:
    """A file where the course gives a folder, and a folder where it gives a file."""
    tiny.write("source/tiny/data/x.txt", "the course's")
    tiny.write("source/tiny/given.py", "G = 1")
    tiny.submission("ada", extra="import given; open('data/x.txt')")
    tiny.write("submitted/ada/tiny/data", "a student's")
    tiny.write("submitted/ada/tiny/given.py/z.txt", "a student's")
    course = load_course(tiny.root)
    run = grade_class(course, "tiny", "ada")
    assert run.reasons == {}
    assert automatic(course, "ada") == FULL
    autograded = course.autograded("ada", "tiny")
    assert (autograded / "data/x.txt").read_text() == "the course's"
    assert (autograded / "given.py").read_text() == "G = 1"
    (card,) = run.cards
    assert "data, given.py/z.txt" in " ".join(card.notebooks[0].repairs)


def test_a_link_elsewhere_of_a_course_files_name_takes_nothing_of_the_courses(
    tiny: TinyCourse,
) -> None:
    tiny.write("source/tiny/given.py", "G = 1")
    tiny.submission("ada", extra="import given")
    (tiny.root / "submitted/ada/tiny/sub").mkdir()
    (tiny.root / "submitted/ada/tiny/sub/given.py").symlink_to(tiny.root / "nowhere")
    course = load_course(tiny.root)
    assert grade_class(course, "tiny", "ada").reasons == {}
    assert (course.autograded("ada", "tiny") / "given.py").read_text() == "G = 1"
