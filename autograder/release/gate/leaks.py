"""Looks for secrets in a release, wherever a student could find them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from nbformat import NotebookNode

from autograder.course.markers import Markers
from autograder.release.gate.contract import Contract
from autograder.release.gate.refusal import Refusal, cell_name
from autograder.release.gate.secrets import (
    LINE_END,
    Secret,
    secrets_of_grader,
    secrets_of_source,
    secrets_of_values,
)
from autograder.release.gate.texts import Text, texts_of_file, texts_of_notebook

_STAFF_ONLY = re.compile(r"\b(instructor|teacher|staff|grader)s?[ _-]+only\b", re.IGNORECASE)
_PUBLIC = "Take it out; if students may read it, list it in the contract as `public`."


def secrets_of(
    sources: Mapping[str, NotebookNode], graders: Path, markers: Markers
) -> list[Secret]:
    """What must not be in the release of these source notebooks with these graders."""
    secrets = [
        secret
        for name, notebook in sources.items()
        for secret in secrets_of_source(name, notebook, markers)
    ]
    for path in sorted(graders.rglob("*.py")):
        secrets += secrets_of_grader(path)
    for path in sorted(graders.rglob("*.json")):
        secrets += secrets_of_values(path)
    return secrets


def texts_of_release(notebooks: Mapping[str, NotebookNode], folder: Path) -> list[Text]:
    """All texts of a released folder."""
    texts = [text for name, nb in notebooks.items() for text in texts_of_notebook(name, nb)]
    known = {f"{name}.ipynb" for name in notebooks}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in known:
            texts += texts_of_file(name, path)
    return texts


def check_leaks(
    secrets: Iterable[Secret],
    texts: Iterable[Text],
    contract: Contract,
    markers: Markers,
    shown: Mapping[tuple[str, str], bool] = MappingProxyType({}),
) -> Iterator[Refusal]:
    """Refuse each part of a cell or file that holds secrets; the first of each kind is quoted.

    Args:
        shown: where the tests in the notebook judge, places and code cells; whether nbgrader writes them
            (AUTOTEST). A line of a hidden region that its author wrote into a visible cell as well is only
            warned of, and so is all that nbgrader writes: it writes the answers down.
    """
    kinds = (markers.solution, markers.hidden_tests, markers.mark_scheme)
    delimiters = [text for kind in kinds for text in (kind.begin, kind.end)]
    public = [Text("", "", "", entry.replace(LINE_END, "\n")) for entry in contract.public]
    guarded = [secret for secret in secrets if not any(secret.is_in(text) for text in public)]
    for text in texts:
        written = shown.get((text.place, text.cell)) if text.part == "the text" else None
        for secret in quoted([secret for secret in guarded if secret.is_in(text)]):
            what = f"{text.part} holds {secret.kind} ({secret.origin}): {secret.shown}."
            by_author = secret.is_of_region and written is not None
            warns = by_author or bool(written)
            yield Refusal(text.place, text.cell, what, _PUBLIC, warns, secret.passage)
        for delimiter in delimiters:
            if delimiter in text.content:
                what = f"{text.part} still has `{delimiter}`."
                repair = "Mark the region in the source, so that the release is made without it."
                yield Refusal(text.place, text.cell, what, repair)
                break
        note = _STAFF_ONLY.search(text.content)
        if note:
            what = f"{text.part} says “{note.group()}”."
            yield Refusal(
                text.place, text.cell, what, "Keep it in a notebook that is not released."
            )


def quoted(leaked: Iterable[Secret]) -> Iterator[Secret]:
    """Of the secrets that a text holds, those that are told: one of each kind and origin, passages whole.

    Prose is looked for in windows of some words, code by lines and in rows of lines. What belongs together is
    one passage, so that to allow it takes one entry in the contract. A passage of two solutions, or within
    another one, is told once.
    """
    code: dict[tuple[str, str], Secret] = {}
    told: set[tuple[str, str]] = set()
    rest: list[Secret] = []
    for secret in leaked:
        kind = secret.family
        source = secret.origin if secret.number is None else secret.shown
        if secret.code:
            before = code.get((kind, source), secret)
            code[kind, source] = before.with_code_of(secret)
        elif secret.prose and rest and (joined := rest[-1].joined(secret)):
            rest[-1] = joined
        elif secret.prose or (kind, source) not in told:
            told.add((kind, source))
            rest.append(secret)
    passages = [*code.values(), *rest]
    for number, secret in enumerate(passages):
        if not any(
            secret.is_part_of(other) and (at < number or not other.is_part_of(secret))
            for at, other in enumerate(passages)
            if at != number
        ):
            yield secret


def check_attachments(name: str, notebook: NotebookNode) -> Iterator[Refusal]:
    """Refuse attachments that the released text does not show: of a model answer only its text goes."""
    for number, cell in enumerate(notebook.cells, 1):
        for attachment in cell.get("attachments", {}):
            if f"attachment:{attachment}" not in cell.source:
                what = f"the attachment {attachment} is in it, but its text does not show it."
                repair = "Delete it; a model answer's picture belongs into another notebook."
                yield Refusal(name, cell_name(cell, number), what, repair)
