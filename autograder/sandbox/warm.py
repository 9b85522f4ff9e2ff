"""The machine's warm process, from the trusted side: starts it once, has kernels forked from it.

`autograder/guest/box_warm.py` tells how it works on the other side. A grader starts one for all of
its workers: the process that owns it tells them its address, and they connect (`join`). Where such a process
cannot be had (a system that takes the rights away which it needs inside bubblewrap), every kernel
gets a bubblewrap of its own and pays for its imports: slower, and walled no worse. Without bubblewrap it is
the warm process that makes the walls, so there is always one; what is not to be warm has one without imports.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from functools import cache
from pathlib import Path

from autograder.errors import BoxFailed
from autograder.sandbox.forms import allowed, form_of
from autograder.sandbox.kernel import BoxedKernel, KernelPlan, start_cold
from autograder.sandbox.settings import BUBBLEWRAP, LANDLOCK, BoxSettings
from autograder.sandbox.warm_process import WarmLink, WarmProcess, form_at, try_fork


def start_kernel(settings: BoxSettings, plan: KernelPlan) -> BoxedKernel:
    """A kernel in its box: forked from the warm process, or started from nothing.

    Raises:
        BoxUnavailable: when no wall can be built here.
        BoxFailed: when it broke twice.
    """
    key = _key(settings, plan.data)
    form = _links[key].form if key in _links else form_of(settings)
    if form == LANDLOCK or (settings.warm and (key in _links or warm_trouble(form) is None)):
        with contextlib.suppress(BoxFailed):
            return _link(settings, plan.data).fork(settings, plan)
        _forget(key)  # a fresh one, once
        return _link(settings, plan.data).fork(settings, plan)
    return start_cold(settings, plan, form)


def address(settings: BoxSettings, data: Path | None) -> Path | None:
    """Where this process's warm process takes requests; None where there can be none.

    Does not wait for its imports: they begin before it is known whether it can fork.

    Raises:
        BoxUnavailable: when no wall can be built here.
    """
    if not settings.warm or form_of(settings) in _cannot_fork:
        return None
    own = _own(settings, data)
    if warm_trouble(own.form) is None:
        return own.folder
    _cannot_fork.add(own.form)
    _forget(_key(settings, data))
    return None


def join(settings: BoxSettings, data: Path | None, folder: Path) -> None:
    """Have kernels of this process forked from another process's warm process, at its address.

    Raises:
        BoxUnavailable: when its form of the wall is a weaker one than the course allows.
    """
    key = _key(settings, data)
    with _starting:
        if key not in _links or _links[key].folder != folder:
            _forget(key)
            _links[key] = WarmLink(folder, settings, allowed(form_at(folder), settings))


@cache
def warm_trouble(form: str = BUBBLEWRAP) -> str | None:
    """Why kernels cannot be forked from a warm process here; None if they can.

    Args:
        form: of the wall, one that can be built.
    """
    return None if form == LANDLOCK else try_fork(BoxSettings(), form)


_processes: dict[tuple[object, ...], WarmProcess] = {}  # this process's own
_links: dict[tuple[object, ...], WarmLink] = {}
_cannot_fork: set[str] = set()  # forms of the wall, as far as it was tried
_starting = threading.RLock()


def _key(settings: BoxSettings, data: Path | None) -> tuple[object, ...]:
    built = (settings.threads, settings.disk_mib, settings.gpu)
    imports, besides = _imports(settings)
    return (os.getpid(), data, settings.wall, *built, besides, imports)


def _imports(settings: BoxSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a warm process imports, and what besides where it can."""
    if not settings.warm:
        return (), ()
    return tuple(settings.warm_imports), tuple(settings.warm_besides)


def _own(settings: BoxSettings, data: Path | None) -> WarmProcess:
    with _starting:
        key = _key(settings, data)
        if key in _processes and not _processes[key].alive:
            _forget(key)
        if key not in _processes:
            form = form_of(settings)
            _processes[key] = WarmProcess(settings, data, form, *_imports(settings))
        return _processes[key]


def _link(settings: BoxSettings, data: Path | None) -> WarmLink:
    with _starting:
        key = _key(settings, data)
        if key not in _links:
            own = _own(settings, data)
            _links[key] = WarmLink(own.folder, settings, own.form)
        return _links[key]


def _forget(key: tuple[object, ...]) -> None:
    with _starting:
        link, process = _links.pop(key, None), _processes.pop(key, None)
        if link is not None:
            link.close()
        if process is not None:
            process.close()


@atexit.register
def close_warm_processes() -> None:
    """End the warm processes of this process, and their kernels."""
    for key in {*_processes, *_links}:
        if key[0] == os.getpid():
            _forget(key)
