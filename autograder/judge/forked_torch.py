"""The rest of what judging takes to import, where it takes torch; see `forked_imports`."""

from __future__ import annotations

import gc

gc.disable()

import torch._dynamo  # noqa: E402, F401 - which the first optimizer would import in each worker

gc.freeze()
gc.enable()
