"""What the warm process imports for an assignment besides: where it is there, and starts no thread."""

from __future__ import annotations

from autograder.sandbox import BoxSettings, open_box
from tests.sandbox.test_nothing_is_left import LIGHT

SHOW = "import sys\nprint('colorsys' in sys.modules)"
# ipykernel's own list of all modules, for which a fork would copy some pages of each.
LIST = """
import ipykernel.ipkernel
print(getattr(get_ipython().kernel, "_kernel_modules", []), ipykernel.ipkernel.sys is sys)
"""


def test_what_is_there_is_imported_and_what_is_not_costs_nothing() -> None:
    settings = BoxSettings(warm_imports=LIGHT, warm_besides=["no_such_module", "colorsys"])
    with open_box(settings, [SHOW, LIST], torch=False) as box:
        imported, listed = (run.outputs[0]["text"] for run in box.run_cells())
    assert imported == "True\n"
    assert listed == "[] True\n"


def test_a_package_that_starts_threads_is_left_to_the_notebooks() -> None:
    """NumPy's library of linear algebra starts one for each that it may use but the first."""
    settings = BoxSettings(warm_imports=LIGHT, warm_besides=["colorsys", "numpy"], threads=2)
    with open_box(settings, [SHOW], torch=False) as box:
        assert box.run_cells()[0].outputs[0]["text"] == "False\n"
