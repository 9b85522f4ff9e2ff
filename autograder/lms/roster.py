"""Who in a class handed something in: a platform's numbers and names against tables of the class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from autograder.errors import KitError
from autograder.lms.platforms import HandIn
from autograder.lms.sheets import Sheet
from autograder.lms.titles import Person, agree, columns, person, same_name, squeezed

_ONE_PERSONS = ("id", "login", "email", "number")  # two students never share one


def read_roster(files: Iterable[Path]) -> list[Person]:
    """The class by its tables: a mark sheet, a list of groups, any CSV whose titles we know.

    Raises:
        KitError: when a file is no table, or has no column that says who a row is about.
    """
    people: list[Person] = []
    places_of: dict[tuple[str, str], int] = {}
    for file in files:
        sheet = Sheet.read(file)
        places = columns(sheet.rows[0]) if sheet.rows else {}
        if not {*_ONE_PERSONS, "name", "last"} & places.keys():
            raise KitError(
                f"{file} has no column that says who a row is about (as ID, Email or Full name). Its first "
                f"line: {', '.join(sheet.rows[0]) if sheet.rows else 'none'}."
            )
        for row in sheet.rows[1:]:
            one = person(row, places)
            if not one.fields or "Points Possible" in row[0]:  # Canvas's row of maxima
                continue
            ids = [(name, one.fields[name]) for name in _ONE_PERSONS if name in one.fields]
            at = next((places_of[pair] for pair in ids if pair in places_of), len(people))
            if at == len(people):
                people.append(one)
            else:
                people[at] = Person({**one.fields, **people[at].fields})
            places_of |= dict.fromkeys(ids, at)
    return people


def whose(hand_in: HandIn, people: Sequence[Person]) -> list[Person]:
    """The students whose work a submission is: none where nobody can say, several for a group.

    By the group's name, then by the platform's own ids; by name only where the tables have no number of the
    platform's, and only if nobody else is called so.
    """
    if hand_in.people:
        named = [Person(fields) for fields in hand_in.people]
        return [next((p for p in people if _are_one(p, one)), one) for one in named]
    if group := [p for p in people if _in_group(p, hand_in.who)]:
        return group
    if found := [p for p in people if p.called(hand_in.user)]:
        return [p for p in found if agree(p.name, hand_in.who)][:1]
    if any("id" in p.fields for p in people):
        return []
    names = {same_name(hand_in.who), squeezed(hand_in.who)} - {""}
    found = [p for p in people if same_name(p.name) in names or squeezed(p.name) in names]
    return found if len(found) == 1 else []


def _are_one(one: Person, other: Person) -> bool:
    return any(one.fields.get(f) == other.fields[f] for f in _ONE_PERSONS if f in other.fields)


def _in_group(one: Person, group: str) -> bool:
    mine = squeezed(one.fields.get("group", ""))
    return bool(mine) and mine == squeezed(group)
