"""What the hidden tests do in the box: with the reference, the release, right and wrong cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed

from autograder.course import Course, SourceNotebook
from autograder.course.judged_by import graded_ids
from autograder.judge.job import Job, course_of
from autograder.judge.keys import judgement_key
from autograder.judge.service import judge_service
from autograder.judge.slots import weakest_wall
from autograder.progress import Progress
from autograder.release.cases import agrees
from autograder.release.gate.contract import FILE, bonuses_of, items_in_notebook
from autograder.release.gate.refusal import Refusal
from autograder.release.gate.trials import Trial
from autograder.sandbox import check_wall
from autograder.scorecard import Item, Scorecard, Verdict, counted, points_text


def check_graders(
    course: Course, assignment: str, sources: Mapping[str, SourceNotebook]
) -> Iterator[Refusal]:
    """Refuse a notebook without the hidden tests that it needs, and tests of cells that are not there."""
    folder = course.graders(assignment)
    for name, source in sources.items():
        in_notebook = items_in_notebook(course, assignment, source) is not None
        path = folder / f"test_{name}.py"
        if not path.is_file():
            if source.is_autograded and not in_notebook:
                yield Refusal(name, "", "it has no hidden tests.", f"Write {path}.")
            continue
        try:
            text = path.read_text()
            tested, all_told = graded_ids(text, "graded")
            extra, _ = graded_ids(text, "bonus")
        except SyntaxError as error:
            what = f"it is no Python: {error.msg}, line {error.lineno}."
            yield Refusal(path.name, "", what, "Correct it.")
            continue
        bonuses = bonuses_of(course, assignment, name)
        cells = {cell.grade_id: cell.manual for cell in source.grade_cells}
        for grade_id, line in extra.items():
            if grade_id not in bonuses:
                what = f"its test in line {line} is of a bonus that {FILE} does not have."
                repair = "Announce it there, or correct the id."
                yield Refusal(path.name, f"cell `{grade_id}`", what, repair)
        tested |= extra
        for grade_id, line in tested.items():
            if cells.get(grade_id) is not False:
                what = f"its test in line {line} is of `{grade_id}`, "
                what += "which a person marks." if grade_id in cells else "which is no grade cell."
                repair = f"Correct the id there, or in {name}.ipynb."
                yield Refusal(path.name, f"cell `{grade_id}`", what, repair)
        for grade_id, manual in cells.items():
            if all_told and not manual and not in_notebook and grade_id not in tested:
                what = f"{path.name} has no test of it."
                repair = f'Write one with @graded("{grade_id}"), or correct the id.'
                yield Refusal(name, f"cell `{grade_id}`", what, repair)


def run_trials(trials: Sequence[Trial], progress: Progress) -> Iterator[Refusal]:
    """Judge all submissions side by side, each in a box of its own; refuse what came out otherwise.

    Raises:
        KitError: when no box can be built here, or a worker died twice.
    """
    for weakest in {weakest_wall(course_of(trial.job)) for trial in trials}:
        check_wall(weakest=weakest)
    # Those that lose points first: they are looked at again, so a core would wait for them at the end.
    order = sorted(range(len(trials)), key=lambda number: not trials[number].wanted)
    jobs = [(trials[n].job, f"judged {trials[n].who}, {trials[n].source.name}") for n in order]
    cards = dict(zip(order, judge_all(jobs, progress), strict=True))
    seen: set[tuple[str, str, str]] = set()
    for number, trial in enumerate(trials):
        for refusal in check_card(trial, cards[number]):
            # The same of both challenges of the reference, or ungraded in all submissions, is said once.
            what = "ungraded" if " is ungraded: " in refusal.what else trial.who.split(",")[0]
            if (refusal.place, refusal.cell, what) not in seen:
                seen.add((refusal.place, refusal.cell, what))
                yield refusal


def judge_all(jobs: Sequence[tuple[Job, str]], progress: Progress) -> list[Scorecard]:
    """The cards of submissions that are judged side by side, each in a box of its own, begun in this order.

    Args:
        jobs: each with what `progress` says once it is judged.

    Raises:
        KitError: when a worker died twice.
    """
    service = judge_service()
    keys = [judgement_key(course_of(job), job) for job, _ in jobs]
    futures = [service.submit(job, key) for (job, _), key in zip(jobs, keys, strict=True)]
    said = {future: words for future, (_, words) in zip(futures, jobs, strict=True)}
    for number, future in enumerate(as_completed(futures), 1):
        progress(said[future], number, len(futures))
    results = zip(jobs, keys, futures, strict=True)
    return [service.result(job, key, future).card for (job, _), key, future in results]


def check_card(trial: Trial, card: Scorecard) -> Iterator[Refusal]:
    """Refuse each item of a judged submission that has another score than it must have."""
    ungraded = [item for item in card.items if item.verdict is Verdict.UNGRADED]
    why = " ".join(notebook.reason or "" for notebook in card.notebooks).strip()
    if ungraded and why:  # one for all of them: a package that is missing, a broken grader file
        names = ", ".join(f"`{item.grade_id}`" for item in ungraded)
        what = f"{trial.who} is ungraded: {why} ({names})"
        yield Refusal(trial.source.name, "", what, "Correct it.")
    for item in card.items:
        if item.manual or (why and item.verdict is Verdict.UNGRADED):
            continue
        if not trial.earns and item.grade_id in trial.free:
            continue
        wanted = trial.wanted.get(item.grade_id)
        points = wanted.score if wanted else (item.max_score if trial.earns else 0.0)
        verdict = wanted.verdict if wanted else (Verdict.PASSED if trial.earns else item.verdict)
        if item.verdict is Verdict.UNGRADED:
            yield _refusal(trial, item, f"is ungraded: {why_ungraded(item, card)}", "Correct it.")
        elif item.verdict != verdict or not agrees(item.score, points):
            most = counted(item.max_score, "point")
            seen = f"gets {points_text(item.score or 0.0)} of {most} ({item.verdict})"
            hint = f" The student would read: {item.hint}" if item.hint else ""
            yield _refusal(
                trial, item, f"{seen}{_should(trial, item)}.{hint}", _repair(trial, item)
            )


def _refusal(trial: Trial, item: Item, what: str, repair: str) -> Refusal:
    return Refusal(
        trial.source.name, f"cell `{item.grade_id}`", f"{_who(trial, item)} {what}", repair
    )


def _who(trial: Trial, item: Item) -> str:
    names = trial.blame.get(item.grade_id) or ", ".join(trial.cases)
    return f"{trial.who} ({names})" if names else trial.who


def _should(trial: Trial, item: Item) -> str:
    wanted = trial.wanted.get(item.grade_id)
    if wanted:
        return f", where its scorecard.json says {points_text(wanted.score)} ({wanted.verdict})"
    return ", where it should get all" if trial.earns else ", where it should get none"


def _repair(trial: Trial, item: Item) -> str:
    tests = f"the hidden tests of `{item.grade_id}` in test_{trial.source.name}.py"
    if item.in_notebook:
        tests = "the tests in this cell"
        if not trial.earns:
            return (
                f"Let {tests} call what the student writes; where everybody is meant to get these points, "
                f"list `{item.grade_id}` in the contract as `untouched`."
            )
    if not trial.earns:
        return f"Let {tests} look at what the student's function returns."
    if not trial.cases:
        return f"Correct the solution in the source notebook, or {tests}."
    if item.grade_id in trial.wanted:
        return f"Let {tests} catch it, or correct its scorecard.json."
    return f"Let {tests} accept it; if it is meant to lose points, say so in its scorecard.json."


def why_ungraded(item: Item, card: Scorecard) -> str:
    """A sentence for the author of the hidden tests."""
    details = [c.staff_detail for c in item.checks if c.verdict is Verdict.UNGRADED]
    lines = [line for detail in details for line in detail.strip().splitlines()[-1:]]
    said = lines[0] if lines else "; ".join(card.reasons) or "no hidden test ran"
    return said.rstrip(".") + "."
