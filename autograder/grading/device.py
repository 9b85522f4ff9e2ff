"""Where hidden tests compute: on the CPU, and also on the GPU of the box where both sides have it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """What a hidden test gets as `device`.

    A test that asks for it computes on each of `names`, in the box and beside it, and passes where all
    of them pass. So a submission gets the same on every runner, unless it fails on a GPU only.

    Attributes:
        name: as torch takes it, in the box as in the judge's process: "cpu" or "cuda".
        title: for people: "cpu", or the GPU's name.
        number: the GPU's number in the judge's process; None where all is computed on the CPU.
        why: for staff, where the box has a GPU and all is computed on the CPU nevertheless.
    """

    name: str = "cpu"
    title: str = "cpu"
    number: int | None = None
    why: str = ""

    @property
    def has_gpu(self) -> bool:
        return self.number is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The devices on which a test computes: the CPU always comes first."""
        return ("cpu", self.name) if self.has_gpu else ("cpu",)
