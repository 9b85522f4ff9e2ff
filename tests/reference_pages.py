"""Pages that are written from the code, and from kept figures: `python -m tests.reference_pages` renews them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click
from traitlets.config import Configurable

from autograder.cli import main
from autograder.course.course import CourseSettings
from autograder.sandbox import BoxSettings
from tests import validity_page

DOCS = Path(__file__).parent.parent / "docs"
KINDS: dict[str, type[Configurable]] = {
    "CourseSettings": CourseSettings,
    "BoxSettings": BoxSettings,
}

_NOTE = "<!-- Written by `python -m tests.reference_pages`. Change the code's own help instead. -->"
_KEPT = "<!-- Written by `python -m tests.reference_pages`, of what `autograder check` keeps. -->"


def commands(
    command: click.Command = main, name: str = "autograder"
) -> Iterator[tuple[str, click.Command]]:
    """Every command that can be given, by its whole name."""
    if isinstance(command, click.Group):
        for part in command.list_commands(click.Context(command)):
            yield from commands(command.commands[part], f"{name} {part}")
    else:
        yield name, command


def pages() -> dict[Path, str]:
    """The text of each page, by its path."""
    return {
        DOCS / "commands.md": _commands_page(),
        DOCS / "settings.md": _settings_page(),
        DOCS / "validity.md": validity_page.page(_KEPT),
    }


def _commands_page() -> str:
    parts = [
        _NOTE,
        "# Commands",
        "`autograder --help` and `autograder COMMAND --help` say the same. [Exit codes](grade.md#exit-codes) are for "
        "cron jobs and CI.",
        "These stand before the command, as in `autograder --course ~/dl grade vgg16`:",
        _options(main),
    ]
    for name, command in commands():
        arguments = [param for param in command.params if isinstance(param, click.Argument)]
        usage = " ".join([name, *(_argument(argument) for argument in arguments)])
        parts += [f"## {name}", f"`{usage}`", _help(command)]
        if any(isinstance(param, click.Option) for param in command.params):
            parts.append(_options(command))
    return "\n\n".join(parts) + "\n"


def _argument(argument: click.Argument) -> str:
    name = str(argument.name).upper()
    return name if argument.required else f"[{name}]"


def _help(command: click.Command) -> str:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _options(command: click.Command) -> str:
    rows = ["| option | |", "| :-- | :-- |"]
    for option in command.params:
        if isinstance(option, click.Option):
            rows.append(f"| {_names(option)} | {_about(option)} |")
    return "\n".join(rows)


def _names(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(main))}"
    value = value.replace("INTEGER RANGE", "N")
    return ", ".join(f"`{name}{value}`" for name in option.opts).replace("|", "\\|")


def _about(option: click.Option) -> str:
    text = " ".join((option.help or "").split())
    default = option.default
    shown = isinstance(default, str | int) and not option.is_flag and not isinstance(default, bool)
    return f"{text} By default `{default}`." if shown else text


def _settings_page() -> str:
    parts = [
        _NOTE,
        "# Settings",
        "They stand in `course_config.py`. `autograder doctor --settings` prints the same. nbgrader's own "
        "settings, `c.CourseDirectory.…` and the others, count beside them; `c.CourseDirectory.db_url` may name [a "
        "gradebook on a server](grade.md#a-gradebook-on-a-server).",
    ]
    about = {
        "CourseSettings": "The course.",
        "BoxSettings": "What one notebook of a submission may use. Units are in the names.",
    }
    for kind, settings in KINDS.items():
        parts += [f"## c.{kind}", about[kind], "| setting | default | |\n| :-- | :-- | :-- |"]
        defaults = settings()
        for name, trait in sorted(settings.class_own_traits(config=True).items()):
            text = " ".join(str(trait.help).split()).replace("|", "\\|")
            parts[-1] += f"\n| `{name}` | {_default(getattr(defaults, name))} | {text} |"
    return "\n\n".join(parts) + "\n"


def _default(value: object) -> str:
    if value in (None, "") or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(f"`{part}`" for part in value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        print(path)
