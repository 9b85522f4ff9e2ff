"""The templates of our pages."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader

from autograder.scorecard import counted, points_text


@cache
def template(name: str) -> Any:
    """A page of ours, which escapes all that is not said to be HTML."""
    environment = Environment(
        loader=PackageLoader("autograder.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    environment.filters["points"] = lambda value: "–" if value is None else points_text(value)
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.0%}"
    environment.filters["two"] = lambda value: "–" if value is None else f"{value:.2f}"
    environment.filters["seconds"] = lambda value: f"{value:.1f}"
    return environment.get_template(name)
