"""The formgrader's autograde button, pressed in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.release import release
from tests.browser import missing_browser, open_browser
from tests.formgrader import TOKEN, open_formgrader
from tests.tiny_course import TinyCourse

pytestmark = pytest.mark.skipif(bool(missing_browser()), reason=missing_browser())

SCRIPT = "<script>window.pwned = 1; document.title = 'pwned'</script>"
SHOWS_SCRIPT = f"""
from IPython.display import HTML, Javascript, display
display(HTML({SCRIPT!r}), Javascript("window.pwned = 1"))
display(HTML("<img src=x onerror='window.pwned = 1'>"))
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> TinyCourse:
    """Three submissions: a right one, a half-right one, and a hostile one."""
    tiny = TinyCourse(tmp_path_factory.mktemp("course"))
    release.build(load_course(tiny.root), "tiny")
    tiny.submission("ada")
    tiny.submission("ben", {"double": "def double(x):\n    return abs(2 * x)"})
    tiny.submission("mallory", {"why": f"Because {SCRIPT} of reasons."}, extra=SHOWS_SCRIPT)
    return tiny


@pytest.fixture(scope="module")
def page(
    course: TinyCourse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Chrome, str]]:
    """A browser that is logged in, and the formgrader's address."""
    scratch = tmp_path_factory.mktemp("server")
    with open_formgrader(course.root, scratch) as address, open_browser() as browser:
        browser.get(f"{address}?token={TOKEN}")
        yield browser, address


def _press_autograde(browser: Chrome, address: str, student: str) -> str:
    """Press the button in a student's row; what the page then says."""
    browser.get(f"{address}/manage_submissions/tiny")
    wait = WebDriverWait(browser, 180)
    row = f"//tr[td[contains(@class, 'student-id') and normalize-space() = '{student}']]"
    button = f"{row}/td[contains(@class, 'autograde')]/a"
    wait.until(lambda shown: shown.find_elements(By.XPATH, button))[0].click()
    titles = "//*[contains(@class, 'modal-title')]"
    wait.until(lambda shown: any(title.text for title in shown.find_elements(By.XPATH, titles)))
    return " ".join(title.text for title in browser.find_elements(By.XPATH, titles))


def test_the_button_gives_the_same_marks_as_our_command(
    course: TinyCourse, page: tuple[Chrome, str]
) -> None:
    loaded = load_course(course.root)
    for student in ("ada", "ben", "mallory"):
        assert "Success" in _press_autograde(*page, student)
    pressed = gradebook.marks(loaded, "tiny")

    grade_class(loaded, "tiny", regrade=True)

    assert pressed == gradebook.marks(loaded, "tiny")
    marks = {(student, item): mark for (student, _, item), mark in pressed.items()}
    assert [marks[name, "double_tests"] for name in ("ada", "ben", "mallory")] == [3, 1, 3]
    assert marks["ada", "mean_tests"] == 4
    assert marks["ada", "why"] is None


def test_a_written_answer_is_marked_by_hand_and_no_script_of_a_student_runs(
    course: TinyCourse, page: tuple[Chrome, str]
) -> None:
    browser, address = page
    loaded = load_course(course.root)
    grade_class(loaded, "tiny")
    with gradebook.open_gradebook(loaded) as book:
        submission = book.find_submission_notebook("tiny", "tiny", "mallory").id
    browser.get(f"{address}/submissions/{submission}")
    box = "//input[contains(@class, 'score')]"
    wait = WebDriverWait(browser, 60)
    wait.until(lambda shown: len(shown.find_elements(By.XPATH, box)) == 3)
    assert "of reasons" in browser.find_element(By.TAG_NAME, "body").text
    assert browser.execute_script(_FROM_ELSEWHERE) == [], "grading machines often have no network"
    note = "//details[summary[contains(., 'For staff')]]"
    assert [one.get_attribute("open") for one in browser.find_elements(By.XPATH, note)] == [None]
    assert "Your answer" in browser.find_element(By.XPATH, note).get_attribute("textContent")
    assert browser.execute_script("return window.pwned") is None
    assert browser.title != "pwned"

    # nbgrader's keys: they wait for what it loads from elsewhere.
    wait.until(lambda shown: shown.execute_script("return MathJax.loaded"))
    mark = browser.find_elements(By.XPATH, box)[2]
    mark.clear()
    mark.send_keys("4\t")
    wait.until(lambda _: gradebook.marks(loaded, "tiny")["mallory", "tiny", "why"] == 4)
    grade_class(loaded, "tiny", "mallory", regrade=True)
    assert gradebook.marks(loaded, "tiny")["mallory", "tiny", "why"] == 4


def test_a_server_without_the_courses_configuration_grades_nothing(
    course: TinyCourse, tmp_path: Path
) -> None:
    """The server finds the folders, but no configuration: its gradebook knows no assignment."""
    bare = TinyCourse.__new__(TinyCourse)
    bare.root = tmp_path / "bare"
    bare.root.mkdir()
    for name in ("source", "release"):
        (bare.root / name).symlink_to(course.root / name)
    marker = tmp_path / "student-code-ran"
    handed_in = course.handed_in({}, extra=f"open({str(marker)!r}, 'w')")
    bare.write("submitted/eve/tiny/tiny.ipynb", json.dumps(handed_in))
    with open_formgrader(bare.root, tmp_path) as address, open_browser() as browser:
        browser.get(f"{address}?token={TOKEN}")
        browser.set_script_timeout(120)
        answer = browser.execute_async_script(_POST, f"{address}/api/submission/tiny/eve/autograde")
    assert json.loads(answer)["success"] is False
    assert "No assignment" in answer
    assert not marker.exists()


_FROM_ELSEWHERE = """
return [...performance.getEntriesByType('resource').map(entry => entry.name),
        ...[...document.querySelectorAll('[src], link[href]')].map(part => part.src || part.href)]
    .filter(name => !name.startsWith(location.origin) && !name.startsWith('data:'));
"""
_POST = """
const done = arguments[1];
const xsrf = (document.cookie.match(/_xsrf=([^;]*)/) || [])[1];
fetch(arguments[0], {method: "POST", headers: {"X-XSRFToken": xsrf}})
    .then(answer => answer.text()).then(done, error => done(String(error)));
"""
