"""A class as Dolos reads it, for those who want another tool's eyes; JPlag and compare50 take the same files.

One Python file a student, `info.csv` beside them, and the release as the file to ignore. Nothing is sent
anywhere: `dolos run` works on this machine.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from autograder.files import zip_of

COMMAND = "dolos run -l python -i release.py -M 0.3 -f web class.zip"
_MAGIC = re.compile(r"^(\s*)([%!?].*)$", re.MULTILINE)


def write_for_dolos(
    folder: Path,
    codes: Mapping[str, Sequence[tuple[str, str]]],
    release: Sequence[tuple[str, str]],
    times: Mapping[str, str],
) -> None:
    """Write `class.zip` and `release.py`.

    Args:
        codes: by student, pieces of code with what they are.
        times: by student, in ISO's form; nobody has to be in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "release.py").write_text(_script(release), encoding="utf-8")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["filename", "full_name", "label", "created_at"])
    texts = {}
    for student in sorted(codes):
        texts[f"{student}.py"] = _script(codes[student])
        writer.writerow([f"{student}.py", student, "", times.get(student, "")])
    texts["info.csv"] = table.getvalue()
    files = {name: text.encode("utf-8", "replace") for name, text in texts.items()}
    (folder / "class.zip").write_bytes(zip_of(files))


def _script(pieces: Sequence[tuple[str, str]]) -> str:
    """Code as one file, with lines that only a notebook understands as comments."""
    parts = [
        f"# %% {name}\n" + _MAGIC.sub(r"\1# \2", code).rstrip() + "\n" for name, code in pieces
    ]
    return "\n\n".join(parts)
