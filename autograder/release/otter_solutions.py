"""otter's marks of solutions in a code cell, as nbgrader's regions."""

from __future__ import annotations

import re

from autograder.course.markers import Delimiters
from autograder.errors import KitError

_LINE = re.compile(r"#\s?SOLUTION( NO PROMPT)?\s*$")
_BEGIN = re.compile(r"\s*# BEGIN SOLUTION( NO PROMPT)?\s*$")
_END = re.compile(r"# END SOLUTION\s*$")
_PROMPT = re.compile(r"# BEGIN PROMPT\s*$")
_END_PROMPT = re.compile(r"# END PROMPT\s*$")
_SEED = re.compile(r"# SEED\s*$")
_ASSIGNED = re.compile(r"(\s*[\w.,\[\]'\" ]+?=)(?!=)")
_BEGIN_IGNORE = re.compile(r"\s*#\s*BEGIN\s*IGNORE\b", re.IGNORECASE)


def without_ignored(text: str) -> str:
    """The text without the lines that otter gives to nobody.

    Raises:
        KitError: when a block of them has no end.
    """
    kept, inside = [], False
    for line in text.split("\n"):
        if inside or _BEGIN_IGNORE.match(line):
            inside = not line.rstrip().endswith("# END IGNORE")
        elif not line.rstrip().endswith("# IGNORE"):
            kept.append(line)
    if inside:
        raise KitError("`# BEGIN IGNORE` has no end.")
    return "\n".join(kept)


def for_students_and_staff(text: str, marks: Delimiters) -> str:
    """The text with each solution in a region; what students got beside otter's `...` stands above it.

    A line with a solution behind `=`, and the text of a prompt, become comments, which no stub can break.

    Raises:
        KitError: when a block has no end.
    """
    made: list[str] = []
    region: list[str] = []  # lines of the open region
    before: list[str] = []  # comments that belong above it
    inside = in_prompt = False

    def flush() -> None:
        if region:
            indent = re.match(r"\s*", next((r for r in region if r.strip()), ""))
            space = indent[0] if indent else ""
            made.extend([*before, space + marks.begin, *region, space + marks.end])
        else:
            made.extend(before)
        region.clear()
        before.clear()

    for line in text.split("\n"):
        if in_prompt:
            if _END_PROMPT.search(line):
                in_prompt = False
            elif line.strip():
                space = line[: len(line) - len(line.lstrip())]
                before.append(f"{space}# {line.strip()}")
        elif inside:
            if _END.search(line):
                inside = False
            else:
                region.append(line)
        elif _BEGIN.match(line):
            inside = True
        elif _PROMPT.search(line):
            in_prompt = True
        elif _LINE.search(line) or _SEED.search(line):
            if _SEED.search(line):
                region.append(line)
                continue
            assigned = _ASSIGNED.match(line)
            if assigned and not line.rstrip().endswith("NO PROMPT"):
                space = line[: len(line) - len(line.lstrip())]
                before.append(f"{space}# {assigned[1].strip()} ...")
            region.append(_LINE.sub("", line).rstrip())
        else:
            flush()
            made.append(line)
    if inside or in_prompt:
        raise KitError("a block of a solution or a prompt has no end.")
    flush()
    return "\n".join(made)
