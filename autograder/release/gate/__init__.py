"""The release gate: an assignment reaches students only if everything that they are told holds.

`notebooks` looks at the notebooks' form, `contract` at points and ids, `leaks` at what students could
read, `runs` at what the hidden tests do in the box. Each of them yields refusals, and all are told
together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from autograder.course import Course, SourceNotebook, read_source
from autograder.course.judged_by import judged_in_notebook
from autograder.errors import KitError
from autograder.progress import Progress
from autograder.release.gate.contract import (
    FILE,
    Contract,
    check_contract,
    contract_of,
    read_contract,
)
from autograder.release.gate.leaks import (
    check_attachments,
    check_leaks,
    secrets_of,
    texts_of_release,
)
from autograder.release.gate.notebooks import check_released, check_source, read_raw
from autograder.release.gate.refusal import Refusal, Refused, cell_name
from autograder.release.gate.runs import check_graders, run_trials
from autograder.release.gate.trials import check_cases, make_trials, read_cases
from autograder.release.written_tests import written_beside

__all__ = [
    "Refusal",
    "Refused",
    "examine_drafts",
    "examine_runs",
    "examine_source",
    "judged_sources",
]


def examine_source(course: Course, assignment: str) -> list[Refusal]:
    """What keeps the sources of an assignment from being released, before anything is made of them.

    Raises:
        KitError: when there is no such assignment.
    """
    refusals: list[Refusal] = []
    contract = _contract(course, assignment)
    for path in _source_files(course, assignment):
        try:
            named = list(check_source(path.stem, read_raw(path), contract.kernel, course.markers))
            refusals += named
            if not named:
                _ = read_source(path, course.markers).released
        except KitError as error:
            refusals.append(Refusal(path.stem, "", str(error), "Correct the source notebook."))
    return refusals


def examine_drafts(course: Course, assignment: str, drafts: tuple[Path, Path]) -> list[Refusal]:
    """What keeps an assignment from its students that can be seen without running anything.

    Args:
        drafts: two folders with the release, made one after the other from the same source.
    """
    sources = course.notebooks(assignment)
    cases, refusals = read_cases(course, assignment, sources)
    return [
        *_examine_contract(course, assignment, sources),
        *_examine_release(course, assignment, drafts),
        *check_graders(course, assignment, sources),
        *refusals,
        *check_cases(course, assignment, sources, cases),
    ]


def examine_runs(
    course: Course, assignment: str, draft: Path, progress: Progress = lambda *_: None
) -> list[Refusal]:
    """What the tests do otherwise than they should; notebooks without any are left out.

    Raises:
        KitError: when no box can be built here.
    """
    sources = judged_sources(course, assignment, draft)
    cases, _ = read_cases(course, assignment, sources)
    free = _contract(course, assignment).untouched
    trials = make_trials(course, assignment, sources, cases, draft, free)
    return list(run_trials(trials, progress))


def judged_sources(course: Course, assignment: str, draft: Path) -> dict[str, SourceNotebook]:
    """The notebooks of an assignment that have tests, by name, with a draft as their release."""
    graders = course.graders(assignment)
    return {
        name: dataclasses.replace(
            source,
            release=draft / f"{name}.ipynb",
            written=written_beside(draft) / f"{name}.json",
        )
        for name, source in course.notebooks(assignment).items()
        if (graders / f"test_{name}.py").is_file() or judged_in_notebook(course, assignment, source)
    }


def _examine_release(course: Course, assignment: str, drafts: tuple[Path, Path]) -> list[Refusal]:
    """What in a release students must not get, and whether it comes out the same each time."""
    contract = _contract(course, assignment)
    sources = {
        path.stem: course.markers.with_header(read_raw(path))
        for path in _source_files(course, assignment)
    }
    released = {name: read_raw(drafts[0] / f"{name}.ipynb") for name in sources}
    refusals: list[Refusal] = []
    for name, notebook in released.items():
        refusals += check_released(name, notebook, contract.kernel)
        refusals += check_attachments(name, notebook)
    secrets = secrets_of(sources, course.graders(assignment), course.markers)
    shown = {
        (name, cell_name(cell, number)): course.markers.autotest in cell.source
        for name, notebook in sources.items()
        for number, cell in enumerate(notebook.cells, 1)
        if contract.in_notebook and cell.cell_type == "code"
    }
    texts = texts_of_release(released, drafts[0])
    refusals += check_leaks(secrets, texts, contract, course.markers, shown)
    return [*refusals, *_differences(drafts)]


def _source_files(course: Course, assignment: str) -> list[Path]:
    paths = sorted(course.source(assignment).glob("*.ipynb"))
    if not paths:
        course.notebooks(assignment)  # says what there is instead
    return paths


def _contract(course: Course, assignment: str) -> Contract:
    """The contract; where there is none that can be read, one that asks for nothing unusual."""
    try:
        return read_contract(course.graders(assignment) / FILE)
    except KitError:
        return Contract(total=0)


def _examine_contract(
    course: Course, assignment: str, sources: Mapping[str, SourceNotebook]
) -> list[Refusal]:
    path = course.graders(assignment) / FILE
    if not path.is_file() and not any(source.grade_cells for source in sources.values()):
        return []  # notebooks to read promise nothing
    try:
        return list(check_contract(read_contract(path), sources))
    except KitError as error:
        repair = f"Correct {path}."
        if not path.is_file():
            repair = f"Write {path}. What the notebooks are now would be:\n{contract_of(sources)}"
        return [Refusal(FILE, "", str(error), repair)]


def _differences(drafts: tuple[Path, Path]) -> list[Refusal]:
    """Where two releases of the same source differ."""
    first, second = (
        {str(p.relative_to(draft)): p.read_bytes() for p in draft.rglob("*") if p.is_file()}
        for draft in drafts
    )
    names = sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )
    repair = "Find what writes it anew each time (a hook, a preprocessor, a cell without id)."
    return [
        Refusal(
            name.removesuffix(".ipynb"),
            _first_difference(*(draft / name for draft in drafts)),
            "two releases of the same source differ here.",
            repair,
        )
        for name in names
    ]


def _first_difference(first: Path, second: Path) -> str:
    """The first cell that differs between two notebooks; empty where it is not a matter of a cell."""
    if first.suffix != ".ipynb" or not (first.exists() and second.exists()):
        return ""
    cells = zip(read_raw(first).cells, read_raw(second).cells, strict=False)
    return next((cell_name(a, n) for n, (a, b) in enumerate(cells, 1) if a != b), "")
