"""What platforms call the columns of their tables, in the languages that we know, and who a row is about."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# In the order of what makes a good id of a student. `id` is the platform's own number.
FIELDS = ("login", "email", "number", "id", "name")

# Columns by their titles, without regard to case. Moodle's are in the language of whoever downloads.
_TITLES = {
    "login": ("SIS Login ID", "login_id", "Login ID", "Username", "Anmeldename", "Nom d'utilisateur"),
    "email": (
        "Email", "Email address", "E-mail", "E-Mail-Adresse", "Adresse de courriel", "E-mailadres",
        "Dirección de correo", "Indirizzo email", "Endereço de email",
    ),
    "number": ("SIS User ID", "ID number", "OrgDefinedId", "ID-Nummer", "Numéro d’identification", "SID",
               "Numéro d'identification", "Número de ID", "Codice identificativo", "ID-nummer"),
    "id": ("ID", "Identifier", "Identifiant", "Identificador", "Identificativo", "canvas_user_id", "User ID",
           "Teilnehmer/in"),
    "name": ("Student", "Full name", "Name", "Vollständiger Name", "Nom complet", "Nombre completo",
             "Nome completo", "Volledige naam"),
    "first": ("FirstName", "First Name", "Vorname", "Prénom", "Nombre", "Nome", "Voornaam"),
    "last": ("LastName", "Last Name", "Nachname", "Nom", "Apellido(s)", "Cognome", "Achternaam"),
    "group": ("Group", "group_name", "Group name", "Gruppe", "Groupe", "Grupo", "Gruppo", "Groep"),
    "submitted": ("Last modified (submission)", "Zuletzt geändert (Abgabe)", "submitted_at"),
}  # fmt: skip
_FIELD_OF = {title.casefold(): field for field, titles in _TITLES.items() for title in titles}
# `Participant 4711`, with the word in the user's language; D2L writes `#name`.
_NUMBERED = re.compile(r"[^\W\d]\D*?(\d+)")


@dataclass(frozen=True)
class Person:
    """A row about a student: what a platform calls them, by field."""

    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name as it is written, the last one first where the table has them apart."""
        parts = [self.fields.get("last", ""), self.fields.get("first", "")]
        return self.fields.get("name") or ", ".join(part for part in parts if part)

    @property
    def first_and_last(self) -> tuple[str, str]:
        if "last" in self.fields:
            return self.fields.get("first", ""), self.fields["last"]
        last, comma, first = self.name.partition(",")
        if comma:
            return first.strip(), last.strip()
        first, _, last = self.name.rpartition(" ")
        return first, last

    def called(self, text: str) -> bool:
        """Whether a text is one of the ids that the platform has for this student; no names."""
        return any(self.fields.get(field) == text for field in ("id", "login", "number", "email"))


def columns(header: Sequence[str]) -> dict[str, int]:
    """Where the known fields stand in a table; the first column of each wins."""
    found: dict[str, int] = {}
    for place, title in enumerate(header):
        field = _FIELD_OF.get(title.strip().casefold())
        if field is not None:
            found.setdefault(field, place)
    return found


def person(row: Sequence[str], places: Mapping[str, int]) -> Person:
    """Who a row is about."""
    fields = {field: row[at].strip() for field, at in places.items() if at < len(row)}
    for field, text in fields.items():
        if field in ("login", "number", "email"):
            fields[field] = text.removeprefix("#")
    if numbered := _NUMBERED.fullmatch(fields.get("id", "")):
        fields["id"] = numbered[1]
    return Person({field: text for field, text in fields.items() if text})


def same_name(one: str) -> str:
    """A name as it can be compared: its parts in the order of letters, without case and signs."""
    text = unicodedata.normalize("NFC", one).casefold()
    return "".join(sorted(re.findall(r"[^\W_]+", text)))


def agree(one: str, other: str) -> bool:
    """Whether two names can be one person's: equal, or one of them is not known.

    A platform's number alone is not enough: a team's submission has the team's number at Moodle, which may be
    a student's as well, and at Canvas that of one of its members.
    """
    same = same_name(one) == same_name(other) or squeezed(one) == squeezed(other)
    return not one or not other or same


def squeezed(one: str) -> str:
    """A name as Canvas writes it into the names of files: small letters and digits alone."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", one).casefold())
