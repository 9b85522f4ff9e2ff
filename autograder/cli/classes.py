"""Commands for a class that has submitted."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.group import main, open_course, short
from autograder.errors import KitError
from autograder.scorecard import counted
from autograder.terminal import Bar, Interrupt, print_summary, print_table

if TYPE_CHECKING:
    from autograder.course import Course

NEEDS_STAFF = 3
_STOPPED = 130  # as a shell says of a program that Ctrl-C ended


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
@click.pass_context
def feedback(ctx: click.Context, assignment: str, student: str) -> None:
    """Write a page for each graded notebook into feedback/STUDENT/ASSIGNMENT."""
    from autograder.autograde.feedback import write_feedback

    click.echo(f"Feedback: {short(write_feedback(open_course(ctx), assignment, student))}")


@main.command()
@click.argument("assignment")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, not the terminal."
)
@click.pass_context
def export(ctx: click.Context, assignment: str, form: str, output: Path | None) -> None:
    """Print the marks of ASSIGNMENT: for every submission and item verdict, score, maximum and hint.

    With the time of each submission, its late penalty and the mark that counts.
    """
    from autograder.autograde.gradebook import marks
    from autograder.autograde.penalties import lateness
    from autograder.autograde.records import load_card
    from autograder.report.table import to_csv, to_json

    course = open_course(ctx)
    cards = [load_card(course, assignment, name) for name in course.students(assignment)]
    graded = [card for card in cards if card is not None]
    if not graded:
        raise KitError(
            f"Nothing of `{assignment}` has been graded. Run `autograder grade {assignment}`."
        )
    late = lateness(course, assignment)
    text = (to_csv if form == "csv" else to_json)(graded, marks(course, assignment), late)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text)
    for doubt in (late[card.student].doubt for card in graded if card.student in late):
        if doubt:
            click.secho(f"Note for staff: {doubt}", fg="yellow", err=True)


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
