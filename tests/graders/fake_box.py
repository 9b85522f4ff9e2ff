"""A stand-in for the box that runs everything in this process: for developing graders only.

It has no wall. Only the repository's own cases may be run in it, never a student's notebook. Data
crosses as it does on the real wire, through `plain_data`.
"""

from __future__ import annotations

import contextlib
import traceback
import types
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from autograder import plain_data
from autograder.errors import BadReply, NameMissing, StudentRaised


@contextlib.contextmanager
def _defaults(dtype: torch.dtype, gradients: bool) -> Iterator[None]:
    """The process is ours as well: what a notebook makes torch's default holds in its box alone."""
    before, with_gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        yield
    finally:
        torch.set_default_dtype(before)
        torch.set_grad_enabled(with_gradients)


class FakeBox:
    """Answers probes from a namespace in which a notebook's cells were executed."""

    def __init__(self, cells: dict[str, str]) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self._cells = {f"<cell {name}>": source for name, source in cells.items()}
        with _defaults(torch.float32, True):
            for name, source in self._cells.items():
                exec(compile(source, name, "exec"), self.namespace)
            self._defaults = torch.get_default_dtype(), torch.is_grad_enabled()

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        """See `autograder.grading.student.BoxLike`."""
        given = dict(plain_data.loads(plain_data.dumps(data)))
        for parameter, name in names.items():
            if name not in self.namespace:
                raise NameMissing(name)
            given[parameter] = self.namespace[name]
        module = types.ModuleType("probe")
        threads = torch.get_num_threads()
        with warnings.catch_warnings(), _defaults(*self._defaults):
            warnings.simplefilter("ignore")
            try:
                exec(compile(source, f"<probe {function}>", "exec"), module.__dict__)
                value = getattr(module, function)(**given)
            except Exception as error:
                where = ""
                for frame in traceback.extract_tb(error.__traceback__):
                    cell = self._cells.get(frame.filename)
                    if cell is not None:
                        line = cell.splitlines()[(frame.lineno or 1) - 1].strip()
                        where = f"in `{frame.name}`, line {frame.lineno} of its cell: `{line}`"
                raise StudentRaised(type(error).__name__, str(error)[:300], where) from None
            finally:
                torch.set_num_threads(threads)  # the process is ours as well
        try:
            return plain_data.loads(plain_data.dumps(value))
        except plain_data.CodecError as error:
            raise BadReply(str(error)) from None
