"""Ids of students, as the names of their folders give them: which of them nbgrader's pages can show.

The formgrader writes an id into its pages and into addresses as it is. So letters of any script may be in
it, with their marks, and the signs that are in people's names; not what ends an address or a text of a
script there, and not what stands for other names in a shell's pattern. Spaces at the ends nbgrader takes
away, and looks for another folder then.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

_LONGEST = 120
_SIGNS = frozenset("_.@- '’ʼ‘`´·,()+~!=&\u200c\u200d")  # the last two join letters in some scripts
_KINDS = frozenset({"L", "M", "N"})  # letters, their marks, numbers


def why_unusable(student: str) -> str:
    """What is wrong with an id, and how to put it right; empty where it can be used."""
    odd = dict.fromkeys(sign for sign in student if not _may_be_in_an_id(sign))
    if odd:
        signs = ", ".join(_shown(sign) for sign in list(odd)[:3])
        return f"rename its folder: nbgrader's pages cannot show an id with {signs}"
    if student != student.strip() or not student:
        return "rename its folder: it begins or ends with a space, which nbgrader takes away"
    if student.startswith(".") or len(student) > _LONGEST:
        what = "a dot at its start" if student.startswith(".") else f"over {_LONGEST} characters"
        return f"rename its folder: nbgrader's pages cannot show an id with {what}"
    return ""


def written_twice(students: Iterable[str]) -> Iterator[str]:
    """What to say of ids that look the same, since computers write an accent in two ways."""
    alike: dict[str, list[str]] = {}
    for student in sorted(students):
        alike.setdefault(unicodedata.normalize("NFC", student), []).append(student)
    for name, ids in alike.items():
        if len(ids) > 1:
            ways = " and ".join(_marks(student) for student in ids)
            yield (
                f"{len(ids)} students are called {name}, once with {ways}. Each is graded; if they are one "
                "person, put everything into one folder, take the other away and grade again"
            )


def _may_be_in_an_id(sign: str) -> bool:
    return unicodedata.category(sign)[0] in _KINDS or sign in _SIGNS


def _shown(sign: str) -> str:
    shown = f"`{sign}` " if sign.isprintable() and sign != " " else ""
    return f"{shown}(U+{ord(sign):04X})"


def _marks(student: str) -> str:
    """How the letters of an id that are no ASCII are written."""
    marks = dict.fromkeys(f"U+{ord(sign):04X}" for sign in student if not sign.isascii())
    return ", ".join(list(marks)[:4]) or "plain letters"
