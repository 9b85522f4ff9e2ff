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
@click.argument("item", required=False)
@click.option("--port", default=0, help="Of this machine; by default one that is free.")
@click.pass_context
def mark(ctx: click.Context, assignment: str, item: str | None, port: int) -> None:
    """Mark the written answers to ASSIGNMENT in a browser: all answers to one ITEM on one page, by keys.

    Beside the answers are the course's own answer and its rubric. Marks go into the gradebook at once, as
    from nbgrader's formgrader. The page is served to this machine alone, until Ctrl-C.
    """
    from autograder.autograde.marking_server import MarkingServer
    from autograder.errors import KitError

    server = MarkingServer(open_course(ctx), assignment, port)
    with contextlib.closing(server.socket), contextlib.suppress(KeyboardInterrupt):
        known = [question.grade_id for question in server.questions]
        if item is not None and item not in known:
            raise KitError(f"People mark {', '.join(known)} of `{assignment}`, and not `{item}`.")
        click.echo(f"Open this in a browser; Ctrl-C ends it:\n{server.address(item or known[0])}")
        server.serve_forever()


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
        note(notes)
        click.echo(f"For {platform}, {counted(len(done), 'student')}: {file}")


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
    from autograder.report.class_text import (
        head,
        item_figures_table,
        nearness,
        slowest,
        top_mistakes,
    )

    data = report_of(open_course(ctx), assignment, names)
    page = output or Path(f"report-{assignment}.html")
    page.write_text(class_page(data), encoding="utf-8")
    if json_file is not None:
        json_file.write_text(to_json(data), encoding="utf-8")
    click.echo(head(data))
    Console().print(item_figures_table(data))
    parts = {
        "What to do": data["advice"],
        "Needs staff": [f"{one['student']}: {'; '.join(one['reasons'])}" for one in data["staff"]],
        "Other mistakes, by name": top_mistakes(data),
        "Thresholds of chance": nearness(data),
        "Time and limits": slowest(data),
    }
    for title, lines in parts.items():
        if lines:
            click.secho(title, bold=True)
        for line in lines:
            click.echo(f"- {visible(line)}")
    click.echo(f"The page: {short(page.resolve())}")


def note(notes: Iterable[str]) -> None:
    for text in notes:
        click.secho(f"Note for staff: {visible(text)}", fg="yellow", err=True)


@main.command()
@click.argument("assignment")
@click.option(
    "--dolos",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also write the class as Dolos reads it.",
)
@click.pass_context
def similarity(ctx: click.Context, assignment: str, dolos: Path | None) -> None:
    """Where students of ASSIGNMENT have code in common that few others have. For staff; it decides nothing.

    By item. What the release has, and what more than a fifth of the class has, is subtracted; members of a
    group are not compared. A table here, and a page with both sides in records/similarity.
    """
    from rich.console import Console

    from autograder.autograde.alike import read_class, write_page
    from autograder.similarity.dolos import COMMAND
    from autograder.similarity.text import pairs_table

    course = open_course(ctx)
    with Bar() as bar:
        code = read_class(course, assignment, bar.show)
    found = code.comparison()
    Console().print(pairs_table(found))
    click.echo("Alike is not copied: read both sides, and ask both students.")
    click.echo(f"The page, for staff alone: {short(write_page(course, assignment, code, found))}")
    if dolos is not None:
        code.write_for_dolos(dolos)
        click.echo(f"For Dolos: cd {dolos} && {COMMAND}")


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
