"""A kernel that something outside of its box kills: that is nobody's limit, and is told apart."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from autograder.errors import BoxFailed
from autograder.sandbox import BoxSettings, open_box, warm
from autograder.sandbox.settings import BUBBLEWRAP, BUBBLEWRAP_PROC
from tests.sandbox.here import FORM, needs
from tests.sandbox.test_gpu import LIGHT


@pytest.fixture(scope="module")
def settings() -> Iterator[BoxSettings]:
    made = BoxSettings(warm_imports=LIGHT)
    if warm.warm_trouble(FORM) is not None:
        pytest.skip("kernels cannot be forked here, and of others nobody can tell")
    yield made
    warm.close_warm_processes()


@needs(
    BUBBLEWRAP,
    BUBBLEWRAP_PROC,
    why="a kernel can do that to itself; the system's own count of whom it killed for memory tells",
)
def test_it_is_our_failure(settings: BoxSettings) -> None:
    with open_box(settings, ["1 + 1", "import time; time.sleep(30)"]) as box:

        def kill() -> None:
            while len(box.runs) < 1 or box._driver is None:
                time.sleep(0.01)
            time.sleep(0.2)
            box._driver._kernel.signal(signal.SIGKILL)  # as the system's own killer does

        threading.Thread(target=kill).start()
        with pytest.raises(BoxFailed, match="outside of the box killed"):
            box.run_cells()


@pytest.mark.parametrize(
    "cell",
    [
        "import os; os._exit(0)",
        "import os; os._exit(9)",
        "import os; os.abort()",
        # No effect on the first process of a pid namespace, from within; then it ends otherwise.
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL); os._exit(137)",
        "import ctypes; ctypes.string_at(0)",
    ],
)
def test_what_a_notebook_does_to_itself_is_its_own(settings: BoxSettings, cell: str) -> None:
    with open_box(settings, [cell, "x = 1"]) as box:
        first, second = box.run_cells()
    assert (first.status, first.limit) == ("limit", "kernel"), first.message
    assert second.status == "ok"


def test_many_kernels_that_end_as_they_should_are_not_taken_for_killed_ones(
    settings: BoxSettings,
) -> None:
    """Each is ended by SIGKILL when its box is closed; numbers of processes come again."""
    for _ in range(5):
        with open_box(settings, ["import os; os._exit(1)"]) as box:
            assert box.run_cells()[0].limit == "kernel"
