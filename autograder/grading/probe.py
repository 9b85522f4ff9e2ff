"""Probes: short functions that are shipped into the box as source.

A probe's parameters are either data that the grader sends, or names that the student's notebook
defines; everything else it must bring along, by imports in its body or by `uses`. What a probe
carries can be read in the box, so it carries no answers. Comments and docstrings stay here.

The same probe can be called here with the *reference* functions: that is how the expected values of
the training graders are made, and why both sides compute exactly the same thing.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, overload
from weakref import WeakKeyDictionary


class Probe:
    """A function to run in the box; made by the decorator `probe`, or from another one by `with_`."""

    def __init__(
        self,
        function: Callable[..., Any],
        uses: tuple[Callable[..., Any], ...] = (),
        given: Mapping[str, Callable[..., Any]] | None = None,
        called: Mapping[str, str] | None = None,
    ) -> None:
        self._whole, self._uses = function, uses
        self._given, self.called = dict(given or {}), dict(called or {})
        self.function = functools.partial(function, **self._given) if self._given else function
        self.name = function.__name__
        parameters = inspect.signature(function).parameters
        self.parameters = tuple(name for name in parameters if name not in self._given)
        self.required = tuple(
            name for name in self.parameters if parameters[name].default is inspect.Parameter.empty
        )
        parts = dict.fromkeys((*uses, *self._given.values(), function))
        names = Counter(part.__name__ for part in parts)
        if twice := [name for name, number in names.items() if number > 1]:
            raise ValueError(
                f"The probe {self.name} would be shipped with two functions of the name {twice[0]}, and one "
                "would hide the other. Rename yours."
            )
        source = "\n\n".join(_shippable_source(part) for part in parts)
        if self._given:
            given_names = ", ".join(f"{name}={part.__name__}" for name, part in self._given.items())
            bound = f"functools.partial({self.name}, {given_names})"
            source = f"{source}\n\nimport functools\n{self.name} = {bound}"
        _refuse_unbound_names(source, self.name)
        self.source = with_torchs_defaults(source, self.name)
        self.__doc__ = function.__doc__

    def with_(
        self, *, uses: tuple[Callable[..., Any], ...] = (), **given: Callable[..., Any] | str
    ) -> Probe:
        """The same probe with some parameters settled.

        Args:
            uses: helpers of the functions that are given, shipped with them.
            given: for a parameter, a function that is shipped and passed; or, as a string, the name
                that the student's notebook has for it.

        Raises:
            ValueError: for a parameter that the probe has not, or a function without a name.
        """
        for name, value in given.items():
            if name not in self.parameters:
                raise ValueError(f"{self!r} has no parameter {name} to settle.")
            if not isinstance(value, str) and not value.__name__.isidentifier():
                raise ValueError(
                    f"{self!r}: what is given for {name} should be a function with a name (def), since "
                    "its source goes into the box."
                )
        functions = {name: part for name, part in given.items() if not isinstance(part, str)}
        called = {name: part for name, part in given.items() if isinstance(part, str)}
        return Probe(
            self._whole,
            (*self._uses, *uses),
            {**self._given, **functions},
            {**self.called, **called},
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the probe here. For reference functions only, never for a student's."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<probe {self.name}({', '.join(self.parameters)})>"


@overload
def probe(function: Callable[..., Any]) -> Probe: ...
@overload
def probe(*, uses: tuple[Callable[..., Any], ...]) -> Callable[[Callable[..., Any]], Probe]: ...
def probe(
    function: Callable[..., Any] | None = None, *, uses: tuple[Callable[..., Any], ...] = ()
) -> Probe | Callable[[Callable[..., Any]], Probe]:
    """Make a function a probe; `uses` names helper functions that are shipped with it.

    Raises:
        ValueError: when the function needs a module-level name, which the box would not have.
    """
    if function is not None:
        return Probe(function)
    return lambda decorated: Probe(decorated, uses)


def with_torchs_defaults(source: str, name: str) -> str:
    """Source that defines the function `name`, so that it runs as in a notebook that has set nothing."""
    return f"{source}\n\n{_shippable_source(_as_torch_began)}\n\n{name} = _as_torch_began({name})"


def _as_torch_began(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call the function with float32 as torch's default type, and with gradients.

    A cell of the student's own may have set another type, or switched gradients off. Then the networks and
    numbers of a probe would not be those that it is compared with, and right functions would fail.
    """
    import functools
    import sys

    @functools.wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is None:
            return function(*args, **given)
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            with torch.enable_grad():
                return function(*args, **given)
        finally:
            torch.set_default_dtype(before)

    return call


_sources: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()  # to read one takes long


def _shippable_source(function: Callable[..., Any]) -> str:
    if function not in _sources:
        _sources[function] = _shippable(inspect.getsource(function))
    return _sources[function]


@lru_cache(maxsize=1024)  # a worker imports the same graders for one submission after the other
def _shippable(source: str) -> str:
    tree = ast.parse(textwrap.dedent(source))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    definition.decorator_list = []
    tree = _WithoutAnnotations().visit(tree)
    for node in ast.walk(tree):
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(tree))


class _WithoutAnnotations(ast.NodeTransformer):
    """Annotations may name what the box does not have; nothing there needs them."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return ast.Assign([node.target], node.value)


@lru_cache(maxsize=1024)
def _refuse_unbound_names(source: str, name: str) -> None:
    """Refuse a probe that would end in a NameError in the box."""
    import symtable

    table = symtable.symtable(source, f"<probe {name}>", "exec")
    defined = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_assigned() or symbol.is_namespace() or symbol.is_imported()
    }

    def unbound(scope: symtable.SymbolTable) -> set[str]:
        names = {
            symbol.get_name()
            for symbol in scope.get_symbols()
            if symbol.is_global() and symbol.is_referenced()
        }
        return names.union(*(unbound(child) for child in scope.get_children()))

    missing = sorted(unbound(table) - defined - set(dir(builtins)))
    if missing:
        raise ValueError(
            f"The probe {name} uses {', '.join(missing)}, which it does not bring along. Import it in "
            "the probe's body, pass it as data, or name it in @probe(uses=(...))."
        )
