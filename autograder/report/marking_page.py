"""The page on which a person marks all answers to one question.

For staff, and as closed to what students wrote as the pages for students. Its script is ours: the page's
policy lets no other run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.report.feedback import PageLink
from autograder.report.markdown import NotebookMarkdown, as_written, render_markdown
from autograder.report.page import template
from autograder.report.pictures import fit_pictures
from autograder.report.pieces import highlight, numbered, render_outputs
from autograder.report.structure import Headings, tidy

_MOST_OF_PAGE = 20_000_000  # characters: a class's answers, with a photo or two in some


@dataclass(frozen=True)
class AnswerToMark:
    """One answer; `cells` are untrusted."""

    student: str
    key: str
    cells: Sequence[NotebookNode]
    score: float | None
    comment: str
    pictures: Sequence[NotebookNode] = ()  # cells above it, of which the pictures are shown


def render_marking(
    answers: Sequence[AnswerToMark],
    *,
    assignment: str,
    item: str,
    max_score: float,
    question: str,
    model: str,
    rubric: str,
    model_is_code: bool,
    others: Sequence[PageLink],
    after: PageLink | None,
    nonce: str,
) -> str:
    """The page of a question.

    Args:
        answers: in the order in which they are marked.
        question, model, rubric: markdown of the course's own; the model answer may be code.
        others: the pages of all questions of the assignment.
        after: the next one.
        nonce: fresh for each page; names our script in the page's policy.
    """
    whole = round(max_score) if float(max_score).is_integer() else 0
    model_html = (
        Markup('<pre class="code" tabindex="0">{}</pre>').format(highlight(model))
        if model_is_code
        else _prose(model, Headings())
    )
    page: str = template("marking.html.j2").render(
        title=f"{item} · marking",
        assignment=clean_text(assignment),
        item=clean_text(item),
        max_score=max_score,
        keys=list(range(whole + 1)) if 0 < whole <= 9 else [],
        question=_prose(question, Headings()),
        model=model_html,
        rubric=_prose(rubric, Headings()),
        answers=[_view(answer) for answer in answers],
        others=others,
        after=after,
        nonce=nonce,
    )
    return fit_pictures(clean_text(page), _MOST_OF_PAGE)


def _view(answer: AnswerToMark) -> dict[str, Any]:
    headings, markdown = Headings(), NotebookMarkdown()
    return {
        "student": clean_text(answer.student),
        "key": answer.key,
        "score": answer.score,
        "comment": clean_text(answer.comment),
        "cells": [_cell(cell, headings, markdown) for cell in answer.cells],
        "pictures": [
            shown
            for cell in answer.pictures
            for shown in render_outputs(cell, markdown=markdown, alt="A picture above the answer")
            if shown.startswith("<img")
        ],
    }


def _cell(cell: NotebookNode, headings: Headings, markdown: NotebookMarkdown) -> Markup:
    source = str(cell.get("source", ""))
    if cell.get("cell_type") == "code":
        outputs = render_outputs(cell, markdown=markdown, alt="A picture of the answer")
        code = Markup('<pre class="code" tabindex="0">{}</pre>').format(numbered(source))
        return code + Markup("").join(headings.fit(output) for output in outputs)
    if not markdown.has_room(source):
        return Markup(as_written(source))
    return _prose(source, headings, cell.get("attachments"))


def _prose(source: str, headings: Headings, attachments: Any = None) -> Markup:
    html = tidy(render_markdown(source, attachments))
    return Markup('<div class="prose">{}</div>').format(headings.fit(Markup(html)))
