"""Which form of the wall a box gets here: the strongest that can be built, found out by building it.

A course says by `c.BoxSettings.wall` which is the weakest that may be used. A weaker one is never taken
instead: then nothing is graded. The variable AUTOGRADER_WALL names one form and no other, for tests and for
trying it out; it does not get round the setting.
"""

from __future__ import annotations

import os
from functools import cache

from autograder.errors import BoxUnavailable
from autograder.sandbox import wall
from autograder.sandbox.settings import BUBBLEWRAP, BUBBLEWRAP_PROC, LANDLOCK, WALLS, BoxSettings
from autograder.sandbox.warm_process import try_fork

ONLY = "AUTOGRADER_WALL"
# What a form does not hold, against the strongest; docs/security.md has all of it.
LACKS = {
    BUBBLEWRAP: "",
    BUBBLEWRAP_PROC: (
        " It does not hide the names and command lines of this container's processes; write no secret there."
    ),
    LANDLOCK: (
        " It does not hide which files there are, nor what is open to all users: sockets in folders, and "
        "files in /dev/shm. A box's disk has no fixed size: a watchdog stops it."
    ),
}


def form_of(settings: BoxSettings) -> str:
    """The form of the wall for boxes with these settings, one of `settings.WALLS`.

    Raises:
        BoxUnavailable: when none can be built here that the course allows.
    """
    return _built(settings.wall, settings.gpu, os.environ.get(ONLY, ""))[0]


def check_wall(gpu: int | None = None, weakest: str = BoxSettings.wall.default_value) -> str:
    """Build the wall once around a trivial program.

    Args:
        gpu: as `BoxSettings.gpu`.
        weakest: as `BoxSettings.wall`.

    Returns:
        a sentence that says which form of the wall is used.

    Raises:
        BoxUnavailable: when it cannot be built here; the message names the repair.
    """
    form, sentence = _built(weakest, gpu, os.environ.get(ONLY, ""))
    return sentence or _try(form, gpu)


def allowed(form: str, settings: BoxSettings) -> str:
    """A form, if a course allows it.

    Raises:
        BoxUnavailable: when it demands a stronger one.
    """
    if form not in WALLS or WALLS.index(form) > WALLS.index(settings.wall):
        raise BoxUnavailable(
            f"Nothing is graded with the form {form!r} of the wall: this course demands "
            f"{settings.wall!r} (c.BoxSettings.wall)."
        )
    return form


@cache
def _built(weakest: str, gpu: int | None, only: str) -> tuple[str, str]:
    """The form, and its sentence; no sentence where there was nothing to choose, and it was not tried."""
    forms = [form for form in WALLS[: WALLS.index(weakest) + 1] if only in ("", form)]
    if not forms:
        raise BoxUnavailable(
            f"{ONLY}={only} is no form of the wall that this course allows: {weakest!r} is the weakest "
            "(c.BoxSettings.wall)."
        )
    if forms == [BUBBLEWRAP]:
        return BUBBLEWRAP, ""
    refusals = []
    for form in forms:
        try:
            return form, _try(form, gpu)
        except BoxUnavailable as error:
            refusals.append(str(error))
    raise BoxUnavailable(" ".join(dict.fromkeys(refusals)))


def _try(form: str, gpu: int | None) -> str:
    if form == BUBBLEWRAP:
        return wall.check_bubblewrap(gpu)
    if form == BUBBLEWRAP_PROC:
        if wall.as_root():
            raise BoxUnavailable("A container's root gets no wall that shares its /proc.")
        return wall.check_bubblewrap(gpu, own_proc=False)
    trouble = try_fork(BoxSettings(gpu=gpu), LANDLOCK)
    if trouble is not None:
        raise BoxUnavailable(f"Without namespaces it cannot be built either: {trouble}")
    return "Landlock, without namespaces; each box runs as a user of its own"
