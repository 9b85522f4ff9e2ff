"""What a cell's text tells of its names, and how long those may take that call what did not end."""

from __future__ import annotations

import pytest

from autograder.sandbox.names import Calls, bound_names, free_names, given_names, run_names
from autograder.sandbox.pace import Pace

CELL = '''
"""mentions quoted, and # no comment"""
from a import b as c, d
import e.f  # and not commented
%matplotlib inline
x, y = 1, "quoted"
z: int = g(x)
if x == y: pass
for i, j in h(): k.attribute = 1
with m() as n:
    inner = 2

@o
def p(q, r: s = "'", *t):
    """Docstring of `docstring`."""
    return u(q) + lambda_(lambda v: v)

class W(Z):
    pass
'''


def test_the_names_of_a_cell_are_told_from_its_text() -> None:
    bound = bound_names(CELL)
    assert {"c", "d", "e", "x", "y", "z", "i", "j", "n", "inner", "p", "W"} <= bound
    assert not bound & {"quoted", "commented", "comment", "docstring", "attribute", "g", "k", "u"}
    free = free_names(CELL)
    assert {"g", "h", "k", "m", "o", "u", "Z"} <= free
    assert not free & {"q", "r", "t", "v", "x", "p", "quoted", "docstring", "attribute"}
    run = run_names(CELL)
    assert {"g", "h", "m"} <= run
    assert not run & {"u", "docstring"}, "that is asked for when the function is called"
    assert "inner" in given_names(CELL)
    assert not given_names(CELL) & {"q", "v", "k"}
    assert not given_names("def p():\n    x = 1\n\n    import y") & {"x", "y"}
    for text in ("from math import *", "%run x.py", "exec(x)", "globals().update(x)"):
        assert "*" in bound_names(text)
    assert "*" not in bound_names("'%run x.py'")
    assert free_names("f(a,\n  b = 1, c=d == e)") == {"f", "a", "d", "e"}


@pytest.mark.parametrize(
    "text",
    [
        " " * 10**6,
        "def f(" * 10**5,
        "'''\"\"\"" * 10**5,
        "a, " * 10**6,
        "," + " " * 10**6,
        "lambda " * 10**5,
        '"' + '\\"' * 10**6,  # a string that does not end, and quotes in it
        "'\\" * 10**6,
    ],
)
def test_any_text_is_read_at_once(text: str) -> None:
    """Read in a time that grows faster than the text does, these would take hours."""
    assert free_names(text) <= {"f", "a", "def", "lambda"}
    assert given_names(text) <= {"f", "def"}
    Calls([text]).reached_from({"f"})


def test_calls_are_followed() -> None:
    calls = Calls(["def a(): b()", "b = 1\nasync def c(d):\n    return a(d)", "def d(): 'c()'"])
    assert {"a", "b", "c"} <= calls.reached_from({"c"})
    assert calls.reached_from({"d"}) == {"d", "def"}


CELLS = ["def f(): pass", "f()", "def g(): f()", "g()", "def h(): pass", "def i():\n    g()\nh()"]


def test_who_calls_what_hung_gets_a_part_of_the_time() -> None:
    pace = Pace(CELLS, blamed={1: frozenset({"f"})})
    assert pace.for_names({"g"}, 60.0) == 60.0
    pace.cell_hung(3)  # nobody is to blame for a student's own cell
    assert [pace.for_cell(number, 60.0) for number in range(6)] == [60.0] * 6
    pace.cell_hung(1)
    assert [pace.for_cell(number, 60.0) for number in range(6)] == [60, 3, 60, 3, 60, 60]
    assert [pace.for_names({name}, 60.0) for name in "fghi"] == [3, 3, 60, 3]
    assert pace.for_names({"f"}, 4.0) == 1.0, "a part of a short time is too little for anybody"
    assert pace.for_names({"f"}, 0.5) == 0.5


def test_a_function_whose_check_ends_gets_its_time_back() -> None:
    pace = Pace(CELLS, {0: frozenset({"f"}), 1: frozenset({"f"})}, {1: frozenset({"f"})})
    pace.cell_hung(0)
    assert pace.for_cell(1, 60.0) == 3.0
    pace.cell_ended(1)
    assert pace.for_names({"f"}, 60.0) == 60.0


def test_a_probe_that_does_not_end_blames_the_functions_that_it_got() -> None:
    pace = Pace(CELLS)
    pace.names_hung({"g"})
    assert [pace.for_names({name}, 60.0) for name in "fghi"] == [60, 3, 60, 3]


def test_a_function_that_its_check_cleared_is_not_blamed_again() -> None:
    """A second box leaves the check out; the cell is as long there as it was before."""
    blamed = {0: frozenset({"f"}), 1: frozenset({"f"})}
    pace = Pace(CELLS, blamed, checks={1: frozenset({"f"})})
    pace.cell_hung(0)
    assert pace.for_names({"f"}, 60.0) == 3.0
    pace.cell_ended(1)
    pace.cell_hung(0)
    assert pace.for_names({"f"}, 60.0) == 60.0
    pace.names_hung({"f"})
    assert pace.for_names({"f"}, 60.0) == 3.0, "a hidden test knows better"
