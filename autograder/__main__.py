"""``python -m autograder``: the same command line as ``autograder``."""

import os
import sys
from pathlib import Path

# Python looks for modules in the current folder first, and that may be a submission's.
if Path(__file__).parents[1] != Path.cwd():
    sys.path[:] = [place for place in sys.path if place not in ("", os.getcwd())]  # noqa: PTH109

from autograder.cli import main

if __name__ == "__main__":
    main()
