"""How long a cell or a probe may take, with what is known of the notebook's functions.

A function that does not end costs its time once. After that, whatever calls it gets a twentieth of its
limit: enough for most that is right after all, and too little to hold up the rest of the notebook. Its time
is given back when its check in the notebook ends after all: then the cell before was long for another reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from autograder.sandbox.names import Calls, run_names

_PART = (
    1 / 20
)  # the usual limit is 45 s; what the reference's hidden tests ask takes 0.3 s, but one
_LEAST_S = 1.0


class Pace:
    """What is known of one notebook's functions. Boxes that run the same notebook share it."""

    def __init__(
        self,
        cells: Sequence[str] = (),
        blamed: Mapping[int, frozenset[str]] | None = None,
        checks: Mapping[int, frozenset[str]] | None = None,
    ) -> None:
        """
        Args:
            cells: the sources of the notebook's code cells.
            blamed: by the number of a cell, the functions to blame when it does not end. A cell that is not
                in it, such as a student's own, may have been long for reasons of its own.
            checks: by the number of a cell, the functions that are cleared when it ends.
        """
        self._cells = cells
        self._blamed = blamed or {}
        self._checks = checks or {}
        self._hung: set[str] = set()
        self._cleared: set[str] = set()  # by their checks, which a second look leaves out

    @cached_property
    def _calls(self) -> Calls:
        return Calls(self._cells)  # seldom needed

    def for_cell(self, number: int, wall_s: float) -> float:
        """The time for a cell, of the limit for cells."""
        return self._time(run_names(self._cells[number]), wall_s) if self._hung else wall_s

    def for_names(self, names: Iterable[str], wall_s: float) -> float:
        """The time for a probe that asks for these functions, of the limit for probes."""
        return self._time(names, wall_s)

    def cell_hung(self, number: int) -> None:
        """A cell did not end."""
        self._hung |= self._blamed.get(number, frozenset()) - self._cleared

    def cell_ended(self, number: int) -> None:
        """A cell ran to its end, or raised."""
        self._cleared |= self._checks.get(number, frozenset())
        self._hung -= self._checks.get(number, frozenset())

    def names_hung(self, names: Iterable[str]) -> None:
        """A probe that asked for these functions did not end."""
        self._hung |= set(names)

    def _time(self, names: Iterable[str], wall_s: float) -> float:
        if self._hung and self._hung & self._calls.reached_from(names):
            return min(wall_s, max(_LEAST_S, wall_s * _PART))
        return wall_s
