"""What a student's function has drawn, for all assignments: what goes into the box with a probe, and what
opens the reply."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.grading import Floats, describe, expect, fields, sequence


def axes_drawn(draw: Any, look: Any) -> Any:
    """What `look(axes, figure)` sees in the figure that `draw()` returns. Shipped into the box.

    Axes of which it sees nothing (None) are left out.
    """
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    plt.switch_backend("agg")
    try:
        figure = draw()
        if not isinstance(figure, Figure):
            return {"figure": figure, "axes": []}
        seen = [look(axis, figure) for axis in figure.axes]
        return {"figure": "a figure", "axes": [axis for axis in seen if axis is not None]}
    finally:
        plt.close("all")


def points_drawn(axis: Any) -> Any:
    """The points (n, 2) of each line and of each cloud in an axes. Shipped into the box."""
    import numpy as np

    points = [np.asarray(line.get_xydata(), float) for line in axis.lines]
    return points + [np.asarray(marks.get_offsets(), float) for marks in axis.collections]


def axes_in(reply: Any, function: str, *names: str) -> list[dict[str, Any]]:
    """The axes that a probe by `axes_drawn` has seen, each with these fields.

    Args:
        function: the student's, for messages.
    """
    reply = fields(reply, "figure", "axes")
    expect(
        isinstance(reply["figure"], str) and reply["figure"] == "a figure",
        f"{function} should return the Figure; yours returns {describe(reply['figure'])}.",
    )
    return [fields(axis, *names) for axis in sequence(reply["axes"], "The axes")]


def points_in(axis: dict[str, Any]) -> list[Floats]:
    """The points (n, 2) of everything drawn in the axes."""
    return [
        points
        for points in sequence(axis["points"], "The points")
        if isinstance(points, np.ndarray) and points.ndim == 2 and points.dtype.kind == "f"
    ]


def draws(axis: dict[str, Any], values: Any, atol: float = 0.0) -> bool:
    """Whether something in the axes runs through the values at 1, 2, …."""
    wanted = np.stack([np.arange(1, len(values) + 1), values], axis=1)
    return any(
        points.shape == wanted.shape
        and np.allclose(points[np.argsort(points[:, 0])], wanted, rtol=1e-4, atol=atol)
        for points in points_in(axis)
    )
