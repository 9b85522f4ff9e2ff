"""The class at a glance: a table for the terminal, CSV and JSON for what comes after.

A mark has two sources: the scorecard, which the judge made, and the gradebook, which also knows what
people gave. Whoever has a gradebook passes its marks along, by (student, notebook, grade_id): a number
is final and wins over the card, None says that the item still waits for a person. An item that is not
among the marks keeps what its card says.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from autograder.scorecard import (
    Item,
    NotebookCard,
    Scorecard,
    Verdict,
    add_points,
    counted,
    points_text,
)

Marks = Mapping[tuple[str, str, str], float | None]

EXPORT_FORMAT = "autograder-marks"
EXPORT_VERSION = 2
COLUMNS = (
    "student", "assignment", "notebook", "grade_id", "verdict", "score", "max_score", "state", "hint",
    "submitted", "seconds_late", "extension_s", "submission_score", "judged_by",
)  # fmt: skip

BY_CELLS = "judged by tests in the notebook, each mark as safe as its cell"

SIGNS = {  # so that colour is never alone
    Verdict.PASSED: "✓",
    Verdict.FAILED: "✗",
    Verdict.RAISED: "!",
    Verdict.LIMIT: "◷",
    Verdict.UNGRADED: "?",
}
_FEWEST_FOR_MEDIAN = 3  # submissions
_STYLES = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "yellow",
    Verdict.RAISED: "red",
    Verdict.LIMIT: "magenta",
    Verdict.UNGRADED: "bold red",
}


@dataclass(frozen=True)
class Lateness:
    """When a submission was handed in, and what is taken off for it."""

    submitted: datetime.datetime | None = None  # in UTC, without a zone; None where nobody knows
    extension_s: float = 0.0  # beyond the assignment's due date
    seconds_late: float = 0.0  # after the due date and the extension
    penalties: Mapping[str, float] = field(default_factory=dict)  # by notebook, where there is one
    doubt: str = ""  # for staff: why the time is not known

    @property
    def penalty(self) -> float:
        return sum(self.penalties.values())

    @property
    def when(self) -> str:
        """The time as people and platforms read it; empty where none came with the submission."""
        if self.submitted is None:
            return "unreadable" if self.doubt else ""
        return f"{self.submitted.isoformat(timespec='seconds')}Z"


Latenesses = Mapping[str, Lateness]  # by student


@dataclass(frozen=True)
class Row:
    """One item of one submission, with the mark that counts.

    `state` is `final`; `manual`, a written answer that waits for a person; or `ungraded`, which
    waits for staff. `score` is None exactly where the item waits. `reason` says why staff must act.
    """

    student: str
    assignment: str
    notebook: str
    item: Item
    score: float | None
    state: str
    reason: str = ""

    @property
    def hint(self) -> str:
        """What to look at: for the student, or where it is `ungraded` for staff."""
        return f"staff: {self.reason}" if self.reason else self.item.hint


@dataclass(frozen=True)
class Submission:
    """One submission with the marks that count, and what was taken off for handing it in late."""

    card: Scorecard
    rows: Sequence[Row]
    late: Lateness

    @property
    def score(self) -> float:
        """What is marked so far, less the penalty."""
        return _points(self.rows, self.late.penalty)

    @property
    def max_score(self) -> float:
        return add_points(row.item.worth for row in self.rows)

    @property
    def complete(self) -> bool:
        """Whether nothing waits, not even a bonus."""
        return all(row.score is not None for row in self.rows)


def submissions(
    cards: Sequence[Scorecard], marks: Marks | None = None, late: Latenesses | None = None
) -> list[Submission]:
    """All submissions by assignment and student, their items in the notebooks' own order."""
    return [
        Submission(
            card,
            [row for notebook in card.notebooks for row in _rows(card, notebook, marks or {})],
            (late or {}).get(card.student, Lateness()),
        )
        for card in sorted(cards, key=lambda card: (card.assignment, card.student))
    ]


def item_rows(cards: Sequence[Scorecard], marks: Marks | None = None) -> list[Row]:
    """All items of all submissions."""
    return [row for one in submissions(cards, marks) for row in one.rows]


def _rows(card: Scorecard, notebook: NotebookCard, marks: Marks) -> Iterator[Row]:
    shown = {item.grade_id for item in notebook.items}
    by_hand = (  # as a bonus that a person gave without a file
        Item(name, 0.0, bonus=True, message="Given by a person.")
        for (student, where, name), mark in marks.items()
        if (student, where) == (card.student, notebook.name) and name not in shown and mark
    )
    for item in (*notebook.items, *by_hand):
        score = marks.get((card.student, notebook.name, item.grade_id), item.score)
        state, reason = "final", ""
        if score is None:
            is_ours = item.verdict is Verdict.UNGRADED
            state, reason = (
                ("ungraded", notebook.reason or "no verdict") if is_ours else ("manual", "")
            )
        yield Row(card.student, card.assignment, notebook.name, item, score, state, reason)


def class_table(
    cards: Sequence[Scorecard], marks: Marks | None = None, late: Latenesses | None = None
) -> Table:
    """One row a submission: points per notebook, the total, what still waits, how many items ended how.

    Where something is taken off for late ones, a column says what, and the total is what is left. Whose
    submission staff must look at is said; why stands below the table.
    """
    found = submissions(cards, marks, late)
    some_late = any(one.late.penalty for one in found)
    names = sorted({notebook.name for card in cards for notebook in card.notebooks})
    several = len({card.assignment for card in cards}) > 1
    counts = {card.student: _counts(card) for card in cards}
    verdicts = [verdict for verdict in Verdict if any(c[verdict] for c in counts.values())]
    has_bonus = any(item.bonus for card in cards for item in card.items)
    # Made for 80 columns: names of notebooks break at their words, verdicts are signs.
    table = Table(
        header_style="bold", pad_edge=False, show_edge=False, box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("student", no_wrap=True)
    if several:
        table.add_column("assignment", no_wrap=True)
    for name in names:
        title = Text(name.replace("_", " "))
        table.add_column(title, justify="right", min_width=5, max_width=10, overflow="fold")
    if some_late:
        table.add_column("late", justify="right", no_wrap=True)
    table.add_column("points", justify="right", style="bold", no_wrap=True)
    table.add_column("waits", justify="right", no_wrap=True)
    width = {v: max(len(str(c[v])) for c in counts.values()) for v in verdicts}
    signs = " ".join(SIGNS[verdict].rjust(width[verdict]) for verdict in verdicts)
    table.add_column(signs, no_wrap=True)
    if has_bonus:
        table.add_column("bonus", justify="right", no_wrap=True)
    for one in found:
        card, penalty = one.card, one.late.penalty
        who = Text(visible(card.student))
        cells = [who.append(" *", style="bold red") if card.reasons else who]
        if several:
            cells.append(Text(visible(card.assignment)))
        for name in names:
            cells.append(_total([row for row in one.rows if row.notebook == name]))
        if some_late:
            cells.append(
                Text(f"−{points_text(penalty)}", style="red") if penalty else Text("–", style="dim")
            )
        cells += [_total(one.rows, penalty), _waits(one.rows)]
        mine = counts[card.student]
        ends = (Text(str(mine[v] or "").rjust(width[v]), style=_STYLES[v]) for v in verdicts)
        cells.append(Text(" ").join(ends))
        if has_bonus:
            cells.append(_bonuses(card))
        table.add_row(*cells)
    if len(cards) >= _FEWEST_FOR_MEDIAN and not several:
        table.add_section()
        table.add_row(*_medians(found, names, some_late), style="dim")
    legend = [f"{SIGNS[verdict]} {verdict.value}" for verdict in verdicts]
    legend += ["* staff must act"] if any(card.reasons for card in cards) else []
    notes = ["  ".join(legend)]
    rows = [row for one in found for row in one.rows]
    by_cells = {(row.notebook, row.item.grade_id) for row in rows if row.item.in_notebook}
    if by_cells:
        notes.append(f"{BY_CELLS}: {counted(len(by_cells), 'item')}")
    table.caption = "\n".join(notes)
    return table


def _medians(found: Sequence[Submission], names: Sequence[str], some_late: bool) -> list[Text]:
    """The middle of the class, by notebook and in all, of what is marked so far."""
    cells = [Text("median")]
    for name in names:
        parts = [[row for row in one.rows if row.notebook == name] for one in found]
        cells.append(Text(points_text(median(_points(part) for part in parts if part))))
    total = Text(points_text(median(one.score for one in found)))
    return [*cells, *([Text("")] if some_late else []), total]


def to_csv(
    cards: Sequence[Scorecard], marks: Marks | None = None, late: Latenesses | None = None
) -> str:
    """One line an item, for spreadsheets and learning platforms.

    An item that waits has an empty score, never 0. A bonus has a maximum of 0. A late penalty is a line of
    its own, without an item, with the state `penalty` and a score below 0: so the lines of a submission add
    up to its mark. Each line has the submission's time in UTC (`unreadable` where staff must look), the
    seconds that it was late, after an extension of so many seconds, and its mark as it is so far, in
    `submission_score`; and what its item was judged by. Text that a spreadsheet would take for a formula gets
    an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in submissions(cards, marks, late):
        about = one.late
        common = (
            about.when,
            f"{about.seconds_late:.0f}",
            f"{about.extension_s:.0f}",
            plain_number(one.score),
        )
        for row in one.rows:
            verdict = row.item.verdict
            writer.writerow(
                [
                    *map(safe_cell, (row.student, row.assignment, row.notebook)),
                    safe_cell(row.item.grade_id),
                    verdict.value if verdict else "",
                    "" if row.score is None else plain_number(row.score),
                    plain_number(row.item.worth),
                    row.state,
                    safe_cell(row.hint),
                    *common,
                    row.item.judged_by,
                ]
            )
        for notebook, penalty in sorted(about.penalties.items()):
            names = map(safe_cell, (one.card.student, one.card.assignment, notebook))
            writer.writerow(
                [*names, "", "", plain_number(-penalty), "0", "penalty", "Late.", *common, ""]
            )
    return out.getvalue().encode("utf-8", "replace").decode()


def to_json(
    cards: Sequence[Scorecard], marks: Marks | None = None, late: Latenesses | None = None
) -> str:
    """Every submission with its items: verdict, score, maximum and hint.

    Format, version 2::

        {"format": "autograder-marks", "version": 2,
         "submissions": [
           {"student": "ada", "assignment": "vgg16", "score": 15.0, "max_score": 22.0,
            "raw_score": 17.0, "late_penalty": 2.0,
            "submitted": "2026-07-01T19:30:00Z", "seconds_late": 5400.0, "extension_s": 0.0,
            "complete": false, "reasons": [], "repairs": [],
            "items": [
              {"notebook": "1_data_and_head", "grade_id": "swap_head_tests", "verdict": "failed",
               "score": 6.0, "max_score": 10.0, "state": "final", "hint": "...",
               "judged_by": "hidden tests"}]}]}

    `score` of a submission is the mark that counts, as it is so far: what its items have, `raw_score`, less
    the `late_penalty`. `complete` says whether that is all. `submitted` is null where no time came with the
    submission, and where it cannot be read; then a reason says so. `reasons` are for staff; `repairs` are
    what was damaged in the submission.
    """
    entries = []
    for one in submissions(cards, marks, late):
        card, about = one.card, one.late
        entries.append(
            {
                "student": card.student,
                "assignment": card.assignment,
                "score": one.score,
                "max_score": one.max_score,
                "raw_score": _points(one.rows),
                "late_penalty": add_points([about.penalty]),
                "submitted": about.when if about.submitted else None,
                "seconds_late": about.seconds_late,
                "extension_s": about.extension_s,
                "complete": one.complete,
                "reasons": [*card.reasons, *([about.doubt] if about.doubt else [])],
                "repairs": [line for notebook in card.notebooks for line in notebook.repairs],
                "items": [
                    {
                        "notebook": row.notebook,
                        "grade_id": row.item.grade_id,
                        "verdict": row.item.verdict.value if row.item.verdict else None,
                        "score": row.score,
                        "max_score": row.item.worth,
                        "state": row.state,
                        "hint": row.item.hint,
                        "judged_by": row.item.judged_by,
                    }
                    for row in one.rows
                ],
            }
        )
    data = {"format": EXPORT_FORMAT, "version": EXPORT_VERSION, "submissions": entries}
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _points(rows: Sequence[Row], penalty: float = 0.0) -> float:
    """What is marked so far, less what is taken off for a late submission."""
    return add_points([*(row.score or 0.0 for row in rows), -penalty])


def _total(rows: Sequence[Row], penalty: float = 0.0) -> Text:
    """Points of what is marked, of what that is worth: what waits counts on neither side."""
    final = [row for row in rows if row.score is not None]
    if not final:
        return Text("–", style="dim")
    text = Text(points_text(_points(final, penalty)))
    worth = add_points(row.item.worth for row in final)
    return text.append(f"/{points_text(worth)}", style="dim")


def _waits(rows: Sequence[Row]) -> Text:
    """The points that wait; how many items do where they are worth none."""
    waiting = [row.item.worth for row in rows if row.score is None]
    if not waiting:
        return Text("–", style="dim")
    points = add_points(waiting)
    return Text(points_text(points) if points else counted(len(waiting), "item"), style="cyan")


def _counts(card: Scorecard) -> Counter[Verdict]:
    return Counter(item.verdict for item in card.items if item.verdict and not item.bonus)


def _bonuses(card: Scorecard) -> Text:
    bonuses = (item for item in card.items if item.bonus)
    return Text(", ".join("–" if b.score is None else points_text(b.score) for b in bonuses))


def plain_number(points: float) -> str:
    """Points for programs: every decimal."""
    return f"{points:.12g}"


def visible(text: str) -> str:
    """Text without what would act on a terminal, or what it cannot show."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def safe_cell(text: str) -> str:
    text = "\n".join(text.splitlines())  # csv does not quote every line break that a reader knows
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") else text
