"""An archive that staff have downloaded: a zip, or the folder that it was unpacked into, read within bounds.

Whose files are in it is untrusted, and so are their names. What is broken in one member costs that member
alone, which is named; what is out of all bounds refuses the archive. Nothing is unpacked here.
"""

from __future__ import annotations

import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.errors import KitError

MAX_MEMBERS = 100_000
MAX_MEMBER_MIB = 2048
MAX_TOTAL_MIB = 65_536
MAX_RATIO = 200  # unpacked to packed; text of a notebook reaches 20
_SMALL_MIB = 10  # up to which the ratio does not matter
_MAX_NAME, _MAX_PATH = 255, 4096  # bytes, of most file systems
_MIB = 2**20


@dataclass(frozen=True)
class Member:
    """One file of an archive."""

    path: str  # from the archive's top, with `/` between
    size: int  # bytes
    read: Callable[[], bytes]  # raises KitError where it is damaged
    packed: int = 0  # bytes; 0 where nothing is packed
    odd: str = ""  # why it may not be used

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Archive:
    """What an archive holds, in the order of paths; `left_out` says which members nobody may use, and why."""

    members: tuple[Member, ...]
    left_out: tuple[str, ...] = ()


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip or a folder.

    Raises:
        KitError: when it is neither, or out of bounds.
    """
    if path.is_dir():
        yield _checked(path, list(_of_folder(path)))
        return
    try:
        with zipfile.ZipFile(path) as opened:
            yield _checked(
                path, [_of_zip(opened, info) for info in opened.infolist() if not info.is_dir()]
            )
    except zipfile.BadZipFile as error:
        raise KitError(
            f"{path} is no zip that can be read ({error}). Download it again, or name the folder into which "
            "you have unpacked it."
        ) from error


def _of_folder(top: Path) -> Iterator[Member]:
    for number, path in enumerate(sorted(top.rglob("*"))):
        if number > 2 * MAX_MEMBERS:
            break
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            continue
        odd = "" if stat.S_ISREG(status.st_mode) else "a link, a pipe or a device"
        size = 0 if odd else status.st_size
        yield Member(path.relative_to(top).as_posix(), size, path.read_bytes, odd=odd)


def _of_zip(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    path = _name(info)
    odd = ""
    if info.flag_bits & 0x1:
        odd = "it has a password"
    elif stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        odd = "a link, a pipe or a device"

    def read() -> bytes:
        try:
            with opened.open(info) as file:
                data = file.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError) as error:
            raise KitError(f"{shown(path)} is damaged in the archive ({error})") from error
        if len(data) != info.file_size:
            raise KitError(f"{shown(path)} is damaged in the archive (it has another size)")
        return data

    return Member(path, info.file_size, read, info.compress_size, odd)


def _name(info: zipfile.ZipInfo) -> str:
    """A member's path. Without the flag for UTF-8 zipfile reads the old letters of DOS, mostly wrongly."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _checked(path: Path, found: list[Member]) -> Archive:
    total_mib = sum(one.size for one in found) / _MIB
    if len(found) > MAX_MEMBERS or total_mib > MAX_TOTAL_MIB:
        raise KitError(
            f"{path} would unpack to {len(found)} files of {total_mib:.0f} MiB; {MAX_MEMBERS} files of "
            f"{MAX_TOTAL_MIB} MiB are the most that is read. Take it apart, and collect the parts."
        )
    members, left_out = [], []
    seen: dict[str, str] = {}
    for one in sorted(found, key=lambda one: one.path):
        folded = one.path.casefold()
        why = one.odd or _why_not(one)
        if not why and folded in seen:
            why = f"{shown(seen[folded])} has the same name"
        if why:
            left_out.append(f"{shown(one.path)}: {why}")
            continue
        seen[folded] = one.path
        members.append(one)
    return Archive(tuple(members), tuple(left_out))


def _why_not(one: Member) -> str:
    """What is wrong with a member; empty where nothing is."""
    size_mib, parts = one.size / _MIB, PurePosixPath(one.path).parts
    if not parts or one.path.startswith("/") or ".." in parts or ":" in parts[0][:2]:
        return "its path leads out of the archive"
    if not one.path.isprintable():
        return "its name has signs that cannot be shown"
    if any(len(part.encode()) > _MAX_NAME for part in parts):
        return f"a name in it is longer than {_MAX_NAME} bytes"
    if len(one.path.encode()) > _MAX_PATH:
        return f"its path is longer than {_MAX_PATH} bytes"
    if size_mib > MAX_MEMBER_MIB:
        return f"it has {size_mib:.0f} MiB, more than {MAX_MEMBER_MIB}"
    if size_mib > _SMALL_MIB and one.packed and one.size > MAX_RATIO * one.packed:
        return f"it would unpack to {one.size // one.packed} times its size"
    return ""


def shown(path: str) -> str:
    """A member's path as a person reads it."""
    return "".join(sign if sign.isprintable() else "�" for sign in path)[:200]
