"""The demo's students by name, and when they handed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

DUE = datetime(2026, 7, 1, 20, 0)  # UTC


@dataclass(frozen=True)
class Person:
    """A student: the name, and how long before the due date (below 0: after it) they handed in."""

    first: str
    last: str
    early_h: float

    @property
    def submitted(self) -> datetime:
        return DUE - timedelta(hours=self.early_h)


PEOPLE = {
    "ada": Person("Ada", "Lindqvist", 75.5),
    "bao": Person("Bao", "Nguyễn", 52.25),
    "carmen": Person("Carmen", "Ortega Ruiz", 30.0),
    "dmitri": Person("Dmitri", "Volkov", 4.75),
    "elif": Person("Elif", "Yılmaz", 9.5),
    "farid": Person("Farid", "Haddad", 1.25),
    "grace": Person("Grace", "O'Neill", 0.1),
    "hugo": Person("Hugo", "Lefèvre", 3.5),
    "ines": Person("Inês", "Carvalho", 26.75),
    "jonas": Person("Jonas", "Müller", 6.0),
    "kirra": Person("Kirra", "Walsh", 0.25),
    "lena": Person("Lena", "Schäfer", 0.5),
    "liam": Person("Liam", "Byrne", 2.0),
    "mallory": Person("Mallory", "Quick", 14.0),
    "milan": Person("Milan", "Kovač", -5.25),
    "nadia": Person("Nadia", "Rahman", 1.75),
    "noor": Person("Noor", "de Vries", 0.75),
    "olga": Person("Olga", "Petrenko", 22.5),
    "paula": Person("Paula", "Müller", 27.25),
    "pedro": Person("Pedro", "Santos", 5.5),
    "quinn": Person("Quinn", "Taylor", -0.5),
    "rosa": Person("Rosa", "Conti", 1.0),
    "sami": Person("Sami", "Korhonen", 2.25),
    "tariq": Person("Tariq", "Aziz", -26.0),
    "uma": Person("Uma", "Iyer", 8.0),
    "vera": Person("Vera", "Novák", 11.0),
    "wei": Person("Wei", "Zhang", 47.0),
    "xenia": Person("Xenia", "Papadopoulou", 3.0),
    "yusuf": Person("Yusuf", "Demir", 1.5),
    "zoe": Person("Zoë", "Dubois", 12.5),
}
