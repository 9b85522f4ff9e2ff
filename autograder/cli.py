"""The command line: parses, calls one function, prints, and chooses the exit code.

Exit codes: 0 every submission has its marks; 1 a check found failures; 2 usage, or something of ours or
the course's is broken; 3 finished, but some submissions are ungraded and need staff.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder import __version__
from autograder.errors import KitError
from autograder.terminal import Bar, Interrupt, print_items, print_summary, print_table

if TYPE_CHECKING:
    from autograder.course import Course

NEEDS_STAFF = 3
_STOPPED = 130  # as a shell says of a program that Ctrl-C ended


class _Group(click.Group):
    """Commands in the order in which a course uses them, and our errors in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KitError as error:
            click.secho(f"autograder: {error}", fg="red", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--course",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The course's folder; by default the course at or above the current folder.",
)
@click.pass_context
def main(ctx: click.Context, folder: Path | None) -> None:
    """Release assignments, grade a class in a box, return feedback.

    Exit codes: 0 done; 1 a check found failures; 2 usage, or something is broken; 3 finished, but some
    submissions are ungraded and need staff.
    """
    ctx.obj = folder


@main.command()
@click.option(
    "--settings", is_flag=True, help="Print every setting with its default and its reason."
)
@click.pass_context
def doctor(ctx: click.Context, settings: bool) -> None:
    """Say what this machine and course lack, each with its repair (exit code 1 if anything)."""
    from autograder.doctor import examine, settings_help

    if settings:
        click.echo(settings_help())
        return
    failed = False
    for finding in examine(ctx.obj or Path.cwd()):
        failed |= not finding.good
        mark, colour = ("ok  ", "green") if finding.good else ("LACK", "red")
        click.echo(f"{click.style(mark, fg=colour)}  {finding.what}: {finding.text}")
    ctx.exit(1 if failed else 0)


@main.command()
@click.argument("name")
@click.pass_context
def new(ctx: click.Context, name: str) -> None:
    """Make the start of an assignment NAME: notebook, hidden tests, contract, cases.

    It passes the release gate as it is. Change it part by part, and release it after each.
    """
    from autograder.release.new import new_assignment

    for what, folder in new_assignment(_course(ctx), name).items():
        click.echo(f"{what:<12} {_short(folder)}")
    click.echo(f"Change them, and see whether it holds: autograder release {name}")


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
    help="Use the images of this folder in CIFAR-10's format, not those that grading uses.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="cuda: the runs that decide on a GPU, with this machine's and this course's own images.",
)
@click.option("--dry-run", is_flag=True, help="Print the thresholds, and change nothing.")
@click.pass_context
def calibrate(
    ctx: click.Context,
    assignment: str,
    runs: int,
    wrong_runs: int,
    jobs: int | None,
    cifar10: Path | None,
    device: str,
    dry_run: bool,
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

    course = _course(ctx)
    images = cifar10.resolve() if cifar10 else None
    cores = len(os.sched_getaffinity(0))
    if device == "cuda":
        images, cores = engine.images_on_a_gpu(course, cifar10), 1
    calibration = engine.load_calibration(course, assignment, images, device)
    with Bar() as bar:
        results = engine.run_all(
            course, assignment, images, runs, wrong_runs, jobs or cores, bar.show, device
        )
    entry = thresholds.summary(calibration, results)
    console = Console()
    console.print(threshold_table(entry))
    console.print(power_table(entry))
    if not dry_run:
        path = thresholds.write(course, assignment, calibration, entry)
        click.echo(f"The thresholds for {calibration.images} images are in {_short(path)}.")


@main.command()
@click.argument("assignment")
@click.option("--solutions", is_flag=True, help="Also run the solutions into solutions/ASSIGNMENT.")
@click.option(
    "--unsafe-no-box",
    is_flag=True,
    help="With --solutions, on a machine without a box: run your own notebooks in an ordinary kernel.",
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
    from autograder.release import release as engine
    from autograder.release.answer_key import make_answer_key
    from autograder.release.gate import Refused

    course = _course(ctx)
    if full_size is not None:
        written = make_answer_key(course, assignment, full_size=full_size)
        click.echo(f"The answer key, executed at full size: {_short(written)}")
        return
    try:
        with Bar() as bar:
            released = engine.release(course, assignment, bar.show)
    except Refused as refused:
        click.secho(f"autograder: {refused}", fg="red", err=True)
        ctx.exit(1)
    click.echo(f"Hand out this folder: {_short(released.folder)}")
    click.echo(f"or the same as a file: {_short(released.archive)}")
    if unsafe_no_box:
        text = "No box: the notebooks in source/ run with all of your rights. Never do so with a submission."
        click.secho(text, fg="red", bold=True, err=True)
    if solutions:
        written = make_answer_key(course, assignment, unsafe_no_box)
        click.echo(f"The answer key, executed: {_short(written)}")


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

    course = _course(ctx, f"grade-{assignment}")
    try:
        with Bar(quiet) as bar, Interrupt() as interrupt, _judges(course, cluster):
            run = grade_class(course, assignment, student, regrade, bar.show, interrupt)
    except Stopped as stopped:
        click.echo(
            f"Stopped: {stopped.done} of {stopped.students} submissions have their marks, and what else was "
            "judged is kept. Give the same command again to go on.",
            err=True,
        )
        ctx.exit(_STOPPED)
    if not quiet:
        print_table(run.cards, marks(course, assignment))
    print_summary(run.counts(), quiet)
    for text in run.notes:
        click.secho(f"Note for staff: {text}", fg="yellow", err=True)
    _stop_for_staff(ctx, run.reasons)


@main.command()
@click.argument("assignment")
@click.option("--student", default="*", metavar="GLOB", help="Only these students.")
@click.pass_context
def feedback(ctx: click.Context, assignment: str, student: str) -> None:
    """Write a page for each graded notebook into feedback/STUDENT/ASSIGNMENT."""
    from autograder.autograde.feedback import write_feedback

    click.echo(
        f"Feedback: {_short(write_feedback(_course(ctx), assignment, student))}/<student>/{assignment}"
    )


@main.command()
@click.argument("assignment")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, not the terminal."
)
@click.pass_context
def export(ctx: click.Context, assignment: str, form: str, output: Path | None) -> None:
    """Print the marks of ASSIGNMENT: for every submission and item verdict, score, maximum and hint."""
    from autograder.autograde.gradebook import marks
    from autograder.autograde.records import load_card
    from autograder.report.table import to_csv, to_json

    course = _course(ctx)
    cards = [load_card(course, assignment, name) for name in course.students(assignment)]
    graded = [card for card in cards if card is not None]
    if not graded:
        raise KitError(
            f"Nothing of `{assignment}` has been graded. Run `autograder grade {assignment}`."
        )
    text = (to_csv if form == "csv" else to_json)(graded, marks(course, assignment))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text)


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--assignment", help="Which assignment it is; needed only if the course has several.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="The scorecard."
)
@click.option(
    "--gradescope",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Gradescope's results.json; not written if something is ungraded.",
)
@click.pass_context
def score(
    ctx: click.Context,
    path: Path,
    assignment: str | None,
    json_file: Path | None,
    gradescope: Path | None,
) -> None:
    """Judge one submission, a folder or a notebook, without a gradebook.

    For a CI job or a student's appeal. Exit code 1 if an autograded item lost points. Files that an
    earlier run wrote are removed first, so that none can stand for this one.
    """
    from autograder.autograde.score import score_path
    from autograder.course import find_course
    from autograder.report.gradescope import to_gradescope

    for stale in (json_file, gradescope):
        if stale is not None:
            stale.unlink(missing_ok=True)
    root = find_course(ctx.obj or Path.cwd())
    handed_in = path.resolve() if path.is_dir() else path.resolve().parent
    if root.is_relative_to(handed_in):  # its configuration would be run
        raise KitError(
            f"{root / 'course_config.py'} lies in what is to be judged, so it is not read. Go into your "
            "course, or name it: autograder --course DIR score PATH."
        )
    course = _course(ctx)
    began_s = time.monotonic()
    card = score_path(course, _only_assignment(course, assignment), path, path.resolve().stem)
    if json_file is not None:
        json_file.write_text(card.for_student().dumps())
    if gradescope is not None and not card.reasons:
        gradescope.write_text(to_gradescope(card, time.monotonic() - began_s))
    print_items(card)
    _stop_for_staff(ctx, {card.student: card.reasons} if card.reasons else {})
    ctx.exit(1 if card.lost_points else 0)


@main.command()
@click.argument("name", type=click.Choice(["github", "slurm"]))
def runner(name: str) -> None:
    """Print the script for a runner of your own: NAME is github or slurm.

    Its first lines say what to set, and who may do what.
    """
    from autograder.runners import runner_script

    click.echo(runner_script(name), nl=False)


@main.command()
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to make the demo course; by default a new scratch folder.",
)
@click.pass_context
def demo(ctx: click.Context, into: Path | None) -> None:
    """Make a demo course with a small class, grade it, and show the marks.

    Exit code 1 if a submission did not get the marks that it should.
    """
    from autograder.demo.demo import run_demo

    with Bar() as bar:
        done = run_demo(into, bar.show)
    print_table(done.run.cards, done.marks)
    for student, reasons in done.run.reasons.items():
        click.echo(f"{student} needs staff: {'; '.join(reasons)}")
    click.echo("")
    for what, path in done.places.items():
        click.echo(f"{what:<28} {path}")
    for student, items in done.unexpected.items():
        click.secho(f"{student} did not get what was expected: {items}", fg="red", err=True)
    ctx.exit(1 if done.unexpected else 0)


@main.group()
def data() -> None:
    """Prepare image data for a course."""


@data.command("pack")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("destination", type=click.Path(path_type=Path))
def pack(source: Path, destination: Path) -> None:
    """Pack a folder of images with labels into a folder in CIFAR-10's own format.

    SOURCE holds a folder a class (below train/ and test/, if there are such), or .npz files with
    JPEG images and labels.
    """
    from autograder.data import pack_images

    packed = pack_images(source, destination)
    click.echo(str(packed))


@main.group("cluster")
def cluster_group() -> None:
    """Prepare a cluster of machines for `grade --cluster`."""


@cluster_group.command("keys")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def keys(ctx: click.Context, folder: Path | None) -> None:
    """Make the keys by which a cluster's machines know each other, and say how to start it.

    Into FOLDER, by default into the course's records/cluster, where `grade --cluster` looks for them.
    Whoever has one of these keys can run code on all of the cluster's machines.
    """
    from autograder.cluster import tls

    place = folder or _course(ctx).make_records() / tls.FOLDER
    until = tls.make_keys(place)
    click.echo(f"Keys, good until {until:%Y-%m-%d}: {_short(place)}/scheduler, worker and client.")
    click.echo(tls.how_to_start(place), nl=False)


def _judges(course: Course, cluster: str | None) -> contextlib.AbstractContextManager[None]:
    """Where submissions are judged: on this machine, or on a cluster."""
    if cluster is None:
        return contextlib.nullcontext()
    from autograder.cluster.pool import on_cluster  # only here: it needs Dask

    return on_cluster(
        course, cluster, lambda said: click.secho(f"autograder: {said}", fg="yellow", err=True)
    )


def _course(ctx: click.Context, run: str = "") -> Course:
    """The course; from here on its log is open. A `run` has a log of its own, named at its end."""
    from autograder.autograde.run_log import open_log
    from autograder.course import find_course, load_course

    course = load_course(find_course(ctx.obj or Path.cwd()))
    handler = open_log(course, run)
    logger = logging.getLogger("autograder")
    for old in logger.handlers:
        old.close()
    logger.handlers = [handler]
    if run:
        ctx.call_on_close(
            lambda: click.echo(f"Log: {_short(Path(handler.baseFilename))}", err=True)
        )
    ctx.call_on_close(handler.close)
    # Called before that: a closed handler would open its file again.
    ctx.call_on_close(logger.handlers.clear)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    return course


def _only_assignment(course: Course, named: str | None) -> str:
    known = course.assignments()
    if named is None and len(known) == 1:
        return known[0]
    if named is None:
        raise KitError(
            f"Which assignment is it? Name it with --assignment: {', '.join(known) or 'none'}."
        )
    return named


def _stop_for_staff(ctx: click.Context, reasons: dict[str, list[str]]) -> None:
    for student, why in reasons.items():
        for reason in why:
            click.secho(f"{student} needs staff: {reason}", fg="yellow", err=True)
    if reasons:
        ctx.exit(NEEDS_STAFF)


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
