"""What the hidden tests make of every case of an assignment: caught, named, points as expected.

The gate judges as many cases as it takes to lose each item once; here all of them are judged, in the
same box. Cases that touch neither the cells nor the items of another share a submission. Where one does not
end as its cases say, each of them is judged alone.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.course import Course, SourceNotebook
from autograder.errors import KitError
from autograder.judge.slots import weakest_wall
from autograder.progress import Progress
from autograder.release.cases import Case, Expected, agrees
from autograder.release.gate import judged_sources
from autograder.release.gate.runs import judge_all, why_ungraded
from autograder.release.gate.trials import disjoint, job_of, read_cases
from autograder.release.release import draft, scratch
from autograder.sandbox import check_wall
from autograder.scorecard import Item, Scorecard, Verdict, add_points, named_mistakes

_COUNTED = ("right", "kept", "wrong", "caught", "named", "misnamed", "as_expected")


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    `items` are the autograded items that the case could have touched, by grade_id; `own` those of the cells
    that it replaces.
    """

    case: Case
    items: Mapping[str, Item]
    own: tuple[str, ...]
    reasons: tuple[str, ...] = ()  # why staff would have to look

    @property
    def unfinished(self) -> bool:
        """A wrong case whose author has still to read what it loses."""
        return not self.case.right and not self.case.items

    @property
    def as_expected(self) -> bool:
        """Every item got the verdict and the points that the case says, or all of them."""
        return not (self.reasons or self.unfinished) and all(
            _is_as_wanted(self.case, grade_id, item) for grade_id, item in self.items.items()
        )

    @property
    def caught(self) -> bool:
        """Each item that should lose points lost some."""
        lost = (self.items.get(grade_id) for grade_id in self.case.items)
        return not self.unfinished and all(
            item is not None and item.score is not None and item.score < item.max_score
            for item in lost
        )

    @property
    def told(self) -> bool:
        """The words of its scorecard stand in what the student reads."""
        return all(
            (item := self.items.get(grade_id)) is not None and _is_told(wanted, item)
            for grade_id, wanted in self.case.items.items()
        )

    @property
    def named(self) -> bool:
        """Some of these words name the mistake, as its scorecard says, and do not only say what was seen."""
        says = self.case.named and not self.reasons
        return not self.case.right and says and self.told and not self.misnamed

    @property
    def misnamed(self) -> list[str]:
        """Mistakes that a student reads ("as if …") and the scorecard does not know."""
        found = []
        for grade_id, item in self.items.items():
            wanted = self.case.items.get(grade_id)
            words = (wanted.hint, *wanted.also) if wanted else ()
            known = [part.rpartition("as if ")[2] for part in words if part]
            names = named_mistakes(item.text)
            found += [name for name in names if not any(part in name for part in known)]
        return found

    @property
    def good(self) -> bool:
        """Nothing is other than the case says."""
        return self.as_expected and self.told and not self.misnamed

    def differences(self) -> Iterator[str]:
        """What is other than the case says, a sentence each."""
        yield from self.reasons
        if self.unfinished:
            yield "it is wrong, but its scorecard names no item that loses points."
        for grade_id, item in self.items.items():
            wanted = self.case.items.get(grade_id)
            if self.reasons:
                continue
            if not _is_as_wanted(self.case, grade_id, item):
                verdict, points = _wanted(self.case, grade_id, item)
                yield (
                    f"{grade_id}: {item.verdict}, {item.score} of {item.max_score}; "
                    f"its scorecard says {verdict}, {points}. The student reads: {item.hint or '-'}"
                )
            elif wanted and not _is_told(wanted, item):
                yield f"{grade_id}: other words than its scorecard says. The student reads: {item.text}"
        for name in self.misnamed:
            yield f"a mistake is named that its scorecard does not know: {name!r}"


def judge_cases(
    course: Course,
    assignment: str,
    patterns: Sequence[str] = (),
    progress: Progress = lambda *_: None,
) -> list[Outcome]:
    """Judge an assignment's cases in the box, whole submissions, through the judge that grades a class.

    Args:
        patterns: names of cases with `*` and `?`; all cases where there is none.

    Returns:
        what became of each, in the order of the cases' names.

    Raises:
        KitError: when there is no such assignment or case, one cannot be read, or no box can be built.
    """
    check_wall(weakest=weakest_wall(course))
    with scratch(course) as aside:
        draft(course, assignment, aside / "draft")
        sources = judged_sources(course, assignment, aside / "draft")
        cases, refusals = read_cases(course, assignment, sources, unfinished=True)
        if refusals:
            raise KitError("\n".join(str(refusal) for refusal in refusals))
        chosen = [case for case in cases if _matches(case.name, patterns)]
        if not chosen:
            what = f"no case that matches {' or '.join(patterns)}" if patterns else "no cases"
            raise KitError(
                f"`{assignment}` has {what} in {course.cases(assignment)}. A case is a folder with "
                "scorecard.json and the solution of a cell: see `autograder new`."
            )
        groups = [
            (source, group)
            for source in sources.values()
            for right in (True, False)
            for group in _groups([case for case in chosen if case.right == right], source)
        ]
        found: dict[str, Outcome] = {}
        alone = []
        for (source, group), card in _judged(course, assignment, groups, progress):
            outcomes = [_outcome(case, source, card, group) for case in group]
            if len(group) == 1 or all(outcome.good for outcome in _of_all(group, source, card)):
                found |= {outcome.case.name: outcome for outcome in outcomes}
            else:
                alone += [(source, [case]) for case in group]
        for (source, group), card in _judged(course, assignment, alone, progress):
            found |= {case.name: _outcome(case, source, card, group) for case in group}
    return [found[name] for name in sorted(found)]


def figures(outcomes: Iterable[Outcome]) -> dict[str, dict[str, int]]:
    """How many cases are right, kept all points, are wrong, were caught, named, misnamed, and as expected.

    Returns:
        these counts by the first item that a case is about, and for `all`; `as_expected` counts both kinds.
    """
    counts: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        right = outcome.case.right
        row = {
            "right": right,
            "kept": right and outcome.as_expected,
            "wrong": not right,
            "caught": not right and outcome.caught,
            "named": outcome.named,
            "misnamed": bool(outcome.misnamed),
            "as_expected": outcome.good,
        }
        for key in (next(iter(outcome.own), "other"), "all"):
            sums = counts.setdefault(key, dict.fromkeys(_COUNTED, 0))
            for name, value in row.items():
                sums[name] += value
    total = counts.pop("all", dict.fromkeys(_COUNTED, 0))
    return {**counts, "all": total}


def catalogue(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """A row of plain data for each case: what it is, what it lost, and how it ended."""
    return [
        {
            "case": outcome.case.name,
            "about": outcome.case.about,
            "right": outcome.case.right,
            "lost": add_points(i.max_score - (i.score or 0) for i in outcome.items.values()),
            "named": outcome.named,
            "good": outcome.good,
            "differences": list(outcome.differences()),
        }
        for outcome in outcomes
    ]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _groups(cases: Sequence[Case], source: SourceNotebook) -> Iterator[list[Case]]:
    """A notebook's cases, in few submissions."""
    left = [case for case in cases if case.notebook == source.name]
    while left:
        chosen = disjoint(left, source)
        left = [case for case in left if case not in chosen]
        yield chosen


def _judged(
    course: Course,
    assignment: str,
    groups: Sequence[tuple[SourceNotebook, list[Case]]],
    progress: Progress,
) -> Iterator[tuple[tuple[SourceNotebook, list[Case]], Scorecard]]:
    """Each group's submission, judged side by side with the others."""
    jobs = [
        (job_of(course, assignment, group[0].name, source, group), "judged cases")
        for source, group in groups
    ]
    return zip(groups, judge_all(jobs, progress), strict=True)


def _outcome(case: Case, source: SourceNotebook, card: Scorecard, group: Sequence[Case]) -> Outcome:
    """What became of one case of a submission: of the items that no other case of it touches."""
    judges = {cell.solution: cell.grade_id for cell in source.grade_cells}
    own = tuple(judges[cell] for cell in case.cells if cell in judges) or tuple(case.items)[:1]
    items = {item.grade_id: item for item in card.items if not item.manual}
    if len(group) > 1:
        items = {key: item for key, item in items.items() if key in {*own, *case.items}}
    ungraded = [item for item in items.values() if item.verdict is Verdict.UNGRADED]
    said = [f"{item.grade_id} is ungraded: {why_ungraded(item, card)}" for item in ungraded]
    return Outcome(case, items, own, tuple(said))


def _of_all(group: Sequence[Case], source: SourceNotebook, card: Scorecard) -> Iterator[Outcome]:
    """The outcomes of a group, and that of the items which none of its cases is about."""
    seen: set[str] = set()
    for case in group:
        outcome = _outcome(case, source, card, group)
        seen |= outcome.items.keys()
        yield outcome
    rest = {i.grade_id: i for i in card.items if not i.manual and i.grade_id not in seen}
    nobody = Case("", source.name, True, "", {})
    yield Outcome(nobody, rest, (), ())


def _wanted(case: Case, grade_id: str, item: Item) -> tuple[str, float]:
    wanted = case.items.get(grade_id)
    return (wanted.verdict, wanted.score) if wanted else (Verdict.PASSED, item.max_score)


def _is_told(wanted: Expected, item: Item) -> bool:
    return wanted.hint in item.hint and all(words in item.text for words in wanted.also)


def _is_as_wanted(case: Case, grade_id: str, item: Item) -> bool:
    verdict, points = _wanted(case, grade_id, item)
    return item.verdict == verdict and agrees(item.score, points)
