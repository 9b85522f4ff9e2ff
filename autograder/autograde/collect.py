"""Submissions from a learning platform's archive into `submitted/`, and what the platform called whom.

An archive is read within bounds, and what is written is staged first: a submission is there whole or not at
all. What is there already stays unless it is told to be renewed, for staff may have mended it. Who is who is
kept in `records/collected/`, so that marks and feedback find their way back.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder.autograde import gradebook
from autograder.autograde.timestamps import FILE, course_zone, read_time
from autograder.course import Course
from autograder.course.ids import why_unusable
from autograder.errors import KitError
from autograder.files import write_whole
from autograder.lms.archives import open_archive
from autograder.lms.platforms import PLATFORMS, HandIn, read_hand_ins
from autograder.lms.roster import read_roster, whose
from autograder.lms.titles import FIELDS, Person

_SHOWN = 10
_LONGEST_NAME = 128  # in nbgrader's tables


@dataclass
class Collected:
    """What came of an archive, by student."""

    new: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # there is another one already
    absent: list[str] = field(default_factory=list)  # of the class, without a submission
    besides: list[str] = field(default_factory=list)  # notes on the archive
    said: dict[str, list[str]] = field(default_factory=dict)  # notes on students, by what is said

    def say(self, student: str, text: str) -> None:
        self.said.setdefault(text, []).append(student)

    @property
    def notes(self) -> list[str]:
        """What staff should know."""
        return [
            *self.besides,
            *(f"{', '.join(names)}: {text}" for text, names in self.said.items()),
        ]


def collect(
    course: Course,
    assignment: str,
    platform: str,
    path: Path,
    rosters: Iterable[Path] = (),
    key: str = "",
    update: bool = False,
) -> Collected:
    """Write the submissions of an archive into the course.

    Args:
        rosters: tables of the class, as the platform's own mark sheet.
        key: the field by which students are called in the course; by default the platform's best.
        update: put a submission that differs in the place of the one that is there.

    Raises:
        KitError: when the archive or a table cannot be read as the platform's.
    """
    notebooks = course.notebooks(assignment)
    people = read_roster(rosters)
    if key and not any(key in one.fields for one in people) and platform != "gradescope":
        raise KitError(
            f"No table of the class has a column for `{key}`. Name one that has it with --roster."
        )
    made = Collected()
    records = load(course, assignment)
    with open_archive(path) as archive:
        found, besides = read_hand_ins(platform, archive, notebooks)
        made.besides += [f"left out: {text}" for text in archive.left_out]
        if besides:
            more = f" and {len(besides) - _SHOWN} more" if len(besides) > _SHOWN else ""
            made.besides.append(f"in the archive besides: {', '.join(besides[:_SHOWN])}{more}")
        taken: dict[str, HandIn] = {}
        persons: dict[str, Person] = {}
        seen: set[int] = set()
        for hand_in in found:
            owners = whose(hand_in, people)
            seen |= {id(one) for one in owners}
            if not owners and any(one.called(hand_in.user) for one in people):
                # Somebody else has this number: so it is no student's, but a team's.
                hand_in = replace(hand_in, user=f"{hand_in.who}-{hand_in.user}")
            if people and not owners:
                made.say(_named(hand_in), "in no table of the class")
            for student, one in _ids(platform, hand_in, owners, key).items():
                why = why_unusable(student)
                if student in taken:
                    why = f"{_named(taken[student])} is {student} as well; look at both"
                if why:
                    made.say(_named(hand_in), f"not collected, {why}")
                    continue
                taken[student] = hand_in
                _collect_one(course, assignment, student, hand_in, one, update, made)
                if one is not None and one.name:
                    persons[student] = one
                records[student] = {
                    "platform": platform,
                    "fields": _fields(platform, hand_in, one, len(owners) > 1),
                    "who": hand_in.who,
                    "group": hand_in.user if len(owners) > 1 else "",
                    "files": {name: member.name for name, member in hand_in.files.items()},
                }
    made.absent = [
        one.name or next(iter(one.fields.values())) for one in people if id(one) not in seen
    ]
    _write_names(course, persons)
    _save(course, assignment, records)
    return made


def _ids(
    platform: str, hand_in: HandIn, owners: list[Person], key: str
) -> dict[str, Person | None]:
    """What a submission's students are called in the course."""
    call = (key,) if key else PLATFORMS[platform].call
    ids: dict[str, Person | None] = {}
    for one in owners:
        student = next((one.fields[name] for name in call if name in one.fields), "")
        ids[student or hand_in.user] = one
    return ids or {hand_in.user: None}


def _fields(platform: str, hand_in: HandIn, one: Person | None, shared: bool) -> dict[str, str]:
    """What the platform has for a student. A group's number is nobody's; Moodle does not say whose it is."""
    fields = {} if one is None else dict(one.fields)
    if platform == "canvas" and not shared:
        fields.setdefault("id", hand_in.user)
    return fields


def _named(hand_in: HandIn) -> str:
    return f"{hand_in.who} ({hand_in.user})" if hand_in.who else hand_in.user


def _collect_one(
    course: Course,
    assignment: str,
    student: str,
    hand_in: HandIn,
    one: Person | None,
    update: bool,
    made: Collected,
) -> None:
    for note in hand_in.notes:
        made.say(student, note)
    if hand_in.late and not hand_in.submitted:
        made.say(
            student,
            f"late, says the platform, but the archive has no time. Write it into {FILE} if your course "
            "takes something off",
        )
    if not hand_in.files:
        made.say(student, "handed in no file")
        return
    place = course.submitted(student, assignment)
    with tempfile.TemporaryDirectory(dir=course.make_records(), prefix="collect-") as scratch:
        staged = Path(scratch) / "submission"
        staged.mkdir()
        try:
            for name, member in hand_in.files.items():
                if name == FILE:  # would be read as the platform's word
                    made.say(student, f"their own {FILE} is left out")
                    continue
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(member.read())
        except (KitError, OSError) as error:
            made.say(student, f"not collected, {error}")
            return
        text = hand_in.submitted or ("" if one is None else one.fields.get("submitted", ""))
        if when := _time(course, student, text, made):
            (staged / FILE).write_text(when)
        elif (place / FILE).is_file():  # one that staff have written
            shutil.copyfile(place / FILE, staged / FILE)
        if not place.exists():
            made.new.append(student)
        elif _content(place) == _content(staged):
            made.unchanged.append(student)
            return
        elif not update:
            made.kept.append(student)
            return
        else:
            made.renewed.append(student)
        _put(staged, place, Path(scratch) / "before")


def _put(staged: Path, place: Path, before: Path) -> None:
    """Move a submission into its place; the one that was there comes back if that fails."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.move(place, before)
    try:
        shutil.move(staged, place)
    except OSError:
        if before.exists():
            shutil.rmtree(place, ignore_errors=True)
            shutil.move(before, place)
        raise


def _time(course: Course, student: str, text: str, made: Collected) -> str:
    """The time for timestamp.txt, in UTC; empty where the archive and the tables have none for sure."""
    if not text or text == "-":
        return ""
    try:
        return f"{read_time(text, course_zone(course)).isoformat(' ', 'seconds')} UTC\n"
    except (ValueError, OverflowError):
        made.say(student, "the platform's time cannot be read for sure, so there is none here")
        return ""


def _content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def _write_names(course: Course, persons: Mapping[str, Person]) -> None:
    """Tell the gradebook who the students are, so that nbgrader's pages show their names."""
    if not persons:
        return
    with gradebook.entry(course) as writing:
        for student, one in persons.items():
            first, last = one.first_and_last
            about = {"first_name": first, "last_name": last, "email": one.fields.get("email")}
            writing.book.update_or_create_student(
                student, **{name: text[:_LONGEST_NAME] for name, text in about.items() if text}
            )


# What is kept


def load(course: Course, assignment: str) -> dict[str, Any]:
    """What the platform called each student, and the names of their files there; empty if never collected.

    Raises:
        KitError: when the file is damaged.
    """
    path = _records(course, assignment)
    try:
        data = json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise KitError(f"{path} is damaged ({error}). Delete it and collect again.") from error
    return dict(data)


def known(course: Course, assignment: str) -> dict[str, Mapping[str, str]]:
    """By student, the fields of `lms.titles` that the platform has, and the archive's name as `who`."""
    return {
        student: {name: str(text) for name, text in about["fields"].items() if name in FIELDS}
        | ({} if about["group"] else {"who": str(about["who"])})
        for student, about in load(course, assignment).items()
    }


def _save(course: Course, assignment: str, records: Mapping[str, Any]) -> None:
    path = _records(course, assignment)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, json.dumps(records, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def _records(course: Course, assignment: str) -> Path:
    return course.make_records() / "collected" / f"{assignment}.json"
