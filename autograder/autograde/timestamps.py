"""When a submission was handed in, by its timestamp.txt, whoever wrote that and in whichever zone.

nbgrader's exchange writes `2026-07-01 21:30:00.000000 CEST`, other programs other forms. nbgrader's reading
takes what it does not understand for something else: `CEST` for UTC, `+0200` for 200 seconds, a missing day
for today. Here a time is read only if it can mean one moment alone; else staff are told why not.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autograder.course import Course, Unreadable
from autograder.course.reading import read_regular
from autograder.errors import KitError

FILE = "timestamp.txt"
_MAX_BYTES = 1000
_YEARS = range(2000, 2100)

# Hours from UTC of the abbreviations that one zone of the world alone uses. Not here: CST, IST, PST and
# others, of which each is certain only in a course whose own zone has it at that time.
_CERTAIN = {
    **dict.fromkeys(("UTC", "UT", "Z", "GMT", "WET"), 0.0),
    **dict.fromkeys(("CET", "WEST", "MET"), 1.0),
    **dict.fromkeys(("CEST", "MEST", "EET", "CAT", "SAST"), 2.0),
    **dict.fromkeys(("EEST", "MSK", "EAT", "IDT"), 3.0),
    **{"PKT": 5.0, "WIB": 7.0, "HKT": 8.0, "AWST": 8.0, "JST": 9.0, "KST": 9.0},
    **{"ACST": 9.5, "ACDT": 10.5, "AEST": 10.0, "AEDT": 11.0, "NZST": 12.0, "NZDT": 13.0},
    **{"EDT": -4.0, "EST": -5.0, "MDT": -6.0, "MST": -7.0, "PDT": -7.0},
    **{"AKDT": -8.0, "AKST": -9.0, "HDT": -9.0, "HST": -10.0},
}

_FLAGS = re.ASCII | re.IGNORECASE
_EPOCH = re.compile(r"(\d{10})(\.\d+)?|\d{13}|\d{16}|\d{19}", re.ASCII)  # in s, ms, us or ns
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)[T_ -]?(\d\d)(\d\d)(\d\d)(?!\d)", _FLAGS)
_DASHES = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T_ -](\d\d)-(\d\d)-(\d\d)(?!\d)", _FLAGS)
_CLOCK = re.compile(
    r"(?<![\d:.+-])(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?![\d:])(?:\s*([ap])\.?m\b\.?)?", _FLAGS
)
_YEAR_FIRST = re.compile(r"\b(\d{4})([-/.])(\d\d?)\2(\d\d?)(?:T|\b)", _FLAGS)
_YEAR_LAST = re.compile(r"\b(\d\d?)([-/.])(\d\d?)\2(\d{4})\b", _FLAGS)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY_MONTH = re.compile(rf"\b(\d\d?)(?:st|nd|rd|th)?[ -]{_MONTH}", _FLAGS)
_MONTH_DAY = re.compile(rf"\b{_MONTH} ?(\d\d?)(?:st|nd|rd|th)?\b", _FLAGS)
_YEAR = re.compile(r"(?<![\d+-])-?(20\d\d)\b", re.ASCII)  # not -0700, an offset
_REMARK = re.compile(r"\((.*?)\)")
_FILLING = re.compile(
    r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?|\bat\b|[][]|(?<!:\d\d),",
    _FLAGS,
)
_OFFSET = re.compile(r"(?:UTC|GMT|UT)? ?([+-])(?:(\d\d):?(\d\d)|(\d\d?))", _FLAGS)


@dataclass(frozen=True)
class SubmittedAt:
    """When a submission was handed in, as far as its timestamp.txt says."""

    utc: datetime | None  # without a zone, as nbgrader keeps times
    doubt: str = ""  # for staff: why there is no time, although there is a file

    @property
    def note(self) -> str:
        """What staff must know; empty where all is well."""
        if not self.doubt:
            return ""
        return (
            f"{self.doubt}. Nobody can say whether the submission was late, and nothing is taken off. "
            "Write the time into that file, as in 2026-07-01 21:30:00 +0200, and grade again."
        )


def submitted_at(course: Course, folder: Path) -> SubmittedAt:
    """When a submission was handed in; nothing in its folder can make this raise.

    Raises:
        KitError: when the course's zone is none.
    """
    zone = course_zone(course)
    path = folder / FILE
    if not os.path.lexists(path):
        return SubmittedAt(None)
    name = course.shown(path)
    try:
        text = _decoded(read_regular(path, _MAX_BYTES))
    except (Unreadable, OSError):
        return SubmittedAt(None, f"{name} is no ordinary file of {_MAX_BYTES} bytes at most")
    except ValueError:
        return SubmittedAt(None, f"{name} is no text")
    try:
        return SubmittedAt(read_time(text, zone))
    except (ValueError, OverflowError) as error:
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        return SubmittedAt(
            None, f"{name} says {shown!r}, which cannot be read with certainty: {error}"
        )


def course_zone(course: Course) -> ZoneInfo:
    """The zone in which times are meant that name none.

    That is `c.CourseSettings.timezone`; or the zone in which nbgrader's exchange writes them, by default UTC.

    Raises:
        KitError: when it is no zone that this machine knows.
    """
    name = course.settings.timezone or course.config.Exchange.get("timezone", "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        setting = "CourseSettings" if course.settings.timezone else "Exchange"
        raise KitError(
            f"c.{setting}.timezone is {name!r}, which is no time zone that this machine knows. Name one as "
            "in 'Europe/Berlin'."
        ) from None


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """A moment, in UTC and without a zone.

    Args:
        zone: what is meant where the text names no zone.

    Raises:
        ValueError: when the text could mean several moments, or none; the message says why.
    """
    text = " ".join(text.replace("\N{MINUS SIGN}", "-").split())
    if not text:
        raise ValueError("it is empty")
    if _EPOCH.fullmatch(text):
        digits = text.replace(".", "").ljust(16, "0")
        seconds, micro = int(digits[:10]), int(digits[10:16])
        return _sensible(datetime(1970, 1, 1) + timedelta(seconds=seconds, microseconds=micro))
    remarks = _REMARK.findall(text)  # as of an email or a browser: `-0700 (PDT)`
    text = _REMARK.sub(" ", text)
    for form in (_COMPACT, _DASHES):
        text = form.sub(r"\1-\2-\3 \4:\5:\6", text, count=1)
    text = " ".join(_FILLING.sub(" ", text).split())
    clocks = list(_CLOCK.finditer(text))
    if len(clocks) != 1:
        raise ValueError(
            "it has several times of day" if clocks else "it has no time of day as in 21:30"
        )
    (clock,) = clocks
    date, rest = _date(f"{text[: clock.start()]} {text[clock.end() :]}")
    if not _OFFSET.fullmatch(rest.strip()):  # beside an offset they say nothing new
        rest = " ".join([rest, *remarks])
    wall = datetime(*date) + _time_of_day(clock)
    return _sensible(wall - _offset(wall, rest, zone))


def _decoded(content: bytes) -> str:
    """Text with or without a byte order mark, as of Windows' editors and shells."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").strip()
    return content.decode("utf-8-sig").strip()


def _sensible(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError(f"it is in the year {moment.year}")
    return moment


def _date(text: str) -> tuple[tuple[int, int, int], str]:
    """Year, month and day, and what is left of the text."""
    if match := _YEAR_FIRST.search(text):
        year, _, month, day = match.groups()
        return (int(year), int(month), int(day)), _without(text, match)
    if match := _YEAR_LAST.search(text):
        first, second, year = (int(match[number]) for number in (1, 3, 4))
        if first != second and max(first, second) <= 12:
            raise ValueError("the day could be the month")
        month, day = (second, first) if first > 12 else (first, second)
        return (year, month, day), _without(text, match)
    if match := _DAY_MONTH.search(text):
        day, name = match.groups()
    elif match := _MONTH_DAY.search(text):
        name, day = match.groups()
    else:
        raise ValueError("it has no date with a year, a month and a day")
    text = _without(text, match)
    years = list(_YEAR.finditer(text))
    if len(years) != 1:
        raise ValueError("it has no year of four digits")
    month = _MONTHS.index(name[:3].lower()) + 1
    return (int(years[0][1]), month, int(day)), _without(text, years[0])


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _time_of_day(clock: re.Match[str]) -> timedelta:
    hour, minute, second = (int(clock[number] or 0) for number in (1, 2, 3))
    if clock[5]:
        if not 1 <= hour <= 12:
            raise ValueError("its hour is none of a clock of twelve hours")
        hour = hour % 12 + (12 if clock[5].lower() == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("its time of day is none")
    micro = int(f"{clock[4] or 0:0<6}"[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micro)


def _offset(wall: datetime, rest: str, zone: ZoneInfo) -> timedelta:
    """How far ahead of UTC a wall clock is, by what is left of a text after date and time."""
    rest = " ".join(rest.split())
    if not rest:
        meant = {offset for offset, _ in _in_zone(wall, zone)}
    elif match := _OFFSET.fullmatch(rest):
        meant = _numeric(match)
    else:
        meant = set.intersection(*(_named(wall, word, zone) for word in rest.split()))
    if len(meant) != 1:
        raise ValueError(
            "clocks were changed at that time" if meant else "its zones contradict each other"
        )
    return meant.pop()


def _in_zone(wall: datetime, zone: ZoneInfo) -> Iterator[tuple[timedelta, str | None]]:
    """A zone's offset and its name: two of them in the hour in which clocks are changed."""
    for fold in (0, 1):
        local = wall.replace(tzinfo=zone, fold=fold)
        yield local.utcoffset() or timedelta(0), local.tzname()


def _numeric(match: re.Match[str]) -> set[timedelta]:
    hours, minutes = int(match[2] or match[4]), int(match[3] or 0)
    if hours > 14 or minutes > 59:
        raise ValueError("its offset from UTC is none")
    ahead = timedelta(hours=hours, minutes=minutes)
    return {-ahead if match[1] == "-" else ahead}


def _named(wall: datetime, word: str, zone: ZoneInfo) -> set[timedelta]:
    """What a word may mean at a time: an offset, the name of a zone, or an abbreviation."""
    if match := _OFFSET.fullmatch(word):
        return _numeric(match)
    if "/" in word:
        try:
            return {offset for offset, _ in _in_zone(wall, ZoneInfo(word))}
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{word!r} is no time zone") from None
    name = word.upper()
    if own := {offset for offset, own_name in _in_zone(wall, zone) if own_name == name}:
        return own
    if name in _CERTAIN:
        return {timedelta(hours=_CERTAIN[name])}
    raise ValueError(
        f"{word!r} is no zone, or the name of several (c.CourseSettings.timezone says which)"
    )
