"""A box for one kernel, started from nothing: the fallback where a warm one cannot be forked.

bubblewrap has built the wall and dropped to an unprivileged user before this runs. Options come as
one JSON argument.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# ipykernel imports debugpy if it is there; no debugger in the box, and half of the start-up less.
sys.modules["debugpy"] = None  # type: ignore[assignment]
sys.path.insert(0, str(Path(__file__).parent))

import box_kernel
import box_landlock
import box_seccomp

if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    sys.argv[1:] = []
    box_kernel.set_limits(options["limits"])
    if not options["own_proc"]:
        box_landlock.scope()
    box_seccomp.install_filter()
    box_kernel.run_kernel(options)
