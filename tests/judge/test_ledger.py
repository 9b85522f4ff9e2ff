"""What was judged is not judged again, and what changed is."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from autograder import graders
from autograder.autograde.class_run import Origin
from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.judge import keys as inputs
from autograder.judge.job import Job, Judgement
from autograder.judge.keys import judgement_key
from autograder.judge.ledger import Ledger, ledger_path
from autograder.judge.service import judge_service
from autograder.scorecard import Check, Item, NotebookCard, Scorecard, Verdict
from tests.tiny_course import TinyCourse


@pytest.fixture
def tiny(tiny: TinyCourse) -> TinyCourse:
    tiny.submission("bob")
    tiny.submission("cem", extra="x = 1")
    return tiny


@pytest.fixture
def job(tiny: TinyCourse) -> Job:
    return tiny.job()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.db")
    yield made
    made.close()


def test_equal_work_is_judged_once_and_each_gets_a_card(
    tiny: TinyCourse, started: list[str]
) -> None:
    course = load_course(tiny.root)
    run = grade_class(course, "tiny")
    assert len(started) == 2, "ada's and bob's are the same"
    assert run.graded == ["ada", "bob", "cem"]
    assert run.notebooks == {Origin.JUDGED: 2, Origin.EQUAL: 1}
    assert [(card.student, card.score) for card in run.cards] == [
        ("ada", 7.0),
        ("bob", 7.0),
        ("cem", 7.0),
    ]


def test_a_second_run_judges_nothing_and_a_new_submission_costs_itself(
    tiny: TinyCourse, started: list[str]
) -> None:
    grade_class(load_course(tiny.root), "tiny")
    started.clear()
    assert grade_class(load_course(tiny.root), "tiny").kept == ["ada", "bob", "cem"]
    tiny.submission("dee", extra="x = 2")
    assert grade_class(load_course(tiny.root), "tiny").kept == ["ada", "bob", "cem"]
    assert started == ["dee"]


def test_marks_that_are_lost_come_from_the_ledger(tiny: TinyCourse, started: list[str]) -> None:
    course = load_course(tiny.root)
    before = grade_class(course, "tiny").cards
    started.clear()
    for path in (course.records / "scorecards").rglob("graded"):
        path.unlink()
    again = grade_class(course, "tiny")
    assert again.cards == before
    assert (again.from_ledger, again.graded) == (["ada", "bob", "cem"], [])
    assert started == []
    assert grade_class(course, "tiny", regrade=True).cards == before
    assert len(started) == 2, "--regrade does not look into it"


def test_without_its_ledger_a_course_is_graded_all_the_same(
    tiny: TinyCourse, started: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    course = load_course(tiny.root)
    before = grade_class(course, "tiny").cards
    path = ledger_path(course)
    content = path.read_bytes()
    for damage in ("deleted", "no database", "cut short", "a folder"):
        judge_service()._ledgers.pop(course.root).close()
        path.unlink()
        if damage == "no database":
            path.write_text("no database " * 1000)
        elif damage == "cut short":
            path.write_bytes(content[: len(content) // 2])
        elif damage == "a folder":
            path.mkdir()
        for kept in (course.records / "scorecards").rglob("graded"):
            kept.unlink()
        started.clear()
        caplog.clear()
        assert grade_class(course, "tiny").cards == before, damage
        # Ada and bob have the same: without a ledger they share a judgement only if it is under way.
        assert len(started) in ((2,) if damage == "deleted" else (2, 3)), damage
        assert ("ledger.db cannot be" in caplog.text) == (damage != "deleted"), damage


def test_what_a_key_depends_on(tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch) -> None:
    def key(student: str = "ada") -> str:
        return judgement_key(load_course(tiny.root), tiny.job(student))

    first = key()
    keys = {first}

    def is_new(why: str) -> None:
        assert key() not in keys, why
        keys.add(key())

    assert key("bob") == first, "not on whose it is"
    tiny.write("graders/tiny/__pycache__/test_tiny.cpython-311.pyc", "x")
    tiny.write("graders/tiny/test_other_notebook.py", "x = 1")
    assert key() == first, "not on other notebooks' tests"
    assert key("cem") != first, "on the code"
    tiny.write("graders/tiny/helper.json", "{}")
    is_new("a file beside the tests")
    tiny.configure("c.BoxSettings.threads = 2")
    is_new("a setting of the box")
    (tiny.root / "records" / "secret").write_text("another")
    is_new("the secret")
    monkeypatch.setattr(inputs, "packages", lambda: {"torch": "2.4"})
    inputs._environment_digest.cache_clear()
    is_new("the libraries")
    monkeypatch.undo()
    inputs._environment_digest.cache_clear()
    data = tiny.root / "images"
    data.mkdir()
    (data / "batch").write_text("1")
    tiny.configure("c.CourseSettings.data_directory = 'images'")
    is_new("the data's place")
    (data / "batch").write_text("22")
    is_new("the data")


def test_code_is_not_taken_for_a_file(tiny: TinyCourse, job: Job) -> None:
    course = load_course(tiny.root)
    as_code = replace(job, cells=("x = 1", "data", "y = 2"), files=())
    as_file = replace(as_code, cells=("x = 1",), files=(("data", b"y = 2"),))
    assert judgement_key(course, as_code) != judgement_key(course, as_file)


def test_the_parts_of_the_kit_that_a_judgement_goes_through_are_in_its_key() -> None:
    """What `judge_job` imports, but not what only shows a judgement or hands it on."""
    code = "import sys, autograder.judge.judge, autograder.grading.plugin, autograder.data\n"
    code += "print(*(n for n in sys.modules if n.startswith('autograder.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {room.removesuffix(".py").replace("/", ".") for room in inputs._ROOMS}
    for name in done.stdout.split():
        module = name.removeprefix("autograder.")
        assert module == "judge" or module in rooms or module.split(".")[0] in rooms, name


def test_what_the_kits_own_assignments_share_is_in_the_key_of_each() -> None:
    """The folder of an assignment is, by its content; what lies beside it belongs to the kit."""
    folder = Path(graders.__file__).parent
    shared = {f"graders/{path.name}" for path in folder.glob("*.py") if path.stem != "__init__"}
    assert shared
    assert shared <= set(inputs._ROOMS)


def judgement(verdict: Verdict = Verdict.FAILED) -> Judgement:
    item = Item("double_tests", 3.0, False, (Check("t", "T", verdict),))
    outputs = ([{"output_type": "stream", "name": "stdout", "text": "half \ud83d"}],)
    return Judgement(Scorecard("tiny", "ada", (NotebookCard("tiny", (item,)),)), outputs)


def test_a_judgement_comes_back_as_it_was_under_another_name(
    tiny: TinyCourse, ledger: Ledger
) -> None:
    ledger.keep("key", judgement())
    found = ledger.find("key", replace(tiny.job("bob"), repairs=("a repair",)))
    assert found is not None
    assert found.card.student == "bob"
    assert found.card.notebooks[0].repairs == ("a repair",)
    assert found.card.items == judgement().card.items
    assert found.outputs == judgement().outputs


def test_what_was_judged_long_ago_is_forgotten(
    job: Job, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.judge.ledger._MOST", 2)
    for key in ("first", "second", "first", "third"):  # judged again, it is the newer one
        ledger.keep(key, judgement())
    known = [key for key in ("first", "second", "third") if ledger.find(key, job)]
    assert known == ["first", "third"]


def known_of(ledger: Ledger, job: Job, keys: str) -> str:
    """Which of these are in its file, without a use of them."""
    with closing(sqlite3.connect(ledger._path)) as database:
        rows = {row[0] for row in database.execute("SELECT key FROM judgements")}
    assert all(ledger.find(key, job) for key in rows)
    return "".join(key for key in keys if key in rows)


def test_what_is_used_is_not_forgotten(
    job: Job, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.judge.ledger._MOST", 4)
    for key in "abcd":
        ledger.keep(key, judgement())
    assert ledger.find("a", job)
    ledger.keep("e", judgement())
    assert known_of(ledger, job, "abcde") == "acde"


@pytest.mark.parametrize(
    "damage",
    [b"", b"1", b"[1]", b'{"card": []}', b'{"card": {"notebooks": ["a"]}, "outputs": []}'],
)
def test_a_damaged_judgement_is_none(job: Job, ledger: Ledger, damage: bytes) -> None:
    ledger.keep("a", judgement())
    with ledger._open() as database:
        database.execute("UPDATE judgements SET judgement = ?", (zlib.compress(damage),))
    assert ledger.find("a", job) is None
    assert "cannot be read" in ledger.trouble
    ledger.keep("a", judgement())
    assert ledger.find("a", job)


def test_one_that_is_judged_again_and_again_drives_no_other_out(
    job: Job, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.judge.ledger._MOST", 3)
    for key in "abcccccc":
        ledger.keep(key, judgement())
    assert known_of(ledger, job, "abc") == "abc"


def test_its_file_stays_small(job: Job, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 400 * 1024
    monkeypatch.setattr("autograder.judge.ledger._MOST_BYTES", most)
    generator = random.Random(1)
    for key in "abcdefghijklmnopqrstuvwxyz":
        output = {"output_type": "stream", "text": generator.randbytes(30_000).hex()}
        ledger.keep(key, replace(judgement(), outputs=([output],)))
    assert ledger._path.stat().st_size < most + 64 * 1024, "one more than it holds"
    assert known_of(ledger, job, "ayz") == "yz"
    huge = {"output_type": "stream", "text": generator.randbytes(most).hex()}
    ledger.keep("huge", replace(judgement(), outputs=([huge],)))
    assert ledger.find("huge", job), "the newest is kept in any case"


def test_a_ledger_that_cannot_be_written_is_read(
    job: Job, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.judge.ledger._MOST", 2)
    for key in "ab":
        ledger.keep(key, judgement())
    ledger._open().execute("PRAGMA query_only = ON")
    assert ledger.find("a", job)
    assert "cannot be written" in ledger.trouble


def test_a_ledger_in_the_place_of_one_that_was_deleted_is_written(job: Job, ledger: Ledger) -> None:
    """Two that write, of which one has another file open by the same name, would share a journal."""
    with closing(Ledger(ledger._path)) as second:
        ledger.keep("a", judgement())
        ledger._path.unlink()
        second.keep("b", judgement())
        ledger.keep("c", judgement())
        assert known_of(second, job, "abc") == "bc"


def test_graders_side_by_side_forget_no_more_than_is_too_much(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.judge.ledger._MOST", 10)

    def grader(name: str) -> str:
        ledger = Ledger(tmp_path / "ledger.db")
        for number in range(12):
            ledger.keep(f"{name}{number}", judgement())
            ledger.find(f"{name}{number // 2}", job)
        ledger.close()
        return ledger.trouble

    with ThreadPoolExecutor(3) as graders:
        assert set(graders.map(grader, "xyz")) == {""}
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        assert database.execute("SELECT count(*) FROM judgements").fetchone() == (10,)


def test_what_staff_must_look_at_is_tried_again(job: Job, ledger: Ledger) -> None:
    ledger.keep("key", judgement(Verdict.UNGRADED))
    assert ledger.find("key", job) is None


def test_a_full_disk_is_told_and_stops_nothing(
    job: Job, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.keep("first", judgement(Verdict.PASSED))
    database = ledger._open()
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")  # SQLite says the same of a full disk
    for number in range(200):
        ledger.keep(f"more {number}", judgement(Verdict.PASSED))
    assert "is full" in caplog.text
    database.execute("PRAGMA max_page_count = 100000")
    ledger.keep("after", judgement(Verdict.PASSED))
    assert ledger.find("first", job)
    assert ledger.find("after", job)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_graders_that_start_at_once_make_one_ledger(tmp_path: Path) -> None:
    """Each keeps what it judged, in a file that was not there before any of them."""
    count = 8
    ready = Barrier(count)

    def grader(number: int) -> str:
        ledger = Ledger(tmp_path / "ledger.db")
        ready.wait()
        ledger.keep(str(number), Judgement(Scorecard("tiny", "ada", ()), ()))
        ledger.close()
        return ledger.trouble

    with ThreadPoolExecutor(count) as graders:
        assert set(graders.map(grader, range(count))) == {""}
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        assert database.execute("SELECT count(*) FROM judgements").fetchone() == (count,)
