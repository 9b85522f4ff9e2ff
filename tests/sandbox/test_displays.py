"""What a kernel in the box shows of figures and of displays that change, cell by cell."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.sandbox import BoxSettings, open_box

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


def shown(*cells: str) -> list[list[dict[str, Any]]]:
    with open_box(BoxSettings(), cells) as box:
        return [run.outputs for run in box.run_cells()]


def words(outputs: list[dict[str, Any]]) -> list[str]:
    return [output.get("text") or output["data"]["text/plain"] for output in outputs]


LIVE = {
    "the notebook's": "%matplotlib notebook",
    "by its other name": "%matplotlib nbagg",
    "a widget": "%matplotlib widget",
    "a window": "%matplotlib qt",
    "by matplotlib": "import matplotlib\nmatplotlib.use('TkAgg')",
    "by matplotlib, in a page": "import matplotlib\nmatplotlib.use('nbagg')",
    "by pyplot": "import matplotlib.pyplot as plt\nplt.switch_backend('WebAgg')",
}


@pytest.mark.parametrize("asked", LIVE.values(), ids=LIVE)
def test_a_figure_that_asks_for_a_screen_is_a_picture(asked: str) -> None:
    first, second = shown(asked + "\ndone = True", PLOT)
    assert [output["output_type"] for output in first] == ["stream"]
    assert "Figures are drawn as pictures here" in first[0]["text"]
    assert "image/png" in second[0]["data"]


QUIET = {"inline": "%matplotlib inline", "no word": "", "again": "%matplotlib inline\n" * 2}


@pytest.mark.parametrize("asked", QUIET.values(), ids=QUIET)
def test_other_figures_are_as_they_were(asked: str) -> None:
    first, second = shown(asked, PLOT)
    assert first == []
    assert "image/png" in second[0]["data"]


def test_one_that_asks_for_no_pictures_gets_none() -> None:
    first, second = shown("import matplotlib\nmatplotlib.use('agg')", PLOT)
    assert first == []
    assert "image/png" not in str(second)


def test_a_display_shows_its_last_state() -> None:
    first, second = shown(
        "a = display('one', display_id=True)\nb = display('x', display_id='b')\na.update('two')",
        "display('y', display_id='b')\na.update('three')",
    )
    assert words(first) == ["'three'", "'y'"]
    assert words(second) == ["'y'"]


def test_a_figure_that_grows_is_shown_as_it_was_last() -> None:
    draw = "ax.plot([0, 1])\nhandle.update(figure)"
    start = (
        "import matplotlib.pyplot as plt\nfigure, ax = plt.subplots()\n"
        "handle = display(figure, display_id=True)\nplt.close()"
    )
    (alone,), *_ = shown(start)
    (grown,), *_ = shown(start, draw)
    assert grown["data"]["image/png"] != alone["data"]["image/png"]


def test_a_loop_that_clears_shows_its_last_round() -> None:
    loop = (
        "from IPython.display import clear_output\n"
        "for n in range(5):\n    clear_output(wait=True)\n    display(n)\n    print('epoch', n)"
    )
    (outputs,) = shown(loop)
    assert words(outputs) == ["4", "epoch 4\n"]


def test_a_progress_bar_shows_its_end() -> None:
    bar = "from tqdm import tqdm\nfor _ in tqdm(range(3), mininterval=0): pass"
    (outputs,) = shown(bar)
    assert [text.count("\r") for text in words(outputs)] == [0]
    assert words(outputs)[0].count("|") == 2, "one bar"
    assert "100%" in words(outputs)[0]
