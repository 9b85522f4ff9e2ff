"""What judging takes to import, for the process from which the judge's workers are forked.

That process (multiprocessing's fork server) imports this module once, so a worker starts at once and
shares the pages. It does nothing else: no thread, no computation, nothing of a course or a submission.
`forked_torch` comes after it, where what is judged needs torch.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's, from the first moment
# A process with threads is not to be forked, and a worker computes in one thread anyway.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
gc.disable()  # all that imports make stays, so looking through it again and again finds nothing

import autograder.judge.judge  # noqa: E402
import autograder.judge.looks  # noqa: E402, F401

gc.freeze()  # the workers' collectors leave these pages alone, and so shared
gc.enable()
# Its end has nothing to tidy up; and torch's parts would fill the terminal with what they have not.
atexit.register(os._exit, 0)
