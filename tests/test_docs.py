"""What the README must not leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from autograder.cli import main
from autograder.course.course import CourseSettings
from autograder.sandbox import BoxSettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from commands(inner, f"{name} {part}")
    else:
        yield name, command


COMMANDS = dict(commands(main, "autograder"))


def row_of(name: str) -> str:
    """The line of the table of commands that documents one."""
    found = re.search(rf"^\| `{name}[ `].*$", README, re.MULTILINE)
    assert found, f"The README's table of commands has no row for `{name}`."
    return found.group()


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_documents_every_command_with_its_options(name: str) -> None:
    row = row_of(name)
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert any(f"`{option}" in row for option in parameter.opts), parameter.opts
        else:
            assert str(parameter.name).upper() in row


def test_readme_documents_the_options_of_all_commands() -> None:
    for parameter in main.params:
        assert any(f"{option}" in README for option in parameter.opts), parameter.opts


def test_readme_names_no_command_that_is_not_there() -> None:
    known = {name.split()[1] for name in COMMANDS}
    named = set(
        re.findall(r"(?:^\$ |`)autograder (?:--course \S+ )?([a-z]+)", README, re.MULTILINE)
    )
    assert named <= known


def test_readme_documents_every_target_of_make() -> None:
    for target in re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE):
        assert f"`make {target}" in README or target == "help", target


def test_readme_names_only_settings_that_exist_with_their_defaults() -> None:
    kinds = {"CourseSettings": CourseSettings, "BoxSettings": BoxSettings}
    rows = re.findall(r"^\| `c\.(\w+)\.(\w+)` \| ([^|]*) \|", README, re.MULTILINE)
    assert rows
    for kind, name, default in rows:
        trait = kinds[kind].class_traits(config=True)[name]
        if kind == "BoxSettings":
            wanted = "none" if trait.default_value is None else f"{trait.default_value:g}"
            assert default == wanted, name


@pytest.mark.parametrize("code", range(4))
def test_readme_documents_every_exit_code(code: int) -> None:
    assert f"**{code}** " in README


def test_readme_links_to_files_that_exist() -> None:
    for path in re.findall(r"`((?:autograder|tests|\.ci)/[\w./]+)`", README):
        assert (ROOT / path).exists(), path


def test_constraints_pin_every_direct_dependency() -> None:
    text = (ROOT / ".ci" / "constraints.txt").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    names = {name.lower().replace("_", "-") for name in pins}
    project = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[0]
    wanted = set(re.findall(r'"([\w-]+)>=', project)) - {"setuptools"}
    assert wanted <= names, wanted - names
    assert pins["torch"] != "2.13.0"
    assert "://" not in text


def test_the_hidden_test_in_the_readme_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autograder.grading.plugin import judge

    monkeypatch.syspath_prepend(str(ROOT / "tests" / "graders"))
    from tests.graders.fake_box import FakeBox

    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (example,) = [block for block in blocks if "@graded" in block]
    grader = tmp_path / "test_readme.py"
    grader.write_text(
        "import torch\nfrom autograder.grading import expect, expect_shape, graded, probe\n"
        + example
    )
    solution = (
        "from torch import nn\n"
        "def swap_head(net, num_classes=10):\n"
        "    net.classifier[-1] = nn.Linear(4096, {})\n"
        "    return net\n"
    )
    for classes, verdict in (("num_classes", "passed"), ("10", "failed")):
        box = FakeBox({"swap_head": solution.format(classes)})
        judged = judge(grader, box, b"secret", "submission")
        (check,) = judged.checks["swap_head_tests"]
        assert check.verdict.value == verdict, check.staff_detail or judged.trouble
    assert check.message == "Seven classes were asked for; yours has 10."
