"""What a hidden test gets: `student`, the far end of the wire, and `challenge`, its fresh inputs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from autograder.grading.probe import Probe, with_torchs_defaults
from autograder.scorecard import Figure

_CALL = with_torchs_defaults(
    "def call(function, args, kwargs):\n    return function(*args, **kwargs)", "call"
)


class BoxLike(Protocol):
    """What the judge needs of a box: one question at a time."""

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        """Define `source` in the box, call `function` with `data` and with the student's `names`.

        `names` maps a parameter to the name in the student's notebook that it gets.

        Raises:
            StudentFault: for what the submission did (raised, a name missing, a limit, a bad reply).
            BoxFailed: for what the student cannot have caused.
        """


class Student:
    """The student's notebook, as seen from here: ask it something, get plain data back.

    Attributes:
        mistakes_told: what checks before this one have named, so that a mistake is said once.
        figures: what this check has seen by chance, with the thresholds that it asks for; for staff.
    """

    def __init__(self, box: BoxLike) -> None:
        self._box = box
        self.mistakes_told: list[str] = []
        self.figures: list[Figure] = []

    def run(self, probe: Probe, **data: Any) -> Any:
        """Run a probe in the box; parameters that are not in `data` are the student's names.

        Args:
            data: numbers, strings, lists, tuples, dicts, NumPy arrays and tensors, nested at will.
        """
        unknown = set(data) - set(probe.parameters)
        if unknown:
            raise TypeError(f"{probe!r} has no parameter {', '.join(sorted(unknown))}")
        names = {name: probe.called.get(name, name) for name in probe.required if name not in data}
        return self._box.ask(probe.source, probe.name, names, data)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            data = {"args": list(args), "kwargs": dict(kwargs)}
            return self._box.ask(_CALL, "call", {"function": name}, data)

        call.__name__ = name
        return call


class Challenge:
    """Fresh inputs for one test: the same for the same submission, unknown to the student.

    Drawn from the course's secret, the submission's content and the test's name, so that a regrade
    repeats exactly and no submission can know its own.
    """

    def __init__(self, secret: bytes, submission: str, test: str) -> None:
        message = f"{submission}\0{test}".encode()
        self._digest = hmac.new(secret, message, hashlib.sha256).digest()

    @cached_property
    def seed(self) -> int:
        """A seed in [0, 2**31), good for `torch.manual_seed` and everything else."""
        return int.from_bytes(self._digest[:8], "big") % 2**31

    @cached_property
    def rng(self) -> np.random.Generator:
        """A generator of this test's own; its draws depend on the order in which the test asks."""
        return np.random.Generator(np.random.PCG64(int.from_bytes(self._digest, "big")))

    def images(self, count: int, size: int = 32) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Random images in [0, 1), float32, of shape (count, 3, size, size)."""
        return self.rng.random((count, 3, size, size), dtype=np.float32)
