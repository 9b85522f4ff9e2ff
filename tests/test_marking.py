"""Answers marked in a browser, by keys: fourteen of one question, without a mouse and without scrolling."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import nbformat
import pytest
from nbformat import v4
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import event
from sqlalchemy.engine import Engine

from autograder.autograde import gradebook
from autograder.autograde.marking import Outdated, answers, questions, set_mark
from autograder.autograde.marking_server import MarkingServer
from autograder.autograde.model_answers import model_answer
from autograder.course import Course, load_course
from autograder.errors import KitError
from autograder.release.release import build
from tests.accessibility import missing_axe, violations
from tests.browser import missing_browser, open_browser
from tests.doors import autograder
from tests.report.samples import picture
from tests.tiny_course import TinyCourse, cell, tiny_source

STUDENTS = [f"s{number:02}" for number in range(14)]
SCRIPT = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"
MODEL = "A mean weighs all alike: $m = \\frac{1}{n} \\sum_i x_i$.\n\n*Rubric.* 2 points: alike. 3 points: the sum."


def autograded(tiny: TinyCourse, student: str, why: str) -> None:
    """A submission as it is after `grade`, without the seconds."""
    notebook = nbformat.from_dict(tiny.handed_in({"why": why}))
    about = {"nbgrader": {"grade_id": "curves", "locked": True, "grade": False, "solution": False}}
    figure = v4.new_output("display_data", {"image/png": picture()})
    curves = v4.new_code_cell("plot()", outputs=[figure], metadata=about)
    notebook.cells[-1:-1] = [curves]
    tiny.write(f"autograded/{student}/tiny/tiny.ipynb", nbformat.writes(notebook))
    tiny.submission(student, {"why": why})


@pytest.fixture(scope="module")
def of_fourteen(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Path:
    tiny = TinyCourse(tmp_path_factory.mktemp("marking") / "course", released=released)
    source = tiny_source()
    source["cells"][-1]["source"] = MODEL
    tiny.write("source/tiny/tiny.ipynb", json.dumps(source))
    course = load_course(tiny.root)
    for number, student in enumerate(STUDENTS):
        long = "\n\n".join([f"Answer {number} of mine. {SCRIPT}", *["A long answer goes on."] * 60])
        autograded(tiny, student, long)
        gradebook.create_submission(course, "tiny", student)
    return tiny.root


@pytest.fixture
def course(tmp_path: Path, of_fourteen: Path) -> Course:
    """A copy for each test, for each writes marks."""
    return load_course(TinyCourse(tmp_path / "course", released=of_fourteen).root)


@pytest.fixture
def server(course: Course) -> Iterator[MarkingServer]:
    made = MarkingServer(course, "tiny")
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    if missing_browser():
        pytest.skip(missing_browser())
    with open_browser(width=1200, height=800) as driver:
        yield driver


def scores(course: Course) -> list[float | None]:
    found = gradebook.marks(course, "tiny")
    return [found[student, "tiny", "why"] for student in STUDENTS]


def press(browser: Chrome, *keys: str) -> int:
    for key in keys:
        ActionChains(browser).send_keys(key).perform()
    return len(keys)


def wait_for(browser: Chrome, what: str) -> None:
    WebDriverWait(browser, 30).until(lambda shown: shown.execute_script(f"return {what}"))


TOP_IS_SEEN = """
const box = document.querySelector("article:not([hidden]) .prose").getBoundingClientRect();
const rubric = [...document.querySelectorAll(".scheme h2")].map(head => head.getBoundingClientRect());
return window.scrollY === 0 && box.top >= 0 && box.top < innerHeight / 3
    && rubric.length === 2 && rubric.every(head => head.top >= 0 && head.bottom < innerHeight);
"""


def test_fourteen_answers_take_fourteen_keys_and_no_scrolling(
    course: Course, server: MarkingServer, browser: Chrome
) -> None:
    browser.get(server.address("why"))
    text = browser.find_element("tag name", "body").text
    assert "14 of 14 to mark" in text
    assert "2 points: alike." in text
    assert "A mean weighs all alike" in text
    assert (
        browser.execute_script("return document.querySelectorAll('article img.figure').length")
        == 14
    )
    keys = 0
    for number in range(14):
        assert browser.execute_script(TOP_IS_SEEN)
        keys += press(browser, str(number % 6))
    wait_for(browser, "waiting === 0")
    assert keys < 30
    assert "All answers to why are marked" in browser.find_element("tag name", "main").text
    by_order = {
        answer.student: n % 6
        for n, answer in enumerate(answers(course, "tiny", server.questions[0]))
    }
    assert scores(course) == [by_order[student] for student in STUDENTS]
    assert browser.execute_script("return window.pwned") is None
    outside = "return performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length"
    assert browser.execute_script(outside) == 0


def test_a_mark_can_be_taken_back_and_a_comment_goes_with_it(
    course: Course, server: MarkingServer, browser: Chrome
) -> None:
    first, second = (answer.student for answer in answers(course, "tiny", server.questions[0])[:2])
    browser.get(server.address("why"))
    press(
        browser,
        "9",
        "3",
        "u",
        "c",
        "See 4.2.",
        Keys.ESCAPE,
        "p",
        "2.5",
        Keys.ENTER,
        Keys.ARROW_RIGHT,
        Keys.ARROW_LEFT,
    )
    wait_for(browser, "waiting === 0")
    with gradebook.open_gradebook(course) as book:
        assert book.find_grade("why", "tiny", "tiny", first).manual_score == 2.5
        assert book.find_comment("why", "tiny", "tiny", first).manual_comment == "See 4.2."
        assert book.find_grade("why", "tiny", "tiny", second).needs_manual_grade
    assert "2 of 14" in browser.find_element("css selector", "article:not([hidden]) h2").text
    assert first not in browser.find_element("tag name", "main").text, "names are off"
    press(browser, "n")
    assert second in browser.find_element("tag name", "main").text


def test_what_could_not_be_saved_is_said_and_stays_open(
    course: Course, server: MarkingServer, browser: Chrome
) -> None:
    browser.get(server.address("why"))
    first = answers(course, "tiny", server.questions[0])[0].student
    path = course.autograded(first, "tiny") / "tiny.ipynb"
    path.write_text(path.read_text().replace("goes on", "changed"))
    press(browser, "5")
    wait_for(browser, "!document.getElementById('trouble').hidden")
    assert "another answer by now" in browser.find_element("id", "trouble").text
    assert "14 of 14 to mark" in browser.find_element("id", "left").text
    assert scores(course) == [None] * 14


@pytest.mark.skipif(bool(missing_axe()), reason=missing_axe())
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1200])
def test_axe_finds_nothing(server: MarkingServer, browser: Chrome, width: int, dark: bool) -> None:
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(server.address("why"))
    press(browser, "4", Keys.ARROW_LEFT)
    assert violations(browser) == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def ask(server: MarkingServer, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    link = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    data = None if body is None else json.dumps(body)
    link.request("GET" if body is None else "POST", path, data, headers)
    answer = link.getresponse()
    return answer.status, answer.read().decode()


def test_without_the_secret_nothing_is_answered(course: Course, server: MarkingServer) -> None:
    path = urlparse(server.address("why")).path
    student = answers(course, "tiny", server.questions[0])[0]
    mark = {"student": student.student, "key": student.key, "score": 5, "comment": ""}
    kind = {"Content-Type": "application/json"}
    assert ask(server, path)[0] == 200
    assert ask(server, "/wrong/why/")[0] == 404
    assert ask(server, "/")[0] == 404
    assert ask(server, path, Host="example.org:80")[0] == 404, (
        "a name that was made to mean this machine"
    )
    assert ask(server, "/wrong/why/mark", mark, **kind)[0] == 404
    assert ask(server, f"{path}mark", mark, **{"Content-Type": "text/plain"})[0] == 404
    for length in ("many", "-1", "9" * 5000):
        lying = kind | {"Content-Length": length}
        assert ask(server, f"{path}mark", mark, **lying)[0] == 404, "a length that is none"
    for wrong in (
        {"score": 6},
        {"score": -1},
        {"score": "5"},
        {"score": True},
        {"student": "nobody"},
        {"key": 3},
    ):
        assert ask(server, f"{path}mark", {**mark, **wrong}, **kind)[0] == 400, wrong
    assert ask(server, f"{path}mark", {**mark, "key": "old"}, **kind)[0] == 409
    assert scores(course) == [None] * 14
    assert ask(server, f"{path}mark", mark, **kind)[0] == 200
    assert scores(course).count(5.0) == 1


def test_a_mark_is_for_the_answer_that_was_seen(course: Course) -> None:
    (question,) = questions(course, "tiny")
    answer = answers(course, "tiny", question)[0]
    assert [cell.source for cell in answer.pictures] == ["plot()"]
    with pytest.raises(Outdated):
        set_mark(course, "tiny", question, answer.student, "another", 5, "")
    with pytest.raises(KitError, match="from 0 to 5"):
        set_mark(course, "tiny", question, answer.student, answer.key, float("nan"), "")
    set_mark(course, "tiny", question, answer.student, answer.key, 0, "")
    assert answers(course, "tiny", question)[0].score == 0
    set_mark(course, "tiny", question, answer.student, answer.key, None, "")
    assert answers(course, "tiny", question)[0].score is None


def test_a_page_asks_the_gradebook_the_same_for_a_large_class_as_for_a_small_one(
    course: Course,
) -> None:
    (question,) = questions(course, "tiny")
    asked: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "comment" in statement and statement.startswith("SELECT"):
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        assert len(answers(course, "tiny", question)) == len(STUDENTS)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(asked) == 1


def test_a_task_is_marked_as_an_answer_is(tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path / "course")
    source = tiny_source()
    source["cells"][-1] = {**cell("markdown", "Draw.", "draw", task=True, locked=True, points=2)}
    source["cells"][-1]["id"] = "draw"
    tiny.write("source/tiny/tiny.ipynb", json.dumps(source))
    course = load_course(tiny.root)
    build(course, "tiny")
    tiny.write("autograded/ada/tiny/tiny.ipynb", json.dumps(tiny.handed_in({})))
    gradebook.create_submission(course, "tiny", "ada")
    (question,) = questions(course, "tiny")
    (answer,) = answers(course, "tiny", question)
    assert (answer.score, answer.comment) == (None, "")
    set_mark(course, "tiny", question, "ada", answer.key, 1.5, "A line.")
    (answer,) = answers(course, "tiny", question)
    assert (answer.score, answer.comment) == (1.5, "A line.")


def test_model_answers_come_from_the_source(course: Course) -> None:
    source = course.notebooks("tiny")["tiny"]
    known = model_answer(source, "why")
    assert (known.question, known.rubric) == ("Why?", "2 points: alike. 3 points: the sum.")
    assert known.answer.startswith("A mean weighs all alike")


def test_the_command_names_what_people_mark(course: Course) -> None:
    done = autograder(course.root, "mark", "tiny", "double_tests", code=2)
    assert "People mark why of `tiny`, and not `double_tests`." in done.stderr
