"""Finds numbers in a hint that only the grader can have known: hidden inputs and expected values.

Every question that a box is asked is written down. Its data are the hidden inputs; what the reference
answers to it is what was expected. A number of either kind may stand in a hint only where the hint
tells the student's own result ("yours is …"), or where the grader's text has it for every challenge.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.errors import StudentFault
from autograder.grading import training
from autograder.grading.student import BoxLike

_LIBRARY = Path(training.__file__).parent
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_OWN = re.compile(r"\b[Yy]ours?\b.*?(?:\. |\.$|$)|\d+ of \d+ (?:values|counts)")
# Elements of arrays are compared only where a match is no chance: from this many digits on.
_DIGITS = 4


class Watched:
    """A box that remembers what it was asked."""

    def __init__(self, box: BoxLike) -> None:
        self._box = box
        self.questions: list[tuple[str, str, dict[str, str], dict[str, Any]]] = []

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        self.questions.append((source, function, names, data))
        return self._box.ask(source, function, names, data)

    def hidden_values(self, reference: BoxLike) -> Iterator[Any]:
        """The data of all questions, and the reference's answers to them."""
        for question in self.questions:
            yield question[-1]
            try:
                yield reference.ask(*question)
            except StudentFault:  # it was asked what only the student's notebook has
                continue


def hidden_numbers_in(text: str, hidden: Iterator[Any], graders: Path) -> list[str]:
    """The numbers of a hint that give a hidden one away."""
    said = {token.rstrip(",") for token in _NUMBER.findall(_OWN.sub("", text))}
    said -= _numbers_of_the_graders(graders) | _numbers_of_the_graders(_LIBRARY)
    if not said:
        return []
    scalars: set[float] = set()
    arrays: list[np.ndarray[Any, Any]] = []
    for value in hidden:
        _collect(value, scalars.add, arrays.append)
    return sorted(token for token in said if _known(token, scalars, arrays))


def _known(token: str, scalars: set[float], arrays: list[np.ndarray[Any, Any]]) -> bool:
    value = float(token.replace(",", ""))
    mantissa, _, exponent = token.replace(",", "").partition("e")
    decimals = len(mantissa.partition(".")[2])
    room = 0.5 * 10.0 ** (int(exponent or 0) - decimals)
    if any(abs(abs(scalar) - value) <= room for scalar in scalars):
        return True
    if len(mantissa.replace(".", "").lstrip("0")) < _DIGITS:
        return False
    return any(bool((np.abs(np.abs(array) - value) <= room).any()) for array in arrays)


def _collect(
    value: Any, scalar: Callable[[float], None], array: Callable[[np.ndarray[Any, Any]], None]
) -> None:
    if isinstance(value, bool | str) or value is None:
        return
    if isinstance(value, int | float | np.integer | np.floating):
        scalar(float(value))
    elif isinstance(value, torch.Tensor | np.ndarray):
        numbers = np.asarray(value).astype(np.float64).ravel()
        if numbers.size == 1:
            scalar(float(numbers[0]))
        array(numbers)
    elif isinstance(value, dict):
        for part in value.values():
            _collect(part, scalar, array)
    elif isinstance(value, list | tuple):
        for part in value:
            _collect(part, scalar, array)


@functools.cache
def _numbers_of_the_graders(folder: Path) -> frozenset[str]:
    """The numbers in the graders' own texts, which are the same for every challenge."""
    texts = [
        node.value
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return frozenset(token.rstrip(",") for text in texts for token in _NUMBER.findall(text))
