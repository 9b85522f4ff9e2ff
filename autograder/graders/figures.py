"""Probes that let a student's function draw, and send what was drawn."""

from __future__ import annotations

from typing import Any

from autograder.grading import probe


@probe
def drawn_history(plot_history: Any, history: Any) -> Any:
    """The axes of the figure: their labels and the points of everything drawn in them."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    plt.switch_backend("agg")
    try:
        figure = plot_history(history)
        if not isinstance(figure, Figure):
            return {"figure": figure, "axes": []}
        axes = []
        for axis in figure.axes:
            points = [np.asarray(line.get_xydata(), float) for line in axis.lines]
            points += [np.asarray(marks.get_offsets(), float) for marks in axis.collections]
            bars = [
                (bar.get_x() + bar.get_width() / 2, bar.get_height())
                for bar in axis.patches
                if isinstance(bar, Rectangle)
            ]
            points.append(np.array(bars, float).reshape(-1, 2))
            axes.append({"ylabel": axis.get_ylabel(), "points": points})
        return {"figure": "a figure", "axes": axes}
    finally:
        plt.close("all")


@probe
def drawn_change(plot_kernel_change: Any, before: Any, after: Any) -> Any:
    """The axes that show a picture: title, picture, and place (top first, then left)."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.figure import Figure

    plt.switch_backend("agg")
    try:
        figure = plot_kernel_change(before, after)
        if not isinstance(figure, Figure):
            return {"figure": figure, "axes": []}
        axes = []
        for axis in figure.axes:
            if axis.images:
                titles = [axis.get_title(loc=loc) for loc in ("center", "left", "right")]
                box = axis.get_position()
                image: Any = np.ma.getdata(np.ma.asarray(axis.images[0].get_array()))
                axes.append(
                    {
                        "title": " ".join(titles).strip(),
                        "image": np.ascontiguousarray(image),
                        "place": [round(-float(box.y1), 2), float(box.x0)],
                    }
                )
        return {"figure": "a figure", "axes": axes}
    finally:
        plt.close("all")
