"""Commands for an assignment on its way to students."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.group import main, open_course, short
from autograder.errors import KitError
from autograder.scorecard import counted
from autograder.terminal import Bar

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.release.release import Released


@main.command()
@click.argument("name")
@click.option(
    "--for",
    "cell",
    metavar="CELL",
    help="Instead the start of a hidden test for this grade cell of the assignment NAME.",
)
@click.option(
    "--training",
    is_flag=True,
    help="One that trains a network: a training check, a short run with thresholds, a written answer.",
)
@click.pass_context
def new(ctx: click.Context, name: str, cell: str | None, training: bool) -> None:
    """Make the start of an assignment NAME: notebook, hidden tests, contract, cases.

    It passes the release gate as it is. Change it part by part, and release it after each.
    """
    from autograder.release.new import new_assignment, new_test

    if cell is not None and training:
        raise click.UsageError("--for adds to an assignment that is there; --training begins one.")
    if cell is not None:
        path = new_test(open_course(ctx), name, cell)
        click.echo(f"Write the test of `{cell}` in {short(path)}. Until then the item is ungraded.")
        return
    for what, folder in new_assignment(open_course(ctx), name, training).items():
        click.echo(f"{what:<12} {short(folder)}")
    click.echo(f"Change them, and see whether it holds: autograder check {name}")
    click.echo(f"Then hand it out: autograder release {name}")


@main.command()
@click.argument("assignments", nargs=-1, metavar="[ASSIGNMENT]...")
@click.pass_context
def adopt(ctx: click.Context, assignments: tuple[str, ...]) -> None:
    """Take over an nbgrader course, or some ASSIGNMENTs of it, as they are.

    The tests in the notebooks judge, in the box, by nbgrader's rules; no hidden tests and no cases are asked
    for. Source notebooks of otter-grader become nbgrader's on the way. Assignments that the gradebook does
    not know as they are now are released. A second time changes nothing. Exit code 1 if the gate keeps one
    back.
    """
    from rich.console import Console

    from autograder.autograde import gradebook
    from autograder.course import find_course
    from autograder.database import make_ready
    from autograder.release import adopt as engine
    from autograder.report.adoption import adoption_table

    folder = (ctx.obj or Path.cwd()).resolve()
    try:
        find_course(folder)
    except KitError:  # none yet
        for text in engine.connect(folder):
            click.echo(text)
    course = open_course(ctx)
    make_ready(course)  # before anything is written
    console = Console()
    kept_back = False
    for assignment in assignments or course.assignments():
        try:
            rows, changes = engine.adopt(course, assignment)
        except KitError as error:  # the others are taken over all the same
            click.secho(f"autograder: {error}", fg="red", err=True)
            kept_back = True
            continue
        if rows:
            console.print(adoption_table(assignment, rows))
        else:
            click.echo(f"{assignment}: notebooks to read; nothing in them is judged")
        for text in changes:
            click.echo(text)
        if gradebook.is_released(course, assignment):
            click.echo(f"{assignment}: released already, and left alone")
            continue
        stood_there = course.release(assignment).exists()
        released = _past_the_gate(course, assignment)
        kept_back |= released is None
        if released is not None:
            instead = ", in place of the folder that was there" if stood_there else ""
            click.echo(f"{assignment}: released into {short(released.folder)}{instead}")
    if kept_back:
        ctx.exit(1)


def _past_the_gate(course: Course, assignment: str) -> Released | None:
    """Release an assignment, and tell what the gate says; None where it keeps it back."""
    from autograder.release.gate import Refused
    from autograder.release.release import release

    try:
        with Bar() as bar:
            released = release(course, assignment, bar.show)
    except Refused as refused:
        click.secho(f"autograder: {refused}", fg="red", err=True)
        return None
    for warning in released.warnings:
        click.secho(f"Warning: {warning}", fg="yellow", err=True)
    return released


@main.command()
@click.argument("assignment")
@click.option(
    "--case",
    "patterns",
    multiple=True,
    metavar="NAME",
    help="Only cases of this name, with * and ? as in a shell; can be given several times.",
)
@click.option("--brief", is_flag=True, help="Leave out the table of all cases.")
@click.option("--keep", is_flag=True, help="Write the figures beside the hidden tests.")
@click.pass_context
def check(
    ctx: click.Context, assignment: str, patterns: tuple[str, ...], brief: bool, keep: bool
) -> None:
    """Judge all cases of ASSIGNMENT in the box: which mistakes are caught, and which are named.

    Right cases must keep all points, wrong ones get what their scorecard.json says, in the words that
    stand there. Nothing needs to be released before. What has not changed since it was judged is not
    judged again. Exit code 1 if any case ends otherwise.
    """
    from rich.console import Console

    from autograder.release import catalogue, validity
    from autograder.report.catalogue import case_table, figures_table

    if keep and patterns:
        raise click.UsageError("--keep is for the figures of all cases: leave --case out.")
    course = open_course(ctx)
    with Bar() as bar:
        outcomes = catalogue.judge_cases(course, assignment, patterns, bar.show)
    rows = catalogue.catalogue(outcomes)
    figures = catalogue.figures(outcomes)
    console = Console()
    if not brief:
        console.print(case_table(rows))
    console.print(figures_table(figures))
    for row in rows:
        for text in row["differences"]:
            click.secho(f"{row['case']}: {text}", fg="red", err=True)
    if keep:
        click.echo(f"The figures are in {short(validity.write(course, assignment, figures))}.")
    if not all(row["good"] for row in rows):
        ctx.exit(1)


@main.command()
@click.argument("assignment")
@click.option(
    "--runs", type=click.IntRange(1), default=3000, show_default=True, help="Of the reference."
)
@click.option(
    "--wrong-runs",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Of each known mistake.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Worker processes; by default one for each core, and one on a GPU.",
)
@click.option(
    "--cifar10",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Use the training images of this folder (CIFAR-10, or train.npz), not those that grading uses.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="cuda: the runs that decide on a GPU, with this machine's and this course's own images.",
)
@click.option(
    "--mistakes-only",
    is_flag=True,
    help="Leave the thresholds as they are, and see which known mistakes pass them now.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say how many runs are to be made and how long that takes, no more.",
)
@click.option(
    "--no-write", is_flag=True, help="Print the thresholds, and leave those in use alone."
)
@click.pass_context
def calibrate(
    ctx: click.Context,
    assignment: str,
    runs: int,
    wrong_runs: int,
    jobs: int | None,
    cifar10: Path | None,
    device: str,
    mistakes_only: bool,
    dry_run: bool,
    no_write: bool,
) -> None:
    """Set the thresholds of ASSIGNMENT's hidden tests that depend on chance.

    The reference is run with many seeds. Each threshold is set so that, with a confidence of 95 %, at
    most one right run in 1,000 fails it; then known mistakes are run, to see how many still pass.
    What has run is kept in records/: stop it whenever you like, and start again to go on.
    """
    from rich.console import Console

    from autograder.calibration import runs as engine
    from autograder.calibration import thresholds
    from autograder.report.calibration import power_table, threshold_table

    course = open_course(ctx)
    images = cifar10.resolve() if cifar10 else None
    cores = len(os.sched_getaffinity(0))
    if device == "cuda":
        images, cores = engine.images_on_a_gpu(course, cifar10), 1
    calibration = engine.load_calibration(course, assignment, images, device)
    if mistakes_only:
        thresholds.with_new_power(course, assignment, calibration, {})  # asks whether there are any
        runs = 0
    if dry_run:
        due = engine.plan(course, assignment, images, runs, wrong_runs, jobs or cores, device)
        click.echo(
            f"{due.right:,} right runs and {due.wrong:,} of known mistakes are to be made: about "
            f"{due.seconds / 60:,.0f} minutes in {counted(jobs or cores, 'process', 'processes')} here."
        )
        return
    with Bar() as bar:
        results = engine.run_all(
            course, assignment, images, runs, wrong_runs, jobs or cores, bar.show, device
        )
    if mistakes_only:
        entry = thresholds.with_new_power(course, assignment, calibration, results)
    else:
        entry = thresholds.summary(calibration, results)
    console = Console()
    console.print(threshold_table(entry))
    console.print(power_table(entry))
    if not no_write:
        path = thresholds.write(course, assignment, calibration, entry)
        click.echo(f"The thresholds for the {calibration.images} images are in {short(path)}.")


@main.command()
@click.argument("assignment")
@click.option("--solutions", is_flag=True, help="Also run the solutions into solutions/ASSIGNMENT.")
@click.option(
    "--unsafe-no-box",
    is_flag=True,
    help="With --solutions, on a machine without a box: run your own notebooks in an ordinary kernel, "
    "with all of your rights, and release nothing.",
)
@click.option(
    "--full-size",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Release nothing; run the solutions on this machine's GPU, in an ordinary kernel, with the "
    "real CIFAR-10 in FOLDER.",
)
@click.pass_context
def release(
    ctx: click.Context,
    assignment: str,
    solutions: bool,
    unsafe_no_box: bool,
    full_size: Path | None,
) -> None:
    """Make the students' version of ASSIGNMENT in release/, if the gate lets it pass.

    The gate looks for solutions, hidden tests and outputs in what students would get, holds points and
    ids against the contract, and has the reference, the release, and right and wrong cases
    judged in the box. Exit code 1 if it refuses; then nothing is written.
    """
    from autograder.course.judged_by import judged_in_notebook, words_for
    from autograder.release.answer_key import make_answer_key

    if unsafe_no_box and not solutions:
        raise click.UsageError(
            "--unsafe-no-box goes with --solutions: only they run without a box."
        )
    course = open_course(ctx)
    if unsafe_no_box:
        text = "No box: the notebooks in source/ run with all of your rights. Never do so with a submission."
        click.secho(text, fg="red", bold=True, err=True)
        written = make_answer_key(course, assignment, unsafe_no_box)
        click.echo(f"The answer key, executed: {short(written)}")
        click.echo("Nothing was released: the gate needs a box.")
        return
    if full_size is not None:
        written = make_answer_key(course, assignment, full_size=full_size)
        click.echo(f"The answer key, executed at full size: {short(written)}")
        return
    released = _past_the_gate(course, assignment)
    if released is None:
        ctx.exit(1)
    click.echo(f"Hand out this folder: {short(released.folder)}")
    click.echo(f"or the same as a file: {short(released.archive)}")
    sources = course.notebooks(assignment).values()
    by_cells = sum(len(judged_in_notebook(course, assignment, source)) for source in sources)
    if by_cells:
        click.echo(words_for(by_cells))
    if solutions:
        written = make_answer_key(course, assignment)
        click.echo(f"The answer key, executed: {short(written)}")
