"""A real Dask cluster for tests: processes with folders of their own, TLS with keys of our own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil


class DaskCluster:
    """A scheduler and workers, started by Dask's own commands as docs/cluster.md says."""

    def __init__(
        self, folder: Path, keys: Path, host: str = "127.0.0.1", within: Sequence[str] = ()
    ) -> None:
        """Start the scheduler.

        Args:
            folder: for what the processes write.
            keys: the folder that `autograder cluster keys` made.
            within: a command that runs a command in another place, as in `ip netns exec NAME`.
        """
        self._folder, self._keys = folder, keys
        self._started: list[subprocess.Popen[bytes]] = []
        about = folder / "scheduler.json"
        options = ["--host", host, "--port", "0", "--scheduler-file", str(about)]
        self.scheduler = self._start(
            "scheduler", [*within, *_dask("scheduler"), *options], "scheduler"
        )
        while not about.exists():
            assert self.scheduler.poll() is None, self.log("scheduler")
            time.sleep(0.05)
        self.address: str = json.loads(about.read_text())["address"]

    def add_worker(self, name: str, within: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start a worker, with a nanny and a folder of its own, without waiting for it."""
        options = ["--nthreads", "1", "--local-directory", str(self.place(name))]
        command = [*within, *_dask("worker"), self.address, *options]
        return self._start("worker", command, name)

    def place(self, name: str) -> Path:
        """The folder of a worker."""
        return self._folder / name

    def unpacked(self, name: str) -> list[Path]:
        """What of courses lies in a worker's folder."""
        return list(self.place(name).rglob("course-*"))

    def is_judging(self, name: str) -> bool:
        """Whether a kernel has been forked from a worker's warm process, and runs."""
        (started,) = (one for one in self._started if str(self.place(name)) in map(str, one.args))  # type: ignore[arg-type]
        lines = []
        for process in psutil.Process(started.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                lines.append(process.cmdline())
        warm = [line for line in lines if "/box/box_warm.py" in line and "bwrap" not in line[0]]
        return sum('"imports": []' not in line[-1] for line in warm) > 1

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()

    def addresses(self, name: str) -> list[str]:
        """The addresses of a worker, one for each time that it was started."""
        return re.findall(r"Listening to: +(\S+)", self.log(name))

    def close(self) -> None:
        for process in reversed(self._started):
            kill(process)

    def _start(self, role: str, command: list[str], name: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("wb") as log:
            # Fewer than by default, for each worker that is lost costs a test seconds.
            failures = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
            environment = {**os.environ, **failures, "DASK_CONFIG": str(self._keys / role)}
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._started.append(process)
        return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 of a scheduler, or of a worker and its nanny."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _dask(command: str) -> list[str]:
    return [sys.executable, "-m", "dask", command]
