"""A file that came with a submission, for a bonus item. The judge reads it as data and runs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import KitError
from autograder.grading.compare import expect

if TYPE_CHECKING:
    import torch

_MOST_HEADER = (
    2**20
)  # bytes; safetensors' own JSON, of which a network of 1,000 tensors takes 100 KB
_KINDS = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class BonusFile:
    """One file. Every byte of it may be a lie.

    Attributes:
        digest: its SHA-256, as it was when the submission was taken in.
        max_mib: a larger file is not opened.
    """

    path: Path
    digest: str
    max_mib: int

    def tensors(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
        """The tensors of a safetensors file, as float32.

        Names, shapes and kinds of numbers are held against `shapes` before anything is allocated.

        Args:
            shapes: what must be in it, by name, and nothing else.

        Raises:
            Mismatch: when the file is too large, no safetensors file, or has anything else in it.
            KitError: when it is not the file any more that was taken in, or only names it.
        """
        import safetensors.torch

        content = self._read()
        name = self.path.name
        self._expect_header(content, shapes)
        try:
            loaded = safetensors.torch.load(content)
        except MemoryError:  # ours, of which the file says nothing
            raise
        except Exception:  # whatever the parser makes of a lie
            expect(False, f"{name} is no whole safetensors file. Was it cut short?")
        del content
        tensors = {}
        for key, shape in shapes.items():
            tensor = tensors[key] = loaded.pop(key).float()
            # Two parsers need not agree on a header that names it twice.
            expect(
                tensor.shape == tuple(shape), f"{key} in {name} is not of the shape that it says."
            )
            expect(
                bool(tensor.isfinite().all()),
                f"All numbers in {name} should be finite; {key} has others.",
            )
        return tensors

    def _read(self) -> bytes:
        """The whole file, if it is the one that was taken in."""
        with self.path.open("rb") as stream:
            content = stream.read(self.max_mib * 2**20 + 1)
        expect(
            len(content) <= self.max_mib * 2**20,
            f"{self.path.name} should have at most {self.max_mib} MiB; yours has more. Are there only the "
            "network's parameters in it, as float16 or float32?",
        )
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise KitError(f"{self.path} was changed while it was graded. Grade again.")
        if content.startswith(b"version https://git-lfs.github.com"):
            raise KitError(
                f"{self.path} is a pointer of Git LFS and not the file itself. Fetch that (`git lfs pull`, "
                "or `lfs: true` in a workflow), and grade again."
            )
        return content

    def _expect_header(self, content: bytes, shapes: Mapping[str, Sequence[int]]) -> None:
        """See what the file says of itself; safetensors holds its data against it later.

        The form: 8 bytes with the length of a JSON object, little-endian; the object; the numbers. See
        https://huggingface.co/docs/safetensors.
        """
        name = self.path.name
        size = int.from_bytes(content[:8], "little")
        entries: Any = None
        if 8 <= size <= min(_MOST_HEADER, len(content) - 8):
            try:
                entries = json.loads(content[8 : 8 + size])
            except (ValueError, RecursionError):
                entries = None
        expect(
            isinstance(entries, dict) and all(isinstance(e, dict) for e in entries.values()),
            f"{name} should be a safetensors file, as safetensors.torch.save_file writes it.",
        )
        entries.pop("__metadata__", None)
        missing = [key for key in shapes if key not in entries]
        extra = [key for key in entries if key not in shapes]
        expect(
            not missing and not extra,
            f"{name} should hold the tensors of net.state_dict() and nothing else: "
            + "; ".join(
                f"{len(keys)} {what} ({', '.join(repr(k[:80]) for k in keys[:3])}"
                f"{', …' if len(keys) > 3 else ''})"
                for what, keys in (("are missing", missing), ("do not belong there", extra))
                if keys
            )
            + ".",
        )
        for key, shape in shapes.items():
            entry = entries[key]
            expect(
                entry.get("shape") == list(shape),
                f"{key} in {name} should have the shape {tuple(shape)}; yours has another one.",
            )
            expect(
                isinstance(entry.get("dtype"), str) and entry["dtype"] in _KINDS,
                f"{key} in {name} should be float32, float16 or bfloat16.",
            )
