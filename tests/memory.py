"""How much memory this process takes."""

from __future__ import annotations

import gc
from pathlib import Path


class PeakMemory:
    """The most memory that this process held at once, over what it had at the start, in MiB."""

    def __enter__(self) -> PeakMemory:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from now
        self._before = self._read("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.mib = self._read("VmHWM") - self._before

    @staticmethod
    def _read(key: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
