"""The far end of a cluster: what runs in a Dask worker. See `pool` for the near end.

A bundle comes to each worker as a plugin: Dask brings it once to every worker that is there, and to each
one that joins later or starts again. A worker that is not like the course's machine refuses it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask
from distributed import Reschedule, Worker, WorkerPlugin, get_worker

import autograder
from autograder.cluster.bundle import Bundle, Unpacked, check_place
from autograder.digest import folder_digest
from autograder.errors import KitError
from autograder.judge.job import Job, Judgement
from autograder.judge.judge import judge_job
from autograder.judge.keys import environment, judgement_key
from autograder.judge.training_data import box_data
from autograder.sandbox import BoxSettings, check_wall, warm

log = logging.getLogger("distributed.worker")  # what a worker shows where it was started

_SAID = 8  # packages that differ

TOPIC = "autograder"  # of the events that tell the course's machine what happens on workers


class OtherInputs(Exception):
    """This worker would judge something else than what it was asked to."""


def versions() -> dict[str, str]:
    """What must be the same on all machines, by name."""
    kit = folder_digest(Path(autograder.__file__).parent)
    return {**environment(), "kit": kit}


def differences(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """What differs on a worker, with the repair, in words for staff; the first few of many packages."""
    found, packages = [], []
    for name in here.keys() | there.keys():
        mine, other = here.get(name), there.get(name)
        if mine == other:
            continue
        if name == "kit":
            found.append("its autograder-kit has other files. Install the same one there")
        elif name in ("Python", "machine"):
            found.append(f"its {name} is {other}, here it is {mine}. Use the same on all machines")
        elif mine is None:
            packages.append(
                f"it has {name}, which this machine has not. Submissions could import it"
            )
        else:
            repair = f"Run `pip install {name}=={mine}` there"
            packages.append(f"its {name} is {other or 'missing'}, here it is {mine}. {repair}")
    more = len(packages) - _SAID
    if more > 0:
        packages = [
            *sorted(packages)[:_SAID],
            f"{more} more {'package differs' if more == 1 else 'packages differ'}",
        ]
    return [*sorted(found), *sorted(packages)]


def examine(gpus: Sequence[int | None], weakest: str, dask_worker: Worker) -> dict[str, Any]:
    """What a worker has, and `troubles` for which it cannot judge, whatever the versions.

    Args:
        gpus: those that boxes are to use, or None alone.
        weakest: as `BoxSettings.wall`.
    """
    troubles = []
    if dask_worker.state.nthreads != 1:
        repair = "Start it with --nthreads 1, and with --nworkers for more at a time"
        troubles.append(f"it judges {dask_worker.state.nthreads} at a time. {repair}")
    try:
        for gpu in gpus:
            check_wall(gpu, weakest)
        check_place(Path(dask_worker.local_directory))
        for name in ("key", "cert"):
            path = dask.config.get(f"distributed.comm.tls.worker.{name}", None)
            if path:
                check_place(Path(path))
    except KitError as error:
        troubles.append(str(error))
    return {"host": socket.gethostname(), "versions": versions(), "troubles": troubles}


class CourseOnWorker(WorkerPlugin):  # type: ignore[misc]
    """A course on a worker: unpacks its bundle, judges its jobs."""

    def __init__(
        self,
        bundle: Bundle,
        wanted: dict[str, str],
        owner: str,
        gpus: Sequence[int | None],
        weakest: str,
    ) -> None:
        """Prepare it on the course's machine.

        Args:
            wanted: the versions of the course's machine.
            owner: of the course; its bundles of earlier runs are thrown away.
            gpus: see `examine`.
            weakest: see `examine`.
        """
        self.name = f"autograder-{owner}-{bundle.digest[:16]}"
        self._bundle: Bundle | None = bundle
        self._wanted, self._gpus, self._weakest = wanted, gpus, weakest
        self.unpacked: Unpacked | None = None

    async def setup(self, worker: Worker) -> None:
        """Unpack, or end the worker if it must not judge."""
        found = examine(self._gpus, self._weakest, worker)
        troubles = [*differences(self._wanted, found["versions"]), *found["troubles"]]
        if troubles:
            said = f"{worker.address} ({found['host']}) is not used: {'; '.join(troubles)}."
            log.error(said)
            worker.log_event(TOPIC, said)
            worker.loop.call_later(0.5, worker.close, reason=said)  # the event goes first
            return
        self.unpacked = await asyncio.to_thread(self._set_up, worker)

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        unpacked, self.unpacked = self.unpacked, None
        if unpacked is not None:
            unpacked.remove()

    def judge(self, job: Job, key: str) -> Judgement:
        """Judge one job.

        Raises:
            OtherInputs: when its inputs here do not give this key.
        """
        import torch

        torch.set_num_threads(1)  # as in the box
        assert self.unpacked is not None
        here = self.unpacked.job(job)
        if judgement_key(self.unpacked.course, here, self.unpacked.data) != key:
            raise OtherInputs(f"{socket.gethostname()} has other inputs")
        return self.unpacked.as_at_home(judge_job(here))

    def _set_up(self, worker: Worker) -> Unpacked:
        assert self._bundle is not None
        unpacked = Unpacked(self._bundle, Path(worker.local_directory))
        self._bundle = None  # its bytes are on the disk now
        # Started before the first job comes: its imports take seconds.
        warm.address(BoxSettings(config=unpacked.course.config), box_data(unpacked.course))
        import autograder.grading.plugin  # noqa: F401

        return unpacked


def judge_there(name: str, key: str, job: Job) -> tuple[Judgement, str]:
    """Judge a job on the worker that this runs on. What Dask calls.

    Args:
        name: of the bundle.
        key: the job's judgement key.

    Returns:
        the judgement, and the worker's address.
    """
    here = get_worker()
    plugin = here.plugins.get(name)
    if not isinstance(plugin, CourseOnWorker) or plugin.unpacked is None:
        time.sleep(1)  # this worker is about to end, or was refused
        raise Reschedule
    return plugin.judge(job, key), here.address


def bundles_of(owner: str, dask_worker: Worker) -> list[str]:
    """The names of a course's bundles on a worker."""
    return [name for name in dask_worker.plugins if name.startswith(f"autograder-{owner}-")]
