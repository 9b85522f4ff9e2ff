"""The command that judges one submission: for CI, for an appeal, for other engines, for students who try."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.classes import stop_for_staff
from autograder.cli.group import main, open_course
from autograder.errors import KitError
from autograder.terminal import print_items

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.scorecard import Scorecard

USED_UP = 4
# Not imported from where they are written, which every other command would wait for.
ENGINES = ("junit", "prairielearn", "classroom50", "autolab", "codegrade", "submitty", "inginious")
_FILE = click.Path(dir_okay=False, path_type=Path)


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--assignment",
    help="Which assignment it is, where that cannot be told by the notebooks' cells.",
)
@click.option(
    "--only",
    metavar="ITEMS",
    help="Judge these items alone: their grade_ids, with commas between them.",
)
@click.option(
    "--trial",
    is_flag=True,
    help="For students, before the deadline: with other challenges than those of the marks, as often as "
    "c.CourseSettings.trial_quota allows, and with what c.CourseSettings.trial_shows.",
)
@click.option(
    "--student", metavar="ID", help="Whose it is; by default the name of the folder or file."
)
@click.option("--json", "json_file", type=_FILE, help="The scorecard.")
@click.option(
    "--gradescope",
    type=_FILE,
    help="Gradescope's results.json; not written if something is ungraded.",
)
@click.option(
    "--as",
    "engines",
    type=(click.Choice(ENGINES), _FILE),
    multiple=True,
    metavar="ENGINE FILE",
    help=f"What another engine reads: {', '.join(ENGINES)}. Can be given several times.",
)
@click.pass_context
def score(
    ctx: click.Context,
    path: Path,
    assignment: str | None,
    only: str | None,
    trial: bool,
    student: str | None,
    json_file: Path | None,
    gradescope: Path | None,
    engines: tuple[tuple[str, Path], ...],
) -> None:
    """Judge one submission, a folder or a notebook, without a gradebook.

    For a CI job, a student's appeal or another engine. Exit code 1 if an autograded item lost points, 4 if
    a student has had all trials. Files that an earlier run wrote are removed first, so that none can stand
    for this one.
    """
    from autograder.autograde.score import score_path
    from autograder.autograde.trials import TrialsUsedUp
    from autograder.course import find_course

    for stale in (json_file, gradescope, *(file for _, file in engines)):
        if stale is not None:
            _make_way(stale)
    root = find_course(ctx.obj or Path.cwd())
    submitted = path.resolve() if path.is_dir() else path.resolve().parent
    if ctx.obj is None and root.is_relative_to(submitted):  # its configuration would be run
        raise KitError(
            f"{root / 'course_config.py'} lies in what is to be judged, so it is not read. Go into your "
            "course, or name it: autograder --course DIR score PATH."
        )
    course = open_course(ctx)
    _check(course, [name for name, _ in engines], trial, student, gradescope is not None)
    items = [name.strip() for name in (only or "").split(",") if name.strip()]
    began_s = time.monotonic()
    try:
        card = score_path(
            course,
            _which_assignment(course, assignment, path),
            path,
            student or path.resolve().stem,
            items,
            trial,
        )
    except TrialsUsedUp as used_up:
        click.echo(str(used_up))  # for the student
        ctx.exit(USED_UP)
    if json_file is not None:
        json_file.write_text(card.for_student().dumps())
    _write_for_engines(card, gradescope, engines, time.monotonic() - began_s)
    print_items(card.for_student() if trial else card)
    stop_for_staff(ctx, {card.student: card.reasons} if card.reasons else {})
    ctx.exit(1 if card.lost_points else 0)


def _make_way(file: Path) -> None:
    """Remove what an earlier run wrote, and see whether a file can be written there.

    Raises:
        KitError: when what is there is no file, as /dev/stdout, which root could remove.
        OSError: when none can be written.
    """
    if file.exists() and not file.is_file():
        raise KitError(f"{file} is no ordinary file. Name one, and print it afterwards.")
    file.unlink(missing_ok=True)
    file.touch()
    file.unlink()


def _check(
    course: Course, engines: list[str], trial: bool, student: str | None, gradescope: bool
) -> None:
    """See before anything is judged whether its result could be told."""
    from autograder.report import engines as known

    for name in engines:
        if lacking := [key for key in known.ENGINES[name].environment if not os.environ.get(key)]:
            raise KitError(
                f"--as {name} needs {', '.join(lacking)} in the environment, where that engine's runner puts "
                f"them: see `autograder runner {name}`."
            )
    if trial and course.settings.trial_quota and not student:
        raise click.UsageError(
            "This course counts trials: say with --student whose this one is, by a name that students "
            "cannot choose."
        )
    with_points = gradescope or any(known.ENGINES[name].has_points for name in engines)
    if trial and course.settings.trial_shows != "points" and with_points:
        raise click.UsageError(
            "A trial has no points in this course (c.CourseSettings.trial_shows), and that engine needs "
            "some. --as junit needs none."
        )


def _write_for_engines(
    card: Scorecard,
    gradescope: Path | None,
    engines: tuple[tuple[str, Path], ...],
    took_s: float,
) -> None:
    from autograder.report import engines as known
    from autograder.report.gradescope import to_gradescope

    if gradescope is not None and (results := to_gradescope(card, took_s)):
        gradescope.write_text(results)
    for name, file in engines:
        text = known.ENGINES[name].write(card, os.environ)
        if text is not None:
            file.write_text(text, encoding="utf-8")


def _which_assignment(course: Course, named: str | None, path: Path) -> str:
    from autograder.autograde.score import assignment_of

    known = course.assignments()
    if named is not None:
        return named
    found = known[0] if len(known) == 1 else assignment_of(course, path)
    if found is None:
        raise KitError(
            f"Which assignment is it? Name it with --assignment: {', '.join(known) or 'none'}."
        )
    return found
