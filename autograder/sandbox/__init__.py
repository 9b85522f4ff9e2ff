"""Where a student's code runs: the box, and the small interface to it.

`open_box` is all that the rest of the kit uses: it runs a notebook's cells behind the wall and then
answers probes about what they defined. How the wall is built is `wall`'s business, how a kernel is
started `kernel`'s, how it is talked to `driver`'s.
"""

from autograder.sandbox.box import Box, open_box
from autograder.sandbox.driver import CellRun
from autograder.sandbox.forms import check_wall
from autograder.sandbox.settings import BoxSettings

__all__ = ["Box", "BoxSettings", "CellRun", "check_wall", "open_box"]
