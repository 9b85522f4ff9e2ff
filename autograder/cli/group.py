"""The command group: how errors end, and what every command shares."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder import __version__
from autograder.errors import KitError

if TYPE_CHECKING:
    from autograder.course import Course

log = logging.getLogger("autograder")

BROKEN = 2
_ORDER = [  # as a course uses them
    "new", "adopt", "check", "calibrate", "release",
    "collect", "grade", "mark", "feedback", "export", "post", "report", "similarity",
    "score", "doctor", "runner", "demo", "data", "cluster",
]  # fmt: skip
_LOG = "autograder.log"  # in the context: the file, once it is open


class _Group(click.Group):
    """Commands in the order in which a course uses them, and every error in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(self.commands, key=_ORDER.index)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.Abort, click.exceptions.Exit, click.UsageError):
            raise
        except Exception as error:
            if ctx.params.get("traceback"):
                raise
            sentence = str(error) if isinstance(error, KitError) else _unexpected(error, ctx)
            click.secho(f"autograder: {sentence}", fg="red", err=True)
            ctx.exit(BROKEN)


def _unexpected(error: Exception, ctx: click.Context) -> str:
    """A sentence for what no part of the kit has foreseen; exit code 1 would say `lost points`."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}. Correct the path, or its rights."
    if isinstance(error, click.ClickException):
        return error.format_message()
    where = "Give the command again as `autograder --traceback ...` to see where."
    if _LOG in ctx.meta:
        log.error("the command ended early", exc_info=error)
        where = f"The log has the details: {ctx.meta[_LOG]}."
    first = next(iter(str(error).splitlines()), "")  # what follows is for the log
    return f"this should not have happened: {type(error).__name__}: {first}. {where}"


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--course",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The course's folder; by default the course at or above the current folder.",
)
@click.option("--traceback", is_flag=True, help="Show where an error came from, as Python does.")
@click.pass_context
def main(ctx: click.Context, folder: Path | None, traceback: bool) -> None:  # noqa: ARG001
    """Release assignments, grade a class in a box, return feedback.

    Exit codes: 0 done; 1 a check found failures; 2 usage, or something is broken; 3 finished, but some
    submissions are ungraded and need staff; 4 a student has had all trials.
    """
    ctx.obj = folder
    # What a command makes at its start, by imports most of all, stays: to look through it again and again
    # takes a quarter of their time.
    gc.set_threshold(50_000)


def open_course(ctx: click.Context, run: str = "") -> Course:
    """The course; from here on its log is open. A `run` has a log of its own, named at its end."""
    from autograder.autograde.run_log import open_log
    from autograder.course import find_course, load_course

    course = load_course(find_course(ctx.obj or Path.cwd()))
    handler = open_log(course, run)
    logger = logging.getLogger("autograder")
    for old in logger.handlers:
        old.close()
    logger.handlers = [handler]
    root = ctx.find_root()  # so that it is still open when an error is told
    root.meta[_LOG] = short(Path(handler.baseFilename))
    if run:
        root.call_on_close(
            lambda: click.echo(f"Log: {short(Path(handler.baseFilename))}", err=True)
        )
    root.call_on_close(handler.close)
    # Called before that: a closed handler would open its file again.
    root.call_on_close(logger.handlers.clear)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    return course


def short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
