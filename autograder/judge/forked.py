"""Processes that judge, forked from one that has imported what that takes."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.context
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from autograder.errors import KitError

T = TypeVar("T")

_SAFE = "PYTHONSAFEPATH"


def worker_context(with_torch: bool = True) -> multiprocessing.context.ForkServerContext:
    """How to start a worker: at the cost of a fork, once the first one has waited for the imports.

    Args:
        with_torch: among them. The first caller decides; without, a worker imports it when it needs it.
    """
    context = multiprocessing.get_context("forkserver")
    modules = ["forked_imports", *(["forked_torch"] if with_torch else [])]
    context.set_forkserver_preload([f"autograder.judge.{module}" for module in modules])
    return context


@contextlib.contextmanager
def importing_nothing_from_here() -> Iterator[None]:
    """Python processes that are started in the block look for no module in the current folder.

    It may be a submission's, with a `torch.py` in it, and multiprocessing starts its helpers by `python -c`,
    which looks there first.
    """
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE]
        else:
            os.environ[_SAFE] = before


def start_importing(with_torch: bool = True) -> None:
    """Start the process from which workers are forked, and do not wait for its imports."""
    worker_context(with_torch)
    with importing_nothing_from_here():
        multiprocessing.resource_tracker.ensure_running()  # which lets signals through again
        # Ctrl-C is for the main process, also before the new one can say that it does not want it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            multiprocessing.forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_in_worker(function: Callable[..., T], *arguments: object) -> T:
    """What a function of this kit's returns in a process of its own; its exceptions end that only.

    Raises:
        KitError: when it returned nothing.
    """
    context = worker_context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, function, arguments), daemon=True)
    with importing_nothing_from_here():
        process.start()
    sender.close()
    try:
        result: T = receiver.recv()
    except EOFError:
        text = f"the process for `{function.__name__}` died. Is there enough memory?"
        raise KitError(text) from None
    finally:
        process.join()
        receiver.close()
    return result


def _send_result(sender: Connection, function: Callable[..., Any], arguments: tuple[Any]) -> None:
    sender.send(function(*arguments))
