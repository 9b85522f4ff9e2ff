"""Commands for a class that has submitted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.group import main, open_course, short
from autograder.report.table import visible
from autograder.scorecard import counted
from autograder.terminal import Bar, Interrupt, print_summary, print_table

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.lms.marksheets import Filled

NEEDS_STAFF = 3
_STOPPED = 130  # as a shell says of a program that Ctrl-C ended
# Not imported from where they are written, which every other command would wait for.
ARCHIVES = ("canvas", "moodle", "brightspace", "blackboard", "sakai", "gradescope", "folders")
SHEETS = ("canvas", "moodle", "brightspace")
KEYS = ("login", "email", "number", "id", "name")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@main.command()
@click.argument("assignment")
@click.argument("archive", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--from",
    "platform",
    type=click.Choice(ARCHIVES),
    required=True,
    help="Where it was downloaded.",
)
@click.option(
    "--roster",
    "rosters",
    type=_FILE,
    multiple=True,
    help="A table of the class (CSV): the platform's mark sheet, or a list of its groups. Can be given "
    "several times.",
)
@click.option(
    "--key",
    type=click.Choice(KEYS),
    help="What to call students by, of the roster's columns; by default the platform's best.",
)
@click.option(
    "--update",
    is_flag=True,
    help="Put a submission that differs in the place of the one that is there.",
)
@click.pass_context
def collect(
    ctx: click.Context,
    assignment: str,
    archive: Path,
    platform: str,
    rosters: tuple[Path, ...],
    key: str | None,
    update: bool,
) -> None:
    """Put the submissions of ASSIGNMENT in ARCHIVE, a platform's zip, into submitted/.

    ARCHIVE may also be the folder into which it was unpacked. Who is who on the platform is kept in records/,
    for marks and feedback on their way back.
    """
    from autograder.autograde.collect import collect as engine

    made = engine(open_course(ctx), assignment, platform, archive, rosters, key or "", update)
    _note(made.notes)
    if made.kept:
        _note([f"something else is there already, and stays (--update): {', '.join(made.kept)}"])
    if made.absent:
        _note([f"without a submission: {', '.join(made.absent)}"])
    counts = {
        "new": made.new,
        "renewed": made.renewed,
        "unchanged": made.unchanged,
        "kept": made.kept,
    }
    click.echo(
        ", ".join(f"{len(names)} {word}" for word, names in counts.items() if names) or "nothing"
    )


@main.command()
@click.argument("assignment")
@click.option("--student", default="*", metavar="GLOB", help="Only these students, as in 'a*'.")
@click.option("--regrade", is_flag=True, help="Also grade again what has not changed.")
@click.option("--quiet", is_flag=True, help="No progress bar and no table: for logs.")
@click.option(
    "--cluster", metavar="ADDRESS", help="Judge on a Dask cluster's workers, as in tls://HOST:8786."
)
@click.pass_context
def grade(
    ctx: click.Context,
    assignment: str,
    student: str,
    regrade: bool,
    quiet: bool,
    cluster: str | None,
) -> None:
    """Grade the submissions of ASSIGNMENT in submitted/, each in a box of its own.

    What was graded before and has not changed is left alone. Marks go into the gradebook; written
    answers wait for a person in nbgrader's formgrader.
    """
    from autograder.autograde.grade import Stopped, grade_class
    from autograder.autograde.gradebook import marks
    from autograder.autograde.penalties import lateness
    from autograder.course.unhonoured import unhonoured
    from autograder.sandbox import BoxSettings

    course = open_course(ctx, f"grade-{assignment}")
    try:
        with Bar(quiet) as bar, Interrupt() as interrupt, _judges(course, cluster):
            run = grade_class(course, assignment, student, regrade, bar.show, interrupt)
    except Stopped as stopped:
        click.echo(
            f"Stopped: {stopped.done} of {counted(stopped.students, 'submission')} marked, and what else was "
            "judged is kept. Give the same command again to go on.",
            err=True,
        )
        ctx.exit(_STOPPED)
    if not quiet:
        print_table(run.cards, marks(course, assignment), lateness(course, assignment))
    print_summary(run.counts(), quiet)
    for text in (*unhonoured(course, BoxSettings), *run.notes):
        click.secho(f"Note for staff: {text}", fg="yellow", err=True)
    stop_for_staff(ctx, run.reasons)


@main.command()
@click.argument("assignment")
@click.option("--student", default="*", metavar="GLOB", help="Only these students.")
@click.option(
    "--zip",
    "platform",
    type=click.Choice(["canvas", "moodle"]),
    help="Also a zip that this platform hands out, each file to its student.",
)
@click.pass_context
def feedback(ctx: click.Context, assignment: str, student: str, platform: str | None) -> None:
    """Write a page for each graded notebook into feedback/STUDENT/ASSIGNMENT."""
    from autograder.autograde.feedback import write_feedback

    course = open_course(ctx)
    click.echo(f"Feedback: {short(write_feedback(course, assignment, student))}")
    if platform is not None:
        from autograder.autograde.hand_back import feedback_zip

        content, done, notes = feedback_zip(course, assignment, platform)
        file = Path(f"feedback-{assignment}-{platform}.zip")
        file.write_bytes(content)
        _note(notes)
        click.echo(f"For {platform}, {counted(len(done), 'student')}: {file}")


@main.command()
@click.argument("assignment")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", *SHEETS]),
    default="csv",
    help="The last three fill the platform's own sheet.",
)
@click.option("--wide", is_flag=True, help="A row a student and a column an item, as CSV.")
@click.option("--template", type=_FILE, help="The sheet, as the platform exports it.")
@click.option("--column", metavar="TITLE", help="The title of the marks' column in it.")
@click.option(
    "--comments", is_flag=True, help="Also write what each item got, where the sheet has comments."
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, not the terminal."
)
@click.pass_context
def export(
    ctx: click.Context,
    assignment: str,
    form: str,
    wide: bool,
    template: Path | None,
    column: str | None,
    comments: bool,
    output: Path | None,
) -> None:
    """Print the marks of ASSIGNMENT: for every submission and item verdict, score, maximum and hint.

    With the time of each submission, its late penalty and the mark that counts. Into a platform's sheet go
    the marks of those for whom nothing waits; everything else in it stays as it is.
    """
    if (form in SHEETS) != (template is not None):
        raise click.UsageError(
            "--template goes with --format canvas, moodle or brightspace, and each of them needs it."
        )
    if (column or comments) and template is None:
        raise click.UsageError("--column and --comments are for the sheet of --template.")
    if wide and form != "csv":
        raise click.UsageError("--wide is a form of CSV: leave --format out.")
    course = open_course(ctx)
    if template is None:
        content = _printed(course, assignment, "wide" if wide else form).encode()
    else:
        from autograder.autograde.hand_back import fill_template

        filled = fill_template(course, assignment, form, template, column, comments)
        content = filled.content
        _tell(filled)
    if output is None:
        click.echo(content, nl=False)
    else:
        output.write_bytes(content)


@main.command()
@click.argument("assignment")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page, instead of report-ASSIGNMENT.html in the current folder.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Every number in it.",
)
@click.option("--names", is_flag=True, help="Call students by their ids, not by their place.")
@click.pass_context
def report(
    ctx: click.Context, assignment: str, output: Path | None, json_file: Path | None, names: bool
) -> None:
    """What the class did with ASSIGNMENT: points, how hard each item was, mistakes, what to do. For staff.

    A table here, and a page with all of it that needs nothing else. From scorecards, and from the marks
    that people gave.
    """
    from rich.console import Console

    from autograder.autograde.class_figures import report_of
    from autograder.report.class_page import class_page
    from autograder.report.class_report import to_json
    from autograder.report.class_text import head, item_figures_table, top_mistakes

    data = report_of(open_course(ctx), assignment, names)
    page = output or Path(f"report-{assignment}.html")
    page.write_text(class_page(data), encoding="utf-8")
    if json_file is not None:
        json_file.write_text(to_json(data), encoding="utf-8")
    click.echo(head(data))
    Console().print(item_figures_table(data))
    for line in (*top_mistakes(data), *data["advice"]):
        click.echo(f"- {line}")
    click.echo(f"The page: {short(page.resolve())}")


def _printed(course: Course, assignment: str, form: str) -> str:
    from autograder.autograde.gradebook import marks
    from autograder.autograde.hand_back import graded
    from autograder.autograde.penalties import lateness
    from autograder.report.table import to_csv, to_json
    from autograder.report.wide import to_wide_csv

    cards = graded(course, assignment)
    late = lateness(course, assignment)
    made = {"csv": to_csv, "json": to_json, "wide": to_wide_csv}[form]
    _note(
        late[card.student].doubt
        for card in cards
        if card.student in late and late[card.student].doubt
    )
    return made(cards, marks(course, assignment), late)


def _tell(filled: Filled) -> None:
    """What came of a sheet, with everybody whose mark is not in it."""
    for names, why in (
        (filled.waiting, "something still waits, and the sheet is left as it is"),
        (filled.not_in_sheet, "not in the sheet"),
        (filled.without_mark, "in the sheet, without a submission here"),
    ):
        if names:
            _note([f"{counted(len(names), 'student')}, {why}: {', '.join(names)}"])
    _note(filled.notes)
    said = f"{counted(len(filled.written), 'mark')} written"
    click.echo(f"{said}, {len(filled.unchanged)} there already", err=True)


def _note(notes: Iterable[str]) -> None:
    for text in notes:
        click.secho(f"Note for staff: {visible(text)}", fg="yellow", err=True)


def _judges(course: Course, cluster: str | None) -> contextlib.AbstractContextManager[None]:
    """Where submissions are judged: on this machine, or on a cluster."""
    if cluster is None:
        return contextlib.nullcontext()
    from autograder.cluster.pool import on_cluster  # only here: it needs Dask

    return on_cluster(
        course, cluster, lambda said: click.secho(f"autograder: {said}", fg="yellow", err=True)
    )


def stop_for_staff(ctx: click.Context, reasons: dict[str, list[str]]) -> None:
    for student, why in reasons.items():
        for reason in why:
            click.secho(f"{student} needs staff: {reason}", fg="yellow", err=True)
    if reasons:
        ctx.exit(NEEDS_STAFF)
