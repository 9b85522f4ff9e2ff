"""Commands about machines and what is on them."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from autograder.cli.group import main, open_course, short
from autograder.runners import RUNNERS, runner_script
from autograder.terminal import Bar, print_table


@main.command()
@click.option(
    "--settings", is_flag=True, help="Print every setting with its default and its reason."
)
@click.pass_context
def doctor(ctx: click.Context, settings: bool) -> None:
    """Say what this machine and course lack, each with its repair (exit code 1 if anything)."""
    from autograder.doctor import examine, settings_help

    if settings:
        click.echo(settings_help(shutil.get_terminal_size((100, 24)).columns))
        return
    failed = False
    for finding in examine(ctx.obj or Path.cwd()):
        failed |= not finding.good
        mark, colour = ("ok  ", "green") if finding.good else ("LACK", "red")
        click.echo(f"{click.style(mark, fg=colour)}  {finding.what}: {finding.text}")
    ctx.exit(1 if failed else 0)


@main.command()
@click.argument("name", type=click.Choice([*RUNNERS]))
def runner(name: str) -> None:
    """Print the recipe NAME, for a runner of your own or for another engine.

    Runners: github, slurm; container (a Containerfile), docker, kubernetes, apptainer. Engines: gradescope,
    junit (GitLab CI), prairielearn, classroom50, autolab, codegrade, submitty, inginious. Its first lines say
    what to set, and who sees what.
    """
    click.echo(runner_script(name), nl=False)


@main.command()
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to make the demo course; by default a new scratch folder.",
)
@click.pass_context
def demo(ctx: click.Context, into: Path | None) -> None:
    """Make a demo course with a class of thirty, grade it, and show the marks.

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
    """Pack images with labels into train.npz and test.npz, for c.CourseSettings.data_directory.

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

    place = folder or open_course(ctx).make_records() / tls.FOLDER
    until = tls.make_keys(place)
    click.echo(f"Keys, good until {until:%Y-%m-%d}: {short(place)}/scheduler, worker and client.")
    click.echo(tls.how_to_start(place), nl=False)
