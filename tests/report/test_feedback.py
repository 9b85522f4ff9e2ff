from __future__ import annotations

import base64
import io
import re
from typing import Any

import pytest
from nbformat import NotebookNode, v4
from PIL import Image

from autograder.course.markers import Markers
from autograder.report import markdown
from autograder.report.feedback import PageLink, render_feedback
from autograder.report.item_views import NOT_GRADED
from autograder.scorecard import Check, Item, NotebookCard, Verdict
from tests.report.samples import (
    WRITTEN,
    about,
    check_cell,
    code,
    essay,
    item,
    notebook_card,
    picture,
    solution,
    text,
)


def page(cells: list[NotebookNode], card: NotebookCard | None = None, **options: Any) -> str:
    values = {"student": "ada", "assignment": "vgg16", "score": 6.0, "max_score": 14.0, **options}
    values.setdefault("for_students", Markers().for_students)
    values.setdefault("waiting", {"why", "head_tests"})
    return render_feedback(v4.new_notebook(cells=cells), card, **values)


def panel(html: str, name: str = "head") -> str:
    found = re.search(
        rf'<section class="panel[^>]*Result of {name}">.*?</section>', html, re.DOTALL
    )
    assert found, f"no panel of {name}"
    return found.group()


def test_an_item_shows_verdict_points_and_a_row_for_each_check() -> None:
    card = notebook_card(item(Verdict.PASSED, Verdict.FAILED))
    shown = panel(page([solution("head = 1"), check_cell(score=5.0)], card))
    assert "Partly passed" in shown
    assert re.search(r">5<span[^>]*> / 10<", shown)
    assert "Title 0" in shown
    assert "Title 1" in shown


def test_message_and_hint_appear_only_for_checks_that_did_not_pass() -> None:
    verdicts = (Verdict.PASSED, Verdict.FAILED, Verdict.RAISED, Verdict.LIMIT)
    shown = panel(page([check_cell()], notebook_card(item(*verdicts))))
    assert "Message 0." not in shown
    assert "Hint 0?" not in shown
    for number in (1, 2, 3):
        assert f"Message {number}." in shown
        assert f"Hint {number}?" in shown


def test_staff_details_and_names_of_hidden_tests_stay_out() -> None:
    card = notebook_card(item(Verdict.FAILED, Verdict.UNGRADED), reason="the graders are broken")
    html = page([check_cell()], card)
    assert "271828" not in html
    assert "test_secret_name" not in html
    assert "the graders are broken" not in html


def test_a_region_of_hidden_tests_stays_out_with_what_quotes_it() -> None:
    source = "assert head\n### BEGIN HIDDEN TESTS\nassert head == 4711\n### END HIDDEN TESTS\nx = 1"
    cell = check_cell(source)
    lines = ["----> 3 assert head == 4711", "AssertionError"]
    cell.outputs = [v4.new_output("error", ename="AssertionError", evalue="", traceback=lines)]
    html = page([cell], notebook_card(item(Verdict.FAILED)))
    assert "4711" not in html
    assert "AssertionError" in html


def test_an_ungraded_item_is_no_zero() -> None:
    card = notebook_card(item(Verdict.UNGRADED, Verdict.FAILED))
    html = page([check_cell(score=0.0)], card, score=0.0, max_score=10.0)
    assert NOT_GRADED in panel(html)
    assert "Message 1." not in html
    assert not re.search(r">0<span[^>]*> / 10<", html)
    assert "10 points are still open" in html


def test_a_written_answer_waits_for_a_person_until_one_has_marked_it() -> None:
    card = notebook_card(WRITTEN)
    waiting = panel(page([essay("Because.")], card), "why")
    assert "waiting for a person" in waiting
    marked = panel(page([essay("Because.", score=3.0)], card, waiting=()), "why")
    assert "waiting for a person" not in marked
    assert re.search(r">3<span[^>]*> / 4<", marked)


@pytest.mark.parametrize("waiting", [{"why"}, set()])
def test_the_gradebook_says_which_zero_is_a_mark(waiting: set[str]) -> None:
    shown = panel(page([essay("Because.")], notebook_card(WRITTEN), waiting=waiting), "why")
    assert ("waiting for a person" in shown) is bool(waiting)
    assert (">Marked<" in shown) is not bool(waiting)


def test_points_that_a_person_changed_say_so() -> None:
    html = page([check_cell(score=9.0)], notebook_card(item(Verdict.FAILED)))
    assert "set by a person" in panel(html)
    assert "set by a person" not in page(
        [check_cell(score=0.0)], notebook_card(item(Verdict.FAILED))
    )


def test_a_comment_is_shown_once_even_if_it_repeats_the_hint() -> None:
    card = notebook_card(item(Verdict.FAILED))
    automatic = page([solution("x", comment="Message 0. Hint 0?"), check_cell()], card)
    assert automatic.count("Hint 0?") == 1
    human = page([solution("x", comment="Well **done**")], card)
    assert "Well <strong>done</strong>" in human


def test_the_summary_has_a_link_to_every_item() -> None:
    missing = item(Verdict.PASSED, grade_id="lost_tests")
    html = page(
        [check_cell(), essay("text")], notebook_card(item(Verdict.PASSED), WRITTEN, missing)
    )
    anchors = re.findall(r'<a href="#(item-\d+)"', html)
    assert len(anchors) == 3
    assert all(f'id="{anchor}"' in html for anchor in anchors)
    assert "has no cell for" in html


def test_without_a_card_the_points_are_shown() -> None:
    shown = panel(page([check_cell(), essay("text", score=2.0)], None))
    assert re.search(r">6<span[^>]*> / 10<", shown)


def test_one_point_is_one() -> None:
    card = notebook_card(item(Verdict.UNGRADED))
    for_one = [check_cell(score=0.0, points=1.0)]
    html = page(for_one, card, score=0.0, max_score=1.0, late_penalty=1.0)
    assert "</strong> of 1 point <" in html
    assert "1 point is still open." in html
    assert "1 point was taken off" in html
    assert "1 points" not in html


def test_more_text_than_there_is_time_for_is_shown_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each cell for itself may take a second and a half; a notebook with hundreds of them must not."""
    monkeypatch.setattr(markdown, "MAX_OF_NOTEBOOK", 60)
    cells = [text("**first**" + " a" * 20), essay("**second** <b>x</b>"), text("**third**")]
    html = page(cells, None)
    assert "<strong>first</strong>" in html
    assert "<pre>**second** &lt;b&gt;x&lt;/b&gt;</pre>" in html
    assert "<pre>**third**</pre>" in html
    assert html.count("shown as it was written") == 2
    monkeypatch.setattr(markdown, "MAX_OF_NOTEBOOK", 600)
    assert "shown as it was written" not in page(cells, None)


def test_total_bar_and_late_penalty_are_shown() -> None:
    html = page([check_cell(), essay("text")], None, score=5.5, max_score=22.0, late_penalty=1.5)
    assert "<strong>5.5</strong> of 22 points" in html
    assert 'class="earned" style="width: 25.0%"' in html
    assert "1.5 points were taken off" in html


def test_outputs_are_shown_as_pictures_tables_and_text() -> None:
    outputs = [
        v4.new_output("display_data", {"image/png": picture(), "text/plain": "<Figure>"}),
        v4.new_output("display_data", {"text/html": "<table><tr><th>acc</th></tr></table>"}),
        v4.new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m a < b"),
        v4.new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[1mline 3\x1b[0m"]),
    ]
    html = page([solution("head = 1", outputs)])
    assert f'src="data:image/png;base64,{picture()}"' in html
    assert "&lt;Figure&gt;" not in html
    assert "<th>acc</th>" in html
    assert 'ansi-red-fg">red</span> a &lt; b' in html
    assert "line 3" in html


def test_markdown_keeps_formulas_tables_and_pictures_of_its_own() -> None:
    cell = essay("Is $a<b$?\n\n| h |\n|---|\n| 1 |\n\n![](attachment:p.png) ![](attachment:q.png)")
    cell.attachments = {"p.png": {"image/png": picture()}}
    html = page([cell])
    assert "<mi>a</mi><mo>&lt;</mo><mi>b</mi>" in html
    assert "<th>h</th>" in html
    assert html.count("data:image/png") == 1


def test_of_code_that_was_given_only_the_output_is_shown() -> None:
    said = v4.new_output("stream", name="stdout", text="2,000 images")
    html = page([code("load_images()", [said], **about("data", locked=True))])
    assert "2,000 images" in html
    assert "load_images" not in html


def test_what_was_repaired_is_told() -> None:
    lines = (
        "the cell `head` was missing and was put back",
        "`<script>` is none of the assignment's",
    )
    html = page([check_cell()], NotebookCard("1_head", (), repairs=lines))
    assert "<li>the cell <code>head</code> was missing and was put back</li>" in html
    assert "<li><code>&lt;script&gt;</code> is none of the assignment&#39;s</li>" in html
    assert "repaired" not in page([check_cell()], NotebookCard("1_head", ()))


def test_messages_show_backticks_as_code() -> None:
    check = Check("t", "It returns `net`", Verdict.FAILED, message="`a<b` and one ` alone")
    html = page([check_cell()], notebook_card(Item("head_tests", 10.0, checks=(check,))))
    assert "It returns <code>net</code>" in html
    assert "`a&lt;b` and one ` alone" in html


def test_the_page_has_a_policy_and_is_small() -> None:
    cells = [solution("def f(x):\n    return x\n" * 100), check_cell(), text("# Title")]
    html = page([*cells, code("x = 1"), code("y", **about("setup", locked=True))])
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert "<script" not in html
    assert len(html.encode()) < 60_000


@pytest.mark.parametrize(
    "broken",
    [
        {"cell_type": "code", "source": "x", "metadata": {"nbgrader": 3}, "outputs": [1, {}, None]},
        {"cell_type": "code", "source": "x", "metadata": {}, "outputs": "no"},
        {"cell_type": "code", "source": "x\ud800", "metadata": {}, "outputs": []},
        {"cell_type": "markdown", "source": "\ud800 ![](attachment:x)", "metadata": {}},
        {"cell_type": "markdown", "source": "> " * 20_000, "metadata": {}, "attachments": 5},
        {"cell_type": "odd", "source": "<b>", "metadata": {}},
        {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade": 1, "score": "x"}}},
    ],
)
def test_a_damaged_cell_does_not_stop_the_page(broken: dict[str, Any]) -> None:
    cell = NotebookNode(broken)
    html = render_feedback(
        NotebookNode(cells=[cell]),
        None,
        student="a",
        assignment="b",
        score=0,
        max_score=0,
        for_students=str,
        waiting=(),
    )
    assert html.encode("utf-8")


def test_a_flood_of_colours_is_quick() -> None:
    flood = v4.new_output("stream", name="stdout", text="\x1b[31mx\x1b[0m" * 100_000)
    assert "ansi-red" not in page([code("x", [flood])]).split("</style>")[1]


def stub_check(name: str, of: str) -> Check:
    where = f"in `{of}`, line 8 of its cell: `raise NotImplementedError()`"
    said = f"This is still a stub: it raises NotImplementedError {where}."
    return Check(name, f"Title {name}", Verdict.RAISED, message=said)


def test_what_was_not_begun_is_calm() -> None:
    new = Item("head_tests", 10.0, checks=(stub_check("a", "head"), stub_check("b", "head")))
    shown = panel(page([check_cell(score=0.0)], notebook_card(new), score=0.0))
    assert "Not started" in shown
    assert "as it was handed out" in shown
    assert "NotImplementedError" not in shown
    other = Item("head_tests", 10.0, checks=(stub_check("a", "another_function"),))
    assert "Raised an error" in panel(page([check_cell(score=0.0)], notebook_card(other)))


def test_one_mistake_is_one_row() -> None:
    said = Check(
        "t",
        "First",
        Verdict.FAILED,
        message="A float is expected, yours is a Tensor.",
        hint="Is it?",
    )
    checks = (
        said,
        Check("u", "Second", Verdict.PASSED),
        Check("v", "Third", Verdict.FAILED, message=said.message),
    )
    shown = panel(page([check_cell()], notebook_card(Item("head_tests", 10.0, checks=checks))))
    assert shown.count("A float is expected") == 1
    assert "2 checks: First · Third" in shown


def test_a_mistake_that_was_named_before_is_said_to_be_the_same() -> None:
    named = Check(
        "t", "First", Verdict.FAILED, message="It moved as if Adam were plain SGD. x", hint="Is it?"
    )
    later = Check(
        "u",
        "Later",
        Verdict.FAILED,
        message="So did this, as if Adam were plain SGD. y",
        hint="Why so?",
    )
    explained = Check(
        "v", "Third", Verdict.FAILED, message="The mistake that is named above explains this."
    )
    first = Item("head_tests", 10.0, checks=(named, explained))
    second = Item("fit_tests", 4.0, checks=(later,))
    html = page([check_cell()], notebook_card(first, second))
    assert "2 checks: First · Third" in panel(html)
    assert 'The same mistake as in <a href="#item-1">head</a>' in panel(html, "fit")
    assert "Why so?" not in html


def test_a_file_that_cannot_be_read_has_one_banner_and_no_cards() -> None:
    items = (item(Verdict.UNGRADED), item(Verdict.UNGRADED, grade_id="fit_tests"))
    card = NotebookCard(
        "1_data", items, "x", unreadable="1_data.ipynb is not JSON, so it is no notebook"
    )
    html = page([check_cell(), essay("Why")], card)
    assert "Your file 1_data.ipynb could not be read: it is not JSON, so it is no notebook." in html
    assert "<strong>–</strong> of 14 points" in html
    assert 'class="panel' not in html
    assert NOT_GRADED not in html
    ours = page([check_cell()], NotebookCard("1_data", items, "x"))
    assert ours.count("the staff have been told") == 1


def test_of_an_error_the_last_line_comes_first_and_the_students_line_is_marked() -> None:
    frames = [
        "\x1b[31mNameError\x1b[39m     Traceback (most recent call last)",
        "Cell \x1b[32mIn[3]\x1b[39m\x1b[32m, line 2\x1b[39m\n      1 x = 1\n----> 2 y = z\n      3 w = 1",
        "\x1b[31mNameError\x1b[39m: name 'z' is not defined",
    ]
    error = v4.new_output(
        "error", ename="NameError", evalue="name 'z' is not defined", traceback=frames
    )
    cell = solution("x = 1\ny = z\nw = 1", [error])
    cell.execution_count = 3
    html = page([cell])
    assert html.index('class="said">NameError: name') < html.index("The whole traceback")
    assert "cell 3, line 2: <code>y = z</code>" in html
    assert '<span class="l hit">y = z' in html
    assert html.count("l hit") == 1
    cell.execution_count = 4
    assert "l hit" not in page([cell])


def test_a_line_that_a_message_names_is_marked() -> None:
    said = "Your code raised ValueError, in `head`, line 2 of its cell: `return 1 / 0`"
    check = Check("t", "Title", Verdict.RAISED, message=said)
    html = page(
        [solution("def head():\n    return 1 / 0"), check_cell()],
        notebook_card(Item("head_tests", 10.0, checks=(check,))),
    )
    assert html.count("l hit") == 1
    assert '<span class="l hit">    <span class="k">return</span>' in html


def test_the_title_is_the_notebooks_own_and_headings_go_down_by_one() -> None:
    cells = [
        text("# 3 · Training\n\nWords."),
        code("# @title no"),
        text("#### Deep"),
        check_cell(),
        text("# Again"),
    ]
    html = page(cells, notebook_card(item(Verdict.PASSED), name="3_training"))
    assert "<title>3 · Training · feedback</title>" in html
    levels = [int(level) for level in re.findall(r"<h(\d)", html)]
    assert levels == [1, 2, 3, 3, 2]


def test_a_page_is_small_whatever_is_in_it() -> None:
    noise = io.BytesIO()
    Image.effect_noise((1400, 900), 90).convert("RGB").save(noise, "PNG")
    figure = base64.b64encode(noise.getvalue()).decode()
    outputs = [v4.new_output("display_data", {"image/png": figure}) for _ in range(9)]
    talk = v4.new_output("stream", name="stdout", text="words " * 100_000)
    html = page(
        [solution("head = 1", [talk, *outputs]), essay(f"![](data:image/png;base64,{figure})")]
    )
    assert len(html.encode()) < 400_000
    assert html.count("<img") + html.count("too large for this page") == 9
    assert "data:image/webp" in html
    assert 'alt="Your picture of head"' in html
    assert "more characters are in your notebook" in html
    assert "more lines" not in html


def test_a_small_picture_stays_as_it_is() -> None:
    small = v4.new_output("display_data", {"image/png": picture()})
    assert picture() in page([solution("x", [small])])


def test_pages_lead_to_each_other() -> None:
    links: dict[str, Any] = {
        "overview": PageLink("index.html", "All"),
        "after": PageLink("2.html", "Two <b>"),
    }
    html = page([check_cell()], **links)
    assert '<a href="index.html">All</a>' in html
    assert '<a href="2.html">Two &lt;b&gt; →</a>' in html
    assert 'class="pages"' not in page([check_cell()])
