"""Syntax of newer Pythons is known, whichever this one is, and nothing else is taken for it."""

from __future__ import annotations

import sys

import pytest

from autograder.course.newer_python import explains_error, newest_syntax, say_of_notebook

OLD = (3, 11)

NEWER = {
    'x = f"{a["b"]}"': (3, 12),
    'print(f"{"\\n".join(x)}")': (3, 12),
    r"""x = f"{'\n'.join(a)}" """: (3, 12),
    r"""rf"{re.sub('\d', '', a)}" """: (3, 12),
    r"""f"{x:{'\t'}>4}" """: (3, 12),
    "x = f'''{a['b']} {'''c'''}'''": (3, 12),
    'f"{x # a word\n}"': (3, 12),
    '%time\nx = f"{d["a"]:.2f}"\n!ls': (3, 12),
    'def f[T](x: T) -> list[T]:\n    return f"{x}"': (3, 12),
    "class A[T](B):\n    pass": (3, 12),
    "type X = int\ntype Y[T] = list[T]": (3, 12),
    "def f[T = int](x: T): pass": (3, 13),
    "try:\n    a\nexcept A, b.C:\n    b": (3, 14),
    'x = t"a{b}"': (3, 14),
}


@pytest.mark.parametrize("source", NEWER)
def test_a_newer_form_is_known(source: str) -> None:
    assert newest_syntax(source, OLD) == NEWER[source]
    assert explains_error(source, OLD) == NEWER[source]
    assert newest_syntax(source, NEWER[source]) is None, "not newer than itself"
    assert explains_error(f"{source}\n)", OLD) is None, "something else is wrong, too"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python is not older")
@pytest.mark.parametrize("source", [source for source in NEWER if "%" not in source])
def test_each_newer_form_is_an_error_here(source: str) -> None:
    with pytest.raises(SyntaxError):
        compile(source, "cell", "exec")


SAME = [
    "x = f\"{d['a']}\" 'f\"'",
    'f"{x!r:>{w}} {{a}}" + f"{x:%H:%M}"',
    "rf'{a}\\d{{3}}'",
    'f"\\N{EN DASH} {(lambda x: 1)(2)} {x:=5}"',
    'f"{a}"[0]',
    r"""f"{x}\n{'#'}" """,
    '"it\'s"  # f"{"\nd = f"{x}"',
    "type = 3\ntype(x)\nx = type\n",
    "try:\n    pass\nexcept (A, B):\n    pass",
    "'''\ndef f[T](x): pass\ntype X = int\n'''",
    "class A: pass\nx = A[0]\nmatch = 1",
]


@pytest.mark.parametrize("source", SAME)
def test_what_old_pythons_know_is_not_taken_for_newer(source: str) -> None:
    compile(source, "cell", "exec")
    assert newest_syntax(source, OLD) is None


@pytest.mark.parametrize(
    "source",
    [
        "def f(x:\n  pass",
        'print "hello"',
        "try:\n    a\nexcept ValueError, e:\n    b",  # Python 2
        'f"{"unclosed',
        'f"{' * 5000,
        "(" * 5000 + 'f"{a["b"]}"',
        "-" * 5000 + 'f"{a["b"]}"',
        "x" * 200_000,
    ],
)
def test_a_plain_mistake_is_not_excused(source: str) -> None:
    assert explains_error(source, OLD) is None


def test_a_notebook_says_it_once_and_what_it_was_run_with() -> None:
    future = 'x = t"{a}"'
    if sys.version_info >= (3, 14):
        assert list(say_of_notebook([future], "3.14.1")) == []
        return
    (text,) = say_of_notebook(["x = 1", future, future], "3.14.1")
    assert "2 cells are written for Python 3.14 or newer" in text
    assert "it was run with Python 3.14.1" in text
    assert "says" not in next(say_of_notebook([future], ""))
    assert list(say_of_notebook(["x = 1"], "3.14.1")) == []
