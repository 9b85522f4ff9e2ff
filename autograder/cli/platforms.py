"""Commands between a course and a learning platform: submissions in, marks out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.classes import NEEDS_STAFF, note
from autograder.cli.group import main, open_course
from autograder.report.table import visible
from autograder.scorecard import counted

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.lms.marksheets import Told

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
    note(made.notes)
    if made.kept:
        note([f"something else is there already, and stays (--update): {', '.join(made.kept)}"])
    if made.absent:
        note([f"without a submission: {', '.join(made.absent)}"])
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
        _tell(filled, "the sheet")
        said = f"{counted(len(filled.written), 'mark')} written"
        click.echo(f"{said}, {len(filled.unchanged)} there already", err=True)
    if output is None:
        click.echo(content, nl=False)
    else:
        output.write_bytes(content)


@main.command()
@click.argument("assignment")
@click.argument("url")
@click.option(
    "--send", is_flag=True, help="Send them; without it, only what would change is shown."
)
@click.pass_context
def post(ctx: click.Context, assignment: str, url: str, send: bool) -> None:
    """Put the marks of ASSIGNMENT into Canvas through its API; URL is the assignment's page there.

    Shows what would change, and changes nothing without --send. Only marks that differ go out, of those for
    whom nothing waits, and they are read back. The token is read from CANVAS_API_TOKEN. Exit code 3 if a mark
    is not there afterwards.
    """
    from autograder.autograde.hand_back import class_marks
    from autograder.lms.canvas_api import CanvasAssignment

    marks = class_marks(open_course(ctx), assignment)
    there = CanvasAssignment(url)
    plan = there.plan(marks)
    for change in plan.changes:
        before = "–" if change.before is None else f"{change.before:.12g}"
        click.echo(f"{visible(change.student)}: {before} → {change.after:.12g}")
    _tell(plan, "Canvas")
    if not send:
        click.echo(
            f"{counted(len(plan.changes), 'mark')} would change in `{visible(there.name)}`, "
            f"{len(plan.unchanged)} are there already. Nothing was sent: add --send."
        )
        return
    lost = there.send(plan.changes)
    click.echo(
        f"{counted(len(plan.changes) - len(lost), 'mark')} sent, {len(plan.unchanged)} there already"
    )
    if lost:
        note([f"Canvas has not taken the marks of {', '.join(lost)}; look there"])
        ctx.exit(NEEDS_STAFF)


def _printed(course: Course, assignment: str, form: str) -> str:
    from autograder.autograde.gradebook import marks
    from autograder.autograde.penalties import lateness
    from autograder.autograde.records import graded
    from autograder.report.table import to_csv, to_json
    from autograder.report.wide import to_wide_csv

    cards = graded(course, assignment)
    late = lateness(course, assignment)
    made = {"csv": to_csv, "json": to_json, "wide": to_wide_csv}[form]
    note(
        late[card.student].doubt
        for card in cards
        if card.student in late and late[card.student].doubt
    )
    return made(cards, marks(course, assignment), late)


def _tell(told: Told, where: str) -> None:
    """Everybody whose mark does not go there, and what else there is to know."""
    for names, why in (
        (told.waiting, f"something still waits, and {where} is left as it is"),
        (told.not_there, f"not in {where}"),
        (told.without_mark, f"in {where}, without a submission here"),
    ):
        if names:
            note([f"{counted(len(names), 'student')}, {why}: {', '.join(names)}"])
    note(told.notes)
