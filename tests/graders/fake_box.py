"""A stand-in for the box that runs everything in this process: for developing graders only.

It has no wall. Only the repository's own cases may be run in it, never a student's notebook.
"""

from __future__ import annotations

import copy
import traceback
import types
import warnings
from typing import Any

import numpy as np
import torch

from autograder.errors import NameMissing, StudentRaised
from autograder.grading.compare import Opaque


class FakeBox:
    """Answers probes from a namespace in which a notebook's cells were executed."""

    def __init__(self, cells: dict[str, str]) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        for name, source in cells.items():
            exec(compile(source, f"<cell {name}>", "exec"), self.namespace)

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        given = copy.deepcopy(data)
        for parameter, name in names.items():
            if name not in self.namespace:
                raise NameMissing(name)
            given[parameter] = self.namespace[name]
        module = types.ModuleType("probe")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                exec(compile(source, f"<probe {function}>", "exec"), module.__dict__)
                value = getattr(module, function)(**given)
            except Exception as error:
                frames = traceback.extract_tb(error.__traceback__)
                place = [frame.name for frame in frames if frame.filename.startswith("<cell")]
                where = f"in `{place[-1]}`" if place else ""
                raise StudentRaised(type(error).__name__, str(error)[:300], where) from None
        return as_plain(value)


def as_plain(value: Any) -> Any:
    """What the wire would make of a value: exact plain types, tensors copied, the rest opaque."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str) or isinstance(value, np.generic):
        return value
    if kind in (list, tuple):
        return kind(as_plain(entry) for entry in value)
    if kind is dict and all(isinstance(key, str) for key in value):
        return {key: as_plain(entry) for key, entry in value.items()}
    if kind is np.ndarray and value.dtype.kind in "fiub":
        return value.copy()
    if isinstance(value, torch.Tensor) and value.device.type == "cpu" and not value.is_complex():
        return value.detach().as_subclass(torch.Tensor).clone()
    return Opaque(kind.__name__)
