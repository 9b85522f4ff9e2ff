"""Processes for what needs torch: forked from one that has imported it, and the judge, beforehand."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import multiprocessing.forkserver
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from autograder.errors import KitError

T = TypeVar("T")


def worker_context() -> multiprocessing.context.ForkServerContext:
    """How to start a worker: at the cost of a fork, once the first one has waited for the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["autograder.engine.forked_imports"])
    return context


def start_importing() -> None:
    """Start the process from which workers are forked, and do not wait for its imports."""
    worker_context()
    multiprocessing.forkserver.ensure_running()


def run_in_worker(function: Callable[..., T], *arguments: object) -> T:
    """What a function of this kit's returns in a process of its own; its exceptions end that only.

    Raises:
        KitError: when it returned nothing.
    """
    context = worker_context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, function, arguments), daemon=True)
    process.start()
    sender.close()
    try:
        found: T = receiver.recv()
    except EOFError:
        text = f"the process for `{function.__name__}` died. Is there enough memory?"
        raise KitError(text) from None
    finally:
        process.join()
        receiver.close()
    return found


def _send_result(sender: Connection, function: Callable[..., Any], arguments: tuple[Any]) -> None:
    sender.send(function(*arguments))
