"""The packages that a course needs: a `requirements.txt` in its root, and one in an assignment's source.

They are held against what notebooks can import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

NAME = "requirements.txt"


def unmet(file: Path, versions: Mapping[str, str]) -> Iterator[str]:
    """What a file in pip's form asks for and is not there, a sentence each, with its repair.

    Args:
        versions: of what is there, by name.

    Lines for another system, by their marker, ask for nothing here. Options of pip (`-r`, `--hash`), paths
    and bare addresses name no package, and are left to pip.
    """
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        yield f"{file} cannot be read: {error.strerror}. Make it readable."
        return
    for line in text.replace("\\\n", " ").splitlines():
        wanted = re.split(r"\s(?:#|--)", line)[0].strip()
        if not wanted or wanted.startswith(("#", "-", ".")) or "/" in wanted.partition("@")[0]:
            continue
        try:
            requirement = Requirement(wanted)
        except InvalidRequirement:
            yield f"{file}: {wanted!r} is no requirement in pip's form. Write a name, as in `pandas>=2`."
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from _trouble(requirement, versions)


def _trouble(requirement: Requirement, versions: Mapping[str, str]) -> Iterator[str]:
    repair = f"Run `pip install '{requirement}'` where the kit is installed."
    here = {canonicalize_name(name): version for name, version in versions.items()}
    version = here.get(canonicalize_name(requirement.name))
    if version is None:
        yield f"{requirement.name} is not installed. {repair}"
    elif not requirement.specifier.contains(version, prereleases=True):
        yield f"{requirement.name} {version} is installed, and {requirement.specifier} is asked for. {repair}"
