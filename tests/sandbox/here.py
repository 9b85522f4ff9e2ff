"""Which form of the wall the tests' boxes have here, for what differs between them.

It is the strongest unless AUTOGRADER_WALL names another (see tests/conftest.py and docs/CONTRIBUTING.md).
"""

from __future__ import annotations

import os

import pytest

from autograder.sandbox.forms import ONLY
from autograder.sandbox.settings import BUBBLEWRAP

FORM = os.environ.get(ONLY, BUBBLEWRAP)


def needs(*forms: str, why: str) -> pytest.MarkDecorator:
    """For a test of these forms alone.

    Args:
        why: what of it there is none behind other forms, and where that is tried.
    """
    return pytest.mark.skipif(FORM not in forms, reason=f"behind {FORM}: {why}")
