"""What a class's figures ask staff to do: at most five sentences, by fixed rules, the most pressing first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograder.report.costs import Nearness
from autograder.report.mistakes import Mistake
from autograder.report.statistics import ClassFigures, ItemFigures
from autograder.scorecard import counted

MOST = 5
ENOUGH = 20  # students; of fewer, an item's correlation says little
_RAISED = 0.2
_LIMITED = 0.1
_COMMON = 0.25
_HARD = 2 / 3


def advice(
    figures: ClassFigures,
    items: Sequence[ItemFigures],
    mistakes: Sequence[Mistake],
    thresholds: Sequence[Nearness],
) -> list[str]:
    """The sentences, at most `MOST`."""
    rules = (
        _ungraded(figures),
        _waiting(items),
        _backwards(figures, items),
        _unlucky(thresholds),
        _raised(figures, items),
        _limited(items),
        _common(mistakes),
        _hard(items),
    )
    return [sentence for rule in rules for sentence in rule][:MOST]


def _ungraded(figures: ClassFigures) -> Iterator[str]:
    who = {student for (student, *_), word in figures.verdicts.items() if word == "ungraded"}
    if who:
        yield (
            f"{counted(len(who), 'submission')} {'is' if len(who) == 1 else 'are'} not graded in part, "
            "through no fault of the student's: look into the list below, then grade again."
        )


def _waiting(items: Sequence[ItemFigures]) -> Iterator[str]:
    waits = [figure for figure in items if figure.waiting]
    if waits:
        names = ", ".join(figure.item.grade_id for figure in waits)
        count = sum(figure.waiting for figure in waits)
        yield f"{counted(count, 'answer')} still wait{'s' if count == 1 else ''} for a person: {names}."


def _backwards(figures: ClassFigures, items: Sequence[ItemFigures]) -> Iterator[str]:
    count = len(figures.matrix)
    bad = [f for f in items if f.discrimination is not None and f.discrimination < 0]
    if count >= ENOUGH:
        for figure in sorted(bad, key=lambda f: f.discrimination or 0.0)[:1]:
            yield (
                f"{figure.item.grade_id}: who did well elsewhere did worse here (item–rest correlation "
                f"{figure.discrimination:.2f}, {count} students). Suspect its text or its tests."
            )


def _unlucky(thresholds: Sequence[Nearness]) -> Iterator[str]:
    alone: dict[str, dict[str, list[str]]] = {}  # by item and student, the figures
    for one in thresholds:
        for student in one.alone:
            alone.setdefault(one.grade_id, {}).setdefault(student, []).append(one.name)
    for grade_id, students in alone.items():
        names = ", ".join(dict.fromkeys(name for found in students.values() for name in found))
        yield (
            f"{grade_id}: {counted(len(students), 'submission')} passed every other check and missed a "
            f"threshold of chance ({names}). Of right ones one in a thousand does: read "
            f"{'it' if len(students) == 1 else 'them'}, and calibrate anew if nothing is wrong there."
        )


def _raised(figures: ClassFigures, items: Sequence[ItemFigures]) -> Iterator[str]:
    for figure in items:
        untouched = figures.untouched[figure.item.notebook, figure.item.grade_id]
        written = figure.judged - untouched  # a stub that raises is nobody's code
        share = (figure.verdicts.get("raised", 0) - untouched) / max(written, 1)
        if share > _RAISED:
            yield (
                f"{figure.item.grade_id}: {share:.0%} of the code raised an error. That is often a fault of "
                "the text or of the given code: run a few of these notebooks."
            )


def _limited(items: Sequence[ItemFigures]) -> Iterator[str]:
    for figure, share in _shares(items, "limit"):
        if share > _LIMITED:
            yield (
                f"{figure.item.grade_id}: {share:.0%} came to a limit of time or memory. Are the limits "
                "wide enough for honest code?"
            )


def _common(mistakes: Sequence[Mistake]) -> Iterator[str]:
    more = " A word in the next lecture helps more than a comment each."  # said once
    for mistake in mistakes:
        if mistake.named and not mistake.variant_of and mistake.share > _COMMON:
            yield (
                f"{', '.join(mistake.grade_ids)}: in {mistake.share:.0%} of the submissions it is as if "
                f"{mistake.words}.{more}"
            )
            more = ""


def _hard(items: Sequence[ItemFigures]) -> Iterator[str]:
    for figure in items:
        if (
            figure.waiting
        ):  # what is marked already says little of what is not: untouched answers come first
            continue
        if figure.judged and figure.none is not None and figure.none >= _HARD:
            yield (
                f"{figure.item.grade_id}: {figure.none:.0%} got no point. Is it explained before it is asked?"
            )


def _shares(items: Sequence[ItemFigures], word: str) -> Iterator[tuple[ItemFigures, float]]:
    for figure in items:
        if figure.judged and word in figure.verdicts:
            yield figure, figure.verdicts[word] / figure.judged
