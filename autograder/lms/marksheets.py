"""Mark sheets of platforms: filled in place, so that the platform reads them back and changes nothing else.

What is not in a student's cell stays byte for byte. What a platform would skip without a word (a mark above
the maximum, a locked row, an excused student) is said instead. Sources of the rules: Canvas
`gradebook_importer.rb`, Moodle `mod/assign/feedback/offline`, D2L's help on importing grades.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autograder.errors import KitError
from autograder.lms.sheets import Sheet, decimal_sign, number
from autograder.lms.titles import FIELDS, Person, agree, columns, person, same_name

_DECIMALS = 2  # of all three

_GRADE = (
    "Grade",
    "Bewertung",
    "Note",
    "Calificación",
    "Valutazione",
    "Beoordeling",
    "Cijfer",
    "Nota",
)
_COMMENTS = (
    "Feedback comments",
    "Feedback als Kommentar",
    "Feedback par commentaires",
    "Comentarios de retroalimentación",
    "Commenti di feedback",
    "Feedback als opmerkingen",
)
_NO = {"no", "nein", "non", "nee", "não"}
# Canvas's own totals, which no import changes.
_TOTALS = re.compile(
    r"(Current|Final|Unposted|Override) .*(Points|Score|Grade|Status)|Override Score"
)


@dataclass(frozen=True)
class Mark:
    """A student's mark; `points` is None where something of it still waits.

    `known` is what the platform called the student when the submission was collected, by field, and the name
    in its archive as `who`.
    """

    student: str
    points: float | None
    comment: str = ""
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Told:
    """Whose mark does not go to the platform, and why; and what else staff should know."""

    unchanged: list[str] = field(default_factory=list)  # students
    waiting: list[str] = field(default_factory=list)
    not_there: list[str] = field(default_factory=list)
    without_mark: list[str] = field(default_factory=list)  # people of the platform, by name
    notes: list[str] = field(default_factory=list)


@dataclass
class Filled(Told):
    """A sheet that was filled, and what staff should know."""

    content: bytes = b""
    written: list[str] = field(default_factory=list)  # students


@dataclass(frozen=True)
class Columns:
    """Where a sheet has what matters."""

    mark: int
    comment: int | None = None
    maximum: int | None = None  # of the row
    most: float | None = None  # of the whole column
    locked: int | None = None


@dataclass(frozen=True)
class Rules:
    """How a platform's sheet is read.

    Attributes:
        finds: the columns, by the sheet, the assignment's name and the title that was asked for.
        rows: the numbers of the rows that are students'.
        keeps: cells that mean something else than a mark, and stay.
        delimiters: between cells, as the platform's import reads them.
        drops_above: what becomes of a mark above the maximum.
    """

    finds: Callable[[Sheet, str, str | None], Columns]
    rows: Callable[[Sheet], Iterable[int]]
    keeps: frozenset[str] = frozenset()
    delimiters: str = ",;"
    above: str = ""


def fill(
    platform: str, sheet: Sheet, assignment: str, marks: Sequence[Mark], column: str | None = None
) -> Filled:
    """Write marks into a platform's own sheet.

    Args:
        column: the title of the marks' column, where it is not the assignment's name.

    Raises:
        KitError: when the sheet is none of the platform's, or has no such column, or several.
    """
    rules = RULES[platform]
    if len(sheet.rows) < 2:
        raise KitError(f"{sheet.name} has no students. Download it from {platform} again.")
    if sheet.delimiter not in rules.delimiters:
        raise KitError(
            f"{sheet.name} has {sheet.delimiter!r} between its cells, which {platform} does not read back: a "
            "spreadsheet has changed it. Download it again, and do not save it in between."
        )
    where = rules.finds(sheet, assignment, column)
    places = columns(sheet.rows[0])
    if platform == "moodle":
        places["id"] = 0  # whatever the language calls it
    rows = {at: person(sheet.rows[at], places) for at in rules.rows(sheet)}
    filled = Filled()
    sign = _sign(sheet, where)
    for at, mark, points in with_places(marks, rows, filled, _called):
        _write(rules, sheet, where, at, mark, points, sign, filled)
    filled.content = sheet.content()
    return filled


def with_places(
    marks: Sequence[Mark], rows: Mapping[int, Person], told: Told, called: Callable[[Person], str]
) -> Iterator[tuple[int, Mark, float]]:
    """The marks that are complete and have a row, with it and their points; all others are `told`.

    Args:
        called: the name of somebody who has a row and no mark.
    """
    matched = match([(mark.student, mark.known) for mark in marks], rows)
    taken = {*matched.values()}
    told.without_mark = [called(one) for at, one in rows.items() if at not in taken]
    for mark in marks:
        at = matched.get(mark.student)
        if at is None:
            told.not_there.append(mark.student)
        elif mark.points is None:
            told.waiting.append(mark.student)
        else:
            yield at, mark, mark.points


def match(
    students: Sequence[tuple[str, Mapping[str, str]]], rows: Mapping[int, Person]
) -> dict[str, int]:
    """The row of each student: by what was known when they were collected, else by their id.

    What was known comes first, the platform's own number before all. Else an id must mean one row, whichever
    column it stands in; a name is asked last. Nobody is matched where two could be meant.
    """
    found: dict[str, int] = {}
    for student, known in students:
        for names in (
            *((name,) for name in ("id", *FIELDS) if name in known),
            FIELDS[:-1],
            FIELDS[-1:],
        ):
            same = {
                at
                for name in names
                for at, one in rows.items()
                if _same(name, one, known.get(name, student))
                and agree(one.name, known.get("who", ""))
            }
            if same:
                if len(same) == 1:
                    found[student] = same.pop()
                break
    taken = [*found.values()]
    return {student: at for student, at in found.items() if taken.count(at) == 1}


def _same(field_name: str, one: Person, wanted: str) -> bool:
    if field_name == "name":
        return bool(one.name) and same_name(one.name) == same_name(wanted)
    return one.fields.get(field_name, "").casefold() == wanted.casefold()


def _write(
    rules: Rules,
    sheet: Sheet,
    where: Columns,
    at: int,
    mark: Mark,
    points: float,
    sign: str,
    filled: Filled,
) -> None:
    row = sheet.rows[at]
    before = row[where.mark].strip() if where.mark < len(row) else None
    if before is None or before.upper() in rules.keeps:
        why = "the row is too short" if before is None else f"{before} stands there"
        filled.notes.append(f"{mark.student}: left as it is, {why}")
        return
    if (
        where.locked is not None
        and where.locked < len(row)
        and row[where.locked].strip().casefold() in _NO
    ):
        filled.notes.append(f"{mark.student}: left as it is, the platform has locked the mark")
        return
    if (
        mark.comment
        and where.comment is not None
        and row[where.comment : where.comment + 1] == [""]
    ):
        sheet.set(at, where.comment, mark.comment)
    rounded = round(max(points, 0.0), _DECIMALS)
    if rounded != points:
        filled.notes.append(f"{mark.student}: {points:.12g} is written as {rounded:.12g}")
    maximum = where.most
    if where.maximum is not None and where.maximum < len(row):
        maximum = number(row[where.maximum])
    if maximum is not None and rounded > maximum and rules.above:
        filled.notes.append(
            f"{mark.student}: {rounded:.12g} is above the maximum there, {maximum:.12g}; {rules.above}"
        )
    if number(before) == rounded:
        filled.unchanged.append(mark.student)
        return
    sheet.set(at, where.mark, f"{rounded:.12g}".replace(".", sign))
    filled.written.append(mark.student)


def _sign(sheet: Sheet, where: Columns) -> str:
    """The decimal sign that the platform itself has used in the sheet."""
    at = [where.mark] if where.maximum is None else [where.maximum, where.mark]
    texts = [row[place] for place in at for row in sheet.rows[1:] if place < len(row)]
    return decimal_sign(texts, "," if sheet.delimiter == ";" else ".")


def _called(one: Person) -> str:
    ids = next((one.fields[name] for name in FIELDS if name in one.fields), "?")
    return f"{one.name} ({ids})" if one.name and one.name != ids else ids


def comment_of(lines: Iterable[str]) -> str:
    """Lines as the HTML that Moodle keeps of a comment."""
    return "<br>".join(html.escape(line, quote=False) for line in lines)


# Canvas


def _canvas(sheet: Sheet, assignment: str, column: str | None) -> Columns:
    header = sheet.rows[0]
    begins = ("LastName", "FirstName", "ID") if header[0] == "LastName" else ("Student", "ID")
    if not all(word in title for word, title in zip(begins, [*header, "", ""], strict=False)):
        raise KitError(
            f"{sheet.name} is no gradebook of Canvas: it begins with {', '.join(header[:3])}, not with "
            "Student, ID. Export it there: Grades, Export."
        )
    possible = _row_of_maxima(sheet)
    maxima = sheet.rows[possible] if possible else [""] * len(header)
    wanted = [
        at
        for at, title in enumerate(header)
        if (title == column if column else re.sub(r" \(\d+\)$", "", title) == assignment)
        and not _TOTALS.search(title)
        and not (at < len(maxima) and "(read only)" in maxima[at])
    ]
    at = _only(
        sheet, wanted, column or assignment, [t for t in header if re.search(r" \(\d+\)$", t)]
    )
    return Columns(at, most=number(maxima[at]) if at < len(maxima) else None)


def _row_of_maxima(sheet: Sheet) -> int | None:
    return next((at for at, row in enumerate(sheet.rows[:4]) if "Points Possible" in row[0]), None)


def _rows_of_canvas(sheet: Sheet) -> Iterable[int]:
    for at in range(1, len(sheet.rows)):
        row = sheet.rows[at]
        if row[0].strip() and "Points Possible" not in row[0] and len(row) > 1:
            yield at


# Moodle


def _moodle(sheet: Sheet, _assignment: str, column: str | None) -> Columns:
    header = [title.strip() for title in sheet.rows[0]]
    participants = [
        row for row in sheet.rows[1:] if re.fullmatch(r"[^\W\d][^\d]* ?\d+", row[0].strip())
    ]
    if not participants:
        raise KitError(
            f"{sheet.name} is no worksheet of Moodle: its first column has no participants' numbers. Switch "
            "`Offline grading worksheet` on in the assignment, and download it there."
        )
    wanted = [
        at for at, title in enumerate(header) if (title == column if column else title in _GRADE)
    ]
    at = _only(sheet, wanted, column or "Grade", header)
    comments = [place for place, title in enumerate(header) if title in _COMMENTS]
    after = at + 1 if at + 1 < len(header) else None
    locked = at + 2 if at + 2 < len(header) else None
    return Columns(at, comments[0] if comments else None, maximum=after, locked=locked)


# Brightspace


def _brightspace(sheet: Sheet, assignment: str, column: str | None) -> Columns:
    header = [title.strip() for title in sheet.rows[0]]
    if not {"OrgDefinedId", "Username"} & {*header} or header[-1] != "End-of-Line Indicator":
        raise KitError(
            f"{sheet.name} is no grade file of Brightspace: it needs OrgDefinedId or Username, and "
            "`End-of-Line Indicator` last. Export it there: Grades, Enter Grades, Export."
        )
    name = re.compile(rf"{re.escape(assignment)} Points Grade( <.*>)?")
    wanted = [
        at
        for at, title in enumerate(header)
        if (title == column if column else name.fullmatch(title))
    ]
    at = _only(
        sheet, wanted, column or f"{assignment} Points Grade", [t for t in header if " Grade" in t]
    )
    most = re.search(r"MaxPoints:([\d.,]+)", header[at])
    return Columns(at, most=number(most[1]) if most else None)


def _only(sheet: Sheet, wanted: Sequence[int], name: str, there: Sequence[str]) -> int:
    """The one column that was looked for.

    Raises:
        KitError: when there is none, or several.
    """
    if len(wanted) == 1:
        return wanted[0]
    many = "several columns" if wanted else "no column"
    raise KitError(
        f"{sheet.name} has {many} for `{name}`. Name one with --column (there: {', '.join(there) or 'none'})."
    )


def _all_rows(sheet: Sheet) -> Iterable[int]:
    return (at for at in range(1, len(sheet.rows)) if any(cell.strip() for cell in sheet.rows[at]))


RULES: dict[str, Rules] = {
    "canvas": Rules(_canvas, _rows_of_canvas, frozenset({"EX", "N/A"})),
    "moodle": Rules(_moodle, _all_rows, delimiters=",", above="Moodle skips it without a word"),
    "brightspace": Rules(
        _brightspace, _all_rows, above="it is cut there, unless the item can exceed its maximum"
    ),
}
