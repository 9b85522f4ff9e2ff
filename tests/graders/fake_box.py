"""A stand-in for the box that runs everything in this process: for developing graders only.

It has no wall. Only the repository's own cases may be run in it, never a student's notebook. Data
crosses as it does on the real wire, through `plain_data`.
"""

from __future__ import annotations

import traceback
import types
import warnings
from typing import Any

import torch

from autograder import plain_data
from autograder.errors import BadReply, NameMissing, StudentRaised


class FakeBox:
    """Answers probes from a namespace in which a notebook's cells were executed."""

    def __init__(self, cells: dict[str, str]) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        for name, source in cells.items():
            exec(compile(source, f"<cell {name}>", "exec"), self.namespace)

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        """See `autograder.grading.student.BoxLike`."""
        given = dict(plain_data.loads(plain_data.dumps(data)))
        for parameter, name in names.items():
            if name not in self.namespace:
                raise NameMissing(name)
            given[parameter] = self.namespace[name]
        module = types.ModuleType("probe")
        threads = torch.get_num_threads()
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
            finally:
                torch.set_num_threads(threads)  # the process is ours as well
        try:
            return plain_data.loads(plain_data.dumps(value))
        except plain_data.CodecError as error:
            raise BadReply(str(error)) from None
