"""What is shipped into the box, and the fresh inputs that each hidden test gets."""

from __future__ import annotations

import builtins
import contextlib
import itertools
from typing import Any

import numpy as np
import pytest
import torch

from autograder.grading import Challenge, Student, probe
from autograder.grading.probe import Probe, with_torchs_defaults

ELSEWHERE = 3


def helper(x: int) -> int:
    """Helps. The answer is 42."""
    return x + 1  # the answer is 42


@probe(uses=(helper,))
def with_much_to_hide(double: Any, x: np.ndarray[Any, Any] = None) -> dict[str, Any]:  # type: ignore[assignment]
    """Says the answer: 42."""
    # a comment with the answer: 42
    import math

    class Inner:
        """A docstring with the answer: 42."""

        value: int = 5
        declared: NoSuchType  # type: ignore[name-defined]  # noqa: F821

        def method(self) -> NoSuchType:  # type: ignore[name-defined]  # noqa: F821
            """The answer: 42."""
            return self.value

    async def inner(y: NoSuchType) -> NoSuchType:  # type: ignore[name-defined]  # noqa: F821
        """The answer: 42."""
        return y

    local: NoSuchType = [part for part in (1, 2)]  # type: ignore[name-defined]  # noqa: F821
    return {"seen": double(helper(math.floor(2.5))), "local": local, "inner": Inner().method()}


def run_shipped(shipped: Probe, **given: Any) -> Any:
    """Run a probe's source as the box does: in a namespace of its own."""
    namespace: dict[str, Any] = {"__builtins__": builtins}
    exec(compile(shipped.source, "<probe>", "exec"), namespace)
    return namespace[shipped.name](**given)


def test_comments_docstrings_and_annotations_stay_here() -> None:
    assert "42" not in with_much_to_hide.source
    assert "NoSuchType" not in with_much_to_hide.source
    assert "->" not in with_much_to_hide.source


def test_what_is_shipped_runs_on_its_own() -> None:
    seen = run_shipped(with_much_to_hide, double=lambda x: 2 * x)
    assert seen == {"seen": 6, "local": [1, 2], "inner": 5}


def test_a_name_that_the_probe_does_not_bring_along_is_refused() -> None:
    with pytest.raises(ValueError, match="ELSEWHERE"):

        @probe
        def refused(x: int) -> int:
            return x + ELSEWHERE


def test_a_name_used_only_in_an_inner_function_is_refused_too() -> None:
    with pytest.raises(ValueError, match="np, which"):

        @probe
        def refused(x: int) -> Any:
            return [(lambda: np.zeros(n))() for n in range(x)]


def test_a_default_value_from_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="ELSEWHERE"):

        @probe
        def refused(x: int = ELSEWHERE) -> int:
            return x


class RecordingBox:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        del source
        self.asked.append((function, names, data))


def test_parameters_without_data_are_the_students_names() -> None:
    box = RecordingBox()
    Student(box).run(with_much_to_hide, x=1)
    assert box.asked == [("with_much_to_hide", {"double": "double"}, {"x": 1})]


def test_a_parameter_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(TypeError, match="no parameter z"):
        Student(RecordingBox()).run(with_much_to_hide, z=1)


def test_a_call_by_name_asks_for_that_name() -> None:
    box = RecordingBox()
    Student(box).double(3, times=2)
    assert box.asked == [("call", {"function": "double"}, {"args": [3], "kwargs": {"times": 2}})]


def test_private_names_are_never_asked_for() -> None:
    student = Student(RecordingBox())
    for name in ("_wire", "__wrapped__", "_pytestfixturefunction"):
        assert not hasattr(student, name)


PLACES = list(itertools.product((b"s1", b"s2"), ("h1", "h2"), ("test_a", "test_b", "test_a[0]")))


def test_the_same_submission_gets_the_same_challenge() -> None:
    for place in PLACES:
        first, second = Challenge(*place), Challenge(*place)
        assert first.seed == second.seed
        assert np.array_equal(first.images(2, 4), second.images(2, 4))


def test_another_secret_submission_or_test_gets_another_challenge() -> None:
    assert len({Challenge(*place).seed for place in PLACES}) == len(PLACES)
    draws = {Challenge(*place).rng.random(4).tobytes() for place in PLACES}
    assert len(draws) == len(PLACES)


def test_submission_and_test_do_not_run_into_each_other() -> None:
    assert Challenge(b"s", "ab", "c").seed != Challenge(b"s", "a", "bc").seed


def test_a_challenge_is_the_same_today_as_when_it_was_fixed() -> None:
    """Marks must repeat after an update: neither digest nor generator may change unnoticed."""
    challenge = Challenge(b"secret", "hand-in", "test_it")
    assert challenge.seed == 2017688754
    assert challenge.rng.integers(0, 1000, 3).tolist() == [606, 704, 351]


def test_images_are_of_the_promised_form() -> None:
    images = Challenge(b"s", "h", "t").images(3, 8)
    assert images.shape == (3, 3, 8, 8)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() < 1


@pytest.mark.parametrize("body", ["return 1", "raise ValueError"])
def test_a_probe_leaves_the_notebooks_own_defaults_as_they_were(body: str) -> None:
    names: dict[str, Any] = {}
    text = f"def seen():\n    import torch\n    kinds.append(torch.ones(1).dtype)\n    {body}"
    exec(with_torchs_defaults(text, "seen"), names)
    kinds = names["kinds"] = list[torch.dtype]()
    try:
        torch.set_default_dtype(torch.float64)
        with torch.no_grad(), contextlib.suppress(ValueError):
            names["seen"]()
        after = torch.get_default_dtype()
    finally:
        torch.set_default_dtype(torch.float32)
    assert (kinds, after) == ([torch.float32], torch.float64)
