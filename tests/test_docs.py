"""What the pages say holds: commands, settings, links, fields, and every example in them."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from nbgrader.apps import NbGraderApp
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import Exchange

import autograder
from autograder import grading
from autograder.cli import main
from autograder.grading import Challenge, Device
from autograder.grading.plugin import JudgePlugin
from autograder.report.table import COLUMNS, to_json
from autograder.scorecard import Check, Item, NotebookCard, Scorecard, Verdict
from tests import reference_pages

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", ROOT / "tests/cases/README.md", *sorted(DOCS.glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
COMMANDS = dict(reference_pages.commands())
KINDS = {**reference_pages.KINDS, "CourseDirectory": CourseDirectory, "Exchange": Exchange}

page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


@dataclass(frozen=True)
class Block:
    """A fenced example."""

    language: str
    title: str
    text: str


def blocks(path: Path) -> list[Block]:
    pattern = r'^```(\w*)(?: title="([^"]*)")?\n(.*?)^```$'
    return [
        Block(*match) for match in re.findall(pattern, path.read_text(), re.MULTILINE | re.DOTALL)
    ]


def prose(path: Path) -> str:
    """A page without its fenced examples."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


def console_lines(text: str) -> Iterator[str]:
    """What a console block has somebody type, a command line each; `>` goes on with the line before."""
    joined = re.sub(r"\\?\n> ?", " ", text)
    for line in joined.splitlines():
        if line.startswith("$ "):
            yield line[2:]


def commands_in(line: str) -> Iterator[list[str]]:
    """The commands of a line, each as its words."""
    words = shlex.split(re.sub(r" > \S+", "", line), comments=True)
    start = 0
    for at, word in enumerate([*words, ";"]):
        if word in ("&&", "|", ";"):
            part = words[start:at]
            while part and re.fullmatch(r"[A-Z_]+=.*|do", part[0]):
                part = part[1:]
            if part:
                yield part
            start = at + 1


# commands


def parse(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Hold a command line of the kit's against the real commands.

    Returns:
        the command's name, and its parameters as they were given.
    """
    command: click.Command = main
    name = "autograder"
    given: dict[str, Any] = {}
    while True:
        context = click.Context(command, info_name=name)
        given, words, _ = command.make_parser(context).parse_args(words)
        if not isinstance(command, click.Group) or not words:
            assert not words, f"{name} takes no {words}"
            return name, given
        assert words[0] in command.commands, f"there is no `{name} {words[0]}`"
        name, command, words = f"{name} {words[0]}", command.commands[words[0]], words[1:]


@page
def test_every_command_that_a_page_has_you_type_is_there(path: Path) -> None:
    for block in blocks(path):
        for line in console_lines(block.text) if block.language == "console" else ():
            for words in commands_in(line):
                check_command(words)


def check_command(words: list[str]) -> None:
    program, rest = Path(words[0]).name, words[1:]
    if words[0].startswith(".ci/"):
        assert (ROOT / words[0]).exists(), words
    elif program == "autograder":
        name, given = parse(rest)
        for parameter in COMMANDS[name].params:
            if isinstance(parameter, click.Argument) and parameter.required:
                value = given[str(parameter.name)]  # click has a word of its own for "nothing"
                assert isinstance(value, str), f"`{' '.join(words)}` lacks {parameter.name}"
    elif program == "nbgrader":
        assert rest[0] in NbGraderApp.subcommands, words
    elif program == "make":
        assert re.search(rf"^{rest[0]}:.*## ", MAKEFILE, re.MULTILINE), words
    elif program == "python" and rest[0] == "-m":
        assert importlib.util.find_spec(rest[1]), words
        for file in (word for word in rest[2:] if word.startswith("tests/")):
            assert (ROOT / file).exists(), words
    else:
        assert program in {
            "cp",
            "createdb",
            "createuser",
            "cd",
            "dask",
            "for",
            "ruff",
            "jupyter",
            "mkdir",
            "sbatch",
            "ssh",
            "tar",
            "done",
        }


@page
def test_every_command_that_a_page_names_is_there(path: Path) -> None:
    for span in re.findall(r"`autograder ((?!COMMAND)[^`]+)`", prose(path).replace("\n", " ")):
        words = shlex.split(span.replace("…", ""))
        parse([word for word in words if word != "--help"])
    for target in re.findall(r"`make (\w+)", prose(path)):
        assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE), target
    for module in re.findall(r"`[\w./]*python -m (tests[\w.]*)", prose(path)):
        assert importlib.util.find_spec(module), module


def test_a_command_that_is_not_there_is_seen() -> None:
    for line in ("autograder grad vgg16", "autograder grade", "autograder grade vgg16 --jobs 2"):
        (words,) = commands_in(line)
        with pytest.raises((AssertionError, click.UsageError)):
            check_command(words)
    assert [*commands_in("A=1 autograder doctor && cd x # so")] == [
        ["autograder", "doctor"],
        ["cd", "x"],
    ]


@pytest.mark.parametrize("path", reference_pages.pages(), ids=lambda path: path.name)
def test_the_pages_of_commands_and_settings_are_those_of_the_code(path: Path) -> None:
    renew = "Run `python -m tests.reference_pages`."
    assert path.read_text() == reference_pages.pages()[path], renew


def test_every_target_of_make_is_explained() -> None:
    text = (DOCS / "CONTRIBUTING.md").read_text()
    for target in re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE):
        assert f"`make {target}" in text or target == "help", target


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 130])
def test_every_exit_code_is_explained(code: int) -> None:
    assert f"| **{code}** |" in (DOCS / "grade.md").read_text()


# settings, links, length


@page
def test_every_setting_that_a_page_names_is_there(path: Path) -> None:
    for kind, name in re.findall(r"\bc\.(\w+)\.(\w+)", path.read_text()):
        if kind in KINDS:
            assert name in KINDS[kind].class_trait_names(), f"c.{kind}.{name}"
        else:
            assert kind in {"AssignLatePenalties", "Execute"}, kind


@page
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith(("https://", "http://")):
            continue
        name, _, heading = target.partition("#")
        file = path.parent / name if name else path
        assert file.is_file(), target
        headings = (
            re.findall(r"^#+ (.*)$", re.sub(r"(?ms)^```.*?^```$", "", file.read_text()), re.M)
            if heading
            else []
        )
        assert not heading or heading in map(anchor, headings), target


def anchor(heading: str) -> str:
    """A heading's name in a link, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@page
def test_every_file_that_a_page_names_is_there(path: Path) -> None:
    for name in re.findall(
        r"`((?:autograder|tests|docs|\.ci|\.github)/[\w./]+)`", path.read_text()
    ):
        assert (ROOT / name).exists() or re.search("lenses|spirals", name), name


def test_the_tests_that_show_what_holds_an_attack_are_there() -> None:
    defined = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)(?:\.py)?`", (DOCS / "security.md").read_text()):
        assert f"def {name}(" in defined or [*(ROOT / "tests").rglob(f"{name}.py")], name


def test_the_readme_is_short_and_its_pictures_are_small() -> None:
    text = README.read_text()
    assert len(text.split()) <= 900
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 2
    assert all((ROOT / picture).stat().st_size < 150_000 for picture in pictures)


def test_the_pages_build_without_a_warning_and_load_nothing_from_outside(tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "--quiet",
        "--fail-on-warning",
        "-d",
        str(tmp_path),
        str(DOCS),
        str(site),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pattern = r"<(?:script|img|iframe)[^>]*src=\"(?:https?:)?//|<link[^>]*href=\"(?:https?:)?//|(?:@import|url\()\s*[\"']?(?:https?:)?//"
    for file in (*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.svg")):
        assert not re.search(pattern, file.read_text()), file
    for source in DOCS.glob("*.md"):
        assert (site / f"{source.stem}.html").is_file(), source


# what hidden tests may use


def fixtures() -> set[str]:
    parts = vars(JudgePlugin).values()
    return {part.name for part in parts if type(part).__name__ == "FixtureFunctionDefinition"}


def test_everything_that_hidden_tests_may_use_is_explained() -> None:
    text = (DOCS / "hidden-tests.md").read_text()
    assert "student" in fixtures()
    for name in fixtures():
        assert f"| `{name}` |" in text, name
    for name in grading.__all__:
        assert re.search(rf"`@?{name}\b", text), name
    for kind, name in ((Challenge, "challenge"), (Device, "device")):
        for part in {*vars(kind), *getattr(kind, "__dataclass_fields__", ())}:
            assert part.startswith("_") or f"`{name}.{part}" in text, part


def test_the_comparisons_are_explained_as_they_are() -> None:
    text = (DOCS / "hidden-tests.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", text, re.MULTILINE))
    assert {name for name in grading.__all__ if name.startswith("expect")} <= set(rows)
    for name, written in rows.items():
        parameters = inspect.signature(getattr(grading, name)).parameters
        for part in written.split(", "):
            word, _, default = part.lstrip("*").partition("=")
            assert word in parameters, (name, word)
            assert not default or ast.literal_eval(default) == parameters[word].default, (
                name,
                word,
            )


# fields


def fields_of(section: str) -> dict[str, str]:
    """The rows below a heading of the scorecard's page: field and type."""
    text = (DOCS / "scorecard.md").read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]*) \|", text, re.MULTILINE)
    return {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}


def example() -> Scorecard:
    (block,) = [block for block in blocks(DOCS / "scorecard.md") if block.language == "json"]
    card = Scorecard.from_json(json.loads(block.text))
    assert card.to_json() == json.loads(block.text)
    return card


def test_every_field_of_the_scorecard_is_explained() -> None:
    data = example().to_json()
    parts = {
        "The submission": data,
        "A notebook": data["notebooks"][0],
        "An item": data["notebooks"][0]["items"][0],
        "A check": data["notebooks"][0]["items"][0]["checks"][0],
    }
    for section, part in parts.items():
        assert set(fields_of(section)) == set(part), section


def test_the_fields_that_may_be_null_say_so() -> None:
    check = Check("judge", "", Verdict.UNGRADED)
    items = (Item("written", 4.0, manual=True), Item("broken", 2.0, checks=(check,)))
    bare = Scorecard("vgg16", "ada", (NotebookCard("1", items),)).to_json()
    notebook = bare["notebooks"][0]
    for section, parts in {
        "The submission": [bare],
        "A notebook": [notebook],
        "An item": notebook["items"],
        "A check": notebook["items"][1]["checks"],
    }.items():
        null = {name for part in parts for name, value in part.items() if value is None}
        assert null == {name for name, kind in fields_of(section).items() if "null" in kind}, (
            section
        )


def test_every_field_of_the_export_is_explained() -> None:
    text = (DOCS / "scorecard.md").read_text().partition("## The export of a class")[2]
    data = json.loads(to_json([example()]))
    submission = data["submissions"][0]
    for name in (*data, *submission, *submission["items"][0], *COLUMNS):
        assert f"`{name}`" in text, name


def test_every_room_has_its_place_in_the_architecture() -> None:
    text = (DOCS / "architecture.md").read_text()
    for path in Path(autograder.__file__).parent.iterdir():
        if not path.name.startswith("__") and not path.name.startswith("."):
            assert f"`autograder/{path.name}`" in text, path.name


def test_constraints_pin_every_direct_dependency() -> None:
    text = (ROOT / ".ci" / "constraints.txt").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    names = {name.lower().replace("_", "-") for name in pins}
    project = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[0]
    wanted = set(re.findall(r'"([\w-]+)>=', project)) - {"setuptools"}
    assert wanted <= names, wanted - names
    assert pins["torch"] != "2.13.0"
    assert "://" not in text
