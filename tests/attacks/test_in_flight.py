"""Descriptors on their way are counted by user: one box can use them up, and no other may pay for it."""

from __future__ import annotations

import errno
import os

import pytest

from autograder.errors import BoxFailed
from autograder.sandbox import BoxSettings, in_flight, open_box

LIGHT = ["ipykernel.kernelapp", "ipykernel.ipkernel", "IPython"]
HOG = """
import socket
kept = []
def fill():
    while True:
        kept.extend(socket.socketpair())
        for _ in range(20):
            socket.send_fds(kept[-1], [b"x"], [0] * 250)
try: fill()
except OSError as error: print(error.errno)
"""
GET = "def get(x):\n    return x"


def test_what_a_sibling_used_up_costs_no_other_a_point() -> None:
    settings = BoxSettings(warm_imports=LIGHT)
    another = BoxSettings(warm_imports=LIGHT, user_id=62000)  # as another worker's box has
    with open_box(settings, ["x = 1"]) as sibling, open_box(another, [HOG]) as hog:
        sibling.run_cells()
        (run,) = hog.run_cells()
        assert str(errno.ETOOMANYREFS) in str(run.outputs), run
        assert in_flight.used_up(settings.open_files) == (os.geteuid() != 0)
        if os.geteuid() != 0:
            with pytest.raises(BoxFailed, match="descriptors on their way"):
                sibling.ask(GET, "get", {"x": "x"}, {})
            hog.close()
        assert sibling.ask(GET, "get", {"x": "x"}, {}) == 1
