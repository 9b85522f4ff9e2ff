"""A function that does nothing earns nothing: no check passes because there is nothing to see."""

from __future__ import annotations

import importlib
import inspect

import pytest

from autograder.release.cases import Case
from tests.cases.judging import CORPORA, Corpus, Memory, judged

MEMORY = Memory()
NOTEBOOKS = [
    pytest.param(corpus, notebook, id=f"{corpus.assignment}-{notebook}")
    for corpus in CORPORA.values()
    for notebook in corpus.points
]
BODIES = {
    "pass": "pass",
    "zero": "return 0.0",
    "one": "return 1",
    "text": "return 'text'",
    "not_a_number": "return float('nan')",
    "its_first_argument": "return {first}",
    "all_arguments": "return [{all}]",
    "an_empty_list": "return []",
    "an_empty_dict": "return {{}}",
    "two_numbers": "return 0.5, 0.5",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("corpus", "notebook"), NOTEBOOKS)
def test_a_function_that_does_nothing_earns_nothing(
    corpus: Corpus, notebook: str, body: str
) -> None:
    cells = {}
    reference = importlib.import_module(f"autograder.graders.{corpus.assignment}.reference")
    for name in corpus.points[notebook]:
        signature = inspect.signature(getattr(reference, name))
        names = list(signature.parameters)
        text = body.format(first=[*names, None][0], all=", ".join(names))
        parameters = ", ".join(
            name if parameter.default is parameter.empty else f"{name}={parameter.default}"
            for name, parameter in signature.parameters.items()
        )
        cells[name] = f"def {name}({parameters}):\n    {text}\n"
    case = Case("nothing", notebook, False, "Does nothing.", cells)
    items = judged(case, memory=MEMORY, corpus=corpus).items
    assert {grade_id: item.score for grade_id, item in items.items() if item.score != 0} == {}
