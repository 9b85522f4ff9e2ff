"""What platforms do with what comes back, by their own code's rules and nothing of the kit's."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping


def canvas(before: bytes, after: bytes) -> dict[str, str]:
    """The scores that Canvas would change, by its own ids of users: unchanged ones are left alone.

    `gradebook_importer.rb`: the header must have Student and ID, columns are found by the number in brackets,
    rows by ID; the last `.` or `,` of a number is its decimal sign.
    """
    old, new = _canvas_scores(before), _canvas_scores(after)
    return {user: score for user, score in new.items() if score != old[user]}


def _canvas_scores(content: bytes) -> dict[str, str]:
    text = content.decode("utf-8-sig")
    delimiter = ";" if any(line.count(";") > 2 for line in text.splitlines()[:3]) else ","
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    assert "Student" in header[0]
    assert "ID" in header[1]
    (at,) = [n for n, title in enumerate(header) if title.endswith("(901)")]
    students = [row for row in rows if row[1]]
    return {row[1]: _canvas_number(row[at]) for row in students}


def _canvas_number(text: str) -> str:
    if text.upper() in ("", "-", "EX", "N/A"):
        return text
    whole, _, rest = re.sub(r"[.,](?=\d*[.,])", "", text).replace(",", ".").partition(".")
    return f"{float(f'{whole}.{rest or 0}'):.2f}"


def moodle(content: bytes, words: tuple[str, str, str, str], comma: bool) -> dict[str, float]:
    """The grades that Moodle would save, by participant.

    `importgradeslib.php`: UTF-8, commas between cells, three titles in the user's language, the number after
    the word for participants. `locallib.php`: empty, negative or too large grades are skipped.
    """
    identifier, grade, modified, participant = words
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=",")
    assert {identifier, grade, modified} <= {*header}
    saved = {}
    for row in rows:
        assert len(row) == len(header)
        number = row[header.index(identifier)][len(participant) :]
        text = row[header.index(grade)]
        text = text.replace(".", "").replace(",", ".") if comma else text
        if text and 0 <= float(text) <= 12:
            saved[number.strip()] = float(text)
    return saved


def brightspace(content: bytes) -> dict[str, str]:
    """The grades by user name: the first columns say who, each row ends with `#`."""
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    assert header[0] in ("OrgDefinedId", "Username")
    assert header[-1] == "End-of-Line Indicator"
    (at,) = [n for n, title in enumerate(header) if re.match(r"tiny Points Grade( <|$)", title)]
    assert all(row[-1] == "#" for row in rows)
    return {row[1].removeprefix("#"): row[at] for row in rows}


def canvas_feedback(paths: list[str], attachments: Mapping[str, str]) -> dict[str, list[str]]:
    """To whom Canvas gives files of a zip that comes back, under which names.

    `infer_comment_context_from_filename`: the first two numbers between underscores are user and attachment,
    and the attachment must be that user's. What is shown is the attachment's name.

    Args:
        attachments: `user_attachment` and the name of the student's own file.
    """
    given: dict[str, list[str]] = {}
    for path in paths:
        numbers = [part for part in path.rpartition("/")[2].split("_") if part.isdigit()][:2]
        if len(numbers) == 2 and "_".join(numbers) in attachments:
            given.setdefault(numbers[0], []).append(attachments["_".join(numbers)])
    return given


def moodle_feedback(paths: list[str], participants: set[str]) -> dict[str, list[str]]:
    """To whom Moodle gives files of a zip (`importziplib.php`): parts at `_`, at most five, the second a number."""
    given: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split("/")
        if parts[-1].startswith((".", "~")):
            continue
        while parts:
            info = parts.pop(0).split("_", 4)
            if (
                len(info) < 4
                or info[1] not in participants
                or info[2:4] != ["assignfeedback", "file"]
            ):
                continue
            rest = "/".join([*info[4:5], *parts]).lstrip("/")
            given.setdefault(info[1], []).append(rest)
            break
    return given
