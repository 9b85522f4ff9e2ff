"""The near end of a cluster: hands jobs to the workers of a Dask scheduler, over TLS only.

Gradebook, ledger and records stay in the process that grades, on the course's machine; only judging goes
elsewhere (`worker`). Dask repeats what a lost worker had on another one. A result is kept only under
the key that the worker itself computed from its inputs, so it is what would have been judged here, and
it is counted once, however often it was judged.
"""

from __future__ import annotations

import contextlib
import functools
import getpass
import logging
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.cluster import tls
from autograder.cluster.bundle import pack
from autograder.course import Course
from autograder.digest import digest
from autograder.errors import KitError
from autograder.judge.job import Job, Judgement, course_of
from autograder.judge.pool import LocalPool, PoolLost
from autograder.judge.service import judge_service
from autograder.judge.slots import gpus_of, has_gpu, weakest_wall
from autograder.scorecard import counted

try:
    import dask
    from distributed import Client, KilledWorker, Security
except ImportError as error:
    raise KitError(
        f"Grading on a cluster needs packages that are not installed ({error}). Run `{tls.EXTRA}`."
    ) from None

from autograder.cluster import worker

log = logging.getLogger("autograder")

_CONNECT_S = 15.0
_JOIN_S = 30.0  # how long the first worker may take to be there
_RESTART_S = 30.0


@contextlib.contextmanager
def on_cluster(
    course: Course, address: str, tell: Callable[[str], None] = lambda _text: None
) -> Iterator[None]:
    """Have jobs judged by the workers of a Dask cluster within the block.

    Args:
        address: the scheduler's, as in `tls://10.0.0.1:8786`.
        tell: called, from any thread, with what a person should know at once.

    Raises:
        KitError: when it cannot be reached, or a worker may not judge; with the repair.
    """
    with (
        _dask_in_our_log(),
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"}),
        judge_service().judging_on(ClusterPool(course, address, tell)),
    ):
        yield


@dataclass
class _Task:
    """A job on its way."""

    job: Job
    key: str
    bundle: str
    found: Future[Judgement]
    asked: Any = None  # Dask's future
    tried: set[str] = field(default_factory=set)  # the workers that could not judge it


class ClusterPool(LocalPool):
    """The workers of a Dask cluster, which are there already or come while the class is graded.

    This machine's own judge what brings a large file for a bonus.
    """

    def __init__(self, course: Course, address: str, tell: Callable[[str], None]) -> None:
        """Connect, and hold the workers that are there against this machine.

        Raises:
            KitError: see `on_cluster`.
        """
        super().__init__()
        self._tell = tell
        self._gives_bonus = bool(course.settings.bonus)
        self._address = address
        self._lock = threading.RLock()
        self._tasks: dict[str, _Task] = {}  # by Dask's key
        # Names of plugins: those in use by course and assignment, and all that were sent.
        self._bundles: dict[tuple[Path, str], str] = {}
        self._sent: set[str] = set()
        self._versions = worker.versions()
        who = (getpass.getuser(), socket.gethostname(), str(course.root))
        self._owner = digest(*who)[:16]
        self._client = _connect(course, address)
        try:
            self._client.subscribe_topic(worker.TOPIC, self._hear)
            self._examine(course)
        except BaseException:
            self._client.close(timeout=5)
            raise

    @property
    def workers(self) -> int:
        there = max(1, len(self._client.nthreads()) if self._alive() else 1)
        return there + (super().workers if self._gives_bonus else 0)

    def check(self, course: Course) -> None:  # noqa: ARG002
        if not self._alive():
            raise self._lost()

    def prepare(self, course: Course, assignment: str) -> None:
        """Nothing: a worker begins to import when a bundle comes."""

    def submit(self, job: Job, key: str) -> Future[Judgement]:
        if job.bonus_files:  # the file may have half a gigabyte, and lies here
            return super().submit(job, key)
        found: Future[Judgement] = Future()
        found.set_running_or_notify_cancel()
        try:
            with self._lock:
                task = _Task(job, key, self._bundle(job), found)
                self._ask(task)
        except (KitError, OSError) as error:
            found.set_exception(error)
        return found

    def stop(self) -> None:
        super().stop()
        with self._lock:
            tasks, self._tasks = self._tasks, {}
            sent, self._sent = self._sent, set()
            self._bundles.clear()
        if not sent or not self._alive():
            return
        try:
            # A thread cannot be stopped, so the workers that judge for us are started again.
            busy = [
                address
                for address, keys in self._client.processing().items()
                if any(key in tasks for key in keys)
            ]
            self._client.cancel([task.asked for task in tasks.values()], force=True)
            for name in sent:
                self._client.unregister_worker_plugin(name)
            known = self._client.scheduler_info(n_workers=-1)["workers"]
            nursed = [address for address in busy if known.get(address, {}).get("nanny")]
            if nursed:
                self._client.restart_workers(nursed, timeout=_RESTART_S, raise_for_error=False)
            for address in {*busy} - {*nursed}:
                log.warning("%s has no nanny: it judges a dropped job to its end", address)
        except Exception:
            log.exception("what is under way on the cluster could not be stopped")

    def close(self) -> None:
        self.stop()
        super().close()
        self._client.close(timeout=5)

    def _bundle(self, job: Job) -> str:
        """The name of the plugin that has what a job's assignment needs, sent when it is first asked for."""
        place = (job.course, job.assignment)
        if place not in self._bundles:
            course = course_of(job)
            bundle, gpus = pack(course, job.assignment), gpus_of(course)
            plugin = worker.CourseOnWorker(
                bundle, self._versions, self._owner, gpus, weakest_wall(course)
            )
            if not self._sent:  # those of a run that was killed
                old = self._client.run(worker.bundles_of, self._owner, on_error="ignore").values()
                for name in {name for names in old for name in names} - {plugin.name}:
                    self._client.unregister_worker_plugin(name)
            self._client.register_plugin(plugin, name=plugin.name)
            self._sent.add(plugin.name)
            self._bundles[place] = plugin.name
        return self._bundles[place]

    def _ask(self, task: _Task, **where: Any) -> None:
        key = f"judge-{uuid.uuid4().hex}"  # says nothing about whose it is
        task.asked = self._client.submit(
            worker.judge_there,
            task.bundle,
            task.key,
            task.job,
            key=key,
            pure=False,
            resources={"GPU": 1} if has_gpu(course_of(task.job), task.job.notebook) else None,
            **where,
        )
        self._tasks[key] = task
        task.asked.add_done_callback(functools.partial(self._take, task))

    def _take(self, task: _Task, asked: Any) -> None:
        """A job has come back in whatever way. Called by a thread of Dask's."""
        try:
            found, where = asked.result()
            if not (found.card.reasons and self._elsewhere(task, where)):
                task.found.set_result(found)
        except worker.OtherInputs as error:
            self._pack_again(task, error)
        except KilledWorker as error:
            dead = counted(error.allowed_failures + 1, "worker")
            said = f"{dead} died over {task.job.notebook} of {task.job.student}"
            task.found.set_exception(
                KitError(f"{said}. Is there enough memory? Grade again, or look into their logs.")
            )
        except BaseException as error:  # a cancelled future's is no Exception
            if asked.status == "cancelled" and self._alive():
                task.found.set_exception(BrokenProcessPool("it was dropped with others"))
            elif asked.status == "cancelled":
                task.found.set_exception(self._lost())
            else:
                said = f"the cluster could not judge it: {_said(error)}"
                task.found.set_exception(KitError(said))
        finally:
            with self._lock:
                self._tasks.pop(asked.key, None)

    def _elsewhere(self, task: _Task, where: str) -> bool:
        """Try a job that one worker could not judge on another one, if there is one."""
        task.tried.add(where)
        others = [address for address in self._client.nthreads() if address not in task.tried]
        if task.job.unreadable or len(task.tried) > 2 or not others:
            return False
        log.warning("%s could not judge %s; trying elsewhere", where, task.job.notebook)
        with self._lock:
            self._ask(task, workers=others)
        return True

    def _pack_again(self, task: _Task, error: Exception) -> None:
        """The course has changed since its bundle was made: send it as it is now."""
        try:
            with self._lock:
                place, before = (task.job.course, task.job.assignment), task.bundle
                if self._bundles.get(place) == before:
                    del self._bundles[place]
                task.bundle = self._bundle(task.job)
                if task.bundle == before:
                    raise KitError(
                        f"{error} than this machine. Is the course being changed while it is graded?"
                    )
                self._ask(task)
        except (KitError, OSError) as trouble:
            task.found.set_exception(trouble)

    def _examine(self, course: Course) -> None:
        if course.settings.bonus:
            self._examine_here(course)
        try:
            self._client.wait_for_workers(1, timeout=_JOIN_S)
        except TimeoutError:
            how = tls.how_to_start(course.records / tls.FOLDER)
            raise KitError(
                f"The cluster has no worker yet. Start some, then grade again.\n{how}"
            ) from None
        gpus, weakest = gpus_of(course), weakest_wall(course)
        known = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if gpus != [None] and not any(about["resources"].get("GPU") for about in known):
            raise KitError(
                "The course grades on a GPU (c.BoxSettings.gpu or c.CourseSettings.gpus), and no worker has "
                "one to give. On each machine that has it start as many as may share it: "
                "`dask worker … --nworkers 1 --resources GPU=1`."
            )
        troubles = self._scheduler_troubles()
        for address, found in self._client.run(
            worker.examine, gpus, weakest, on_error="return"
        ).items():
            if isinstance(found, Exception):
                said = [f"it cannot run this autograder-kit: {_said(found)}"]
                name = address
            else:
                name = f"{address} ({found['host']})"
                said = worker.differences(self._versions, found["versions"]) + found["troubles"]
            troubles += [f"{name}: {text}." for text in said]
        if troubles:
            lines = "\n".join(f"  {text}" for text in troubles)
            raise KitError(f"Nothing was graded: these must be put right, or stopped.\n{lines}")

    def _examine_here(self, course: Course) -> None:
        """Submissions that bring a file for a bonus are judged on this machine."""
        try:
            super().check(course)
        except KitError as error:
            raise KitError(
                "Submissions that bring a file for a bonus (c.CourseSettings.bonus) are judged on the "
                f"course's own machine, also with a cluster, and here they cannot be: {error}"
            ) from None

    def _scheduler_troubles(self) -> list[str]:
        """A scheduler unpickles jobs, so it must be like the workers."""
        try:
            there = self._client.run_on_scheduler(worker.versions)
        except Exception as error:
            said = [f"it cannot run this autograder-kit: {_said(error)}"]
        else:
            said = worker.differences(self._versions, there)
        return [f"the scheduler at {self._address}: {text}." for text in said]

    def _hear(self, event: tuple[float, str]) -> None:
        """What a worker says to whoever grades."""
        _time, said = event
        log.warning("%s", said)
        self._tell(said)

    def _alive(self) -> bool:
        return bool(self._client.status == "running")

    def _lost(self) -> PoolLost:
        return PoolLost(
            f"The cluster's scheduler at {self._address} is gone or cannot be reached. What was "
            "judged is kept: start the scheduler and its workers, and grade again to go on."
        )


def _connect(course: Course, address: str) -> Client:
    if not address.startswith("tls://"):
        raise KitError(
            f"{address} is no tls:// address, and only an encrypted, authenticated cluster may be used: "
            "whoever can talk to one can run code on this machine. Make keys for it with "
            f"`autograder cluster keys`, and name its scheduler as in tls://HOST:8786."
        )
    try:
        return Client(address, security=_security(course), timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise KitError(
            f"The cluster's scheduler at {address} cannot be reached: {_said(error)}. Is it running, with "
            "keys that were made together with these? (They are good for a year.)"
        ) from None


def _security(course: Course) -> Security:
    """What Dask's own configuration says; else the keys of this course."""
    security = Security(require_encryption=True)
    if security.tls_ca_file and security.tls_client_cert:
        return security
    folder = course.records / tls.FOLDER / "client"
    if not folder.is_dir():
        raise KitError(
            f"There are no keys for a cluster: neither in {folder.parent} nor in Dask's own configuration "
            "(DASK_CONFIG). Make some with `autograder cluster keys`."
        )
    return Security(
        require_encryption=True,
        tls_ca_file=str(folder / tls.CA),
        tls_client_cert=str(folder / tls.CERTIFICATE),
        tls_client_key=str(folder / tls.KEY),
        tls_min_version=ssl.TLSVersion.TLSv1_3,
    )


def _said(error: BaseException) -> str:
    """The last cause's words: Dask wraps them in how often it tried."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(f"{type(error).__name__}: {error}".split())


@contextlib.contextmanager
def _dask_in_our_log() -> Iterator[None]:
    """Dask's own words go where ours go, not onto the terminal."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    before = {name: logging.getLogger(name).handlers for name in names}
    for name in names:
        logging.getLogger(name).handlers = log.handlers
    try:
        yield
    finally:
        for name, handlers in before.items():
            logging.getLogger(name).handlers = handlers
