"""Which students' code shares what is rare: fingerprints of each item, weighed by how few have them.

A fingerprint is a run of tokens. What the release has, and what more than a fifth of the class has, says
nothing and is subtracted. Each one that is left weighs ln(n / number of students who have it), and a pair as
much as all that both have. That is a number to sort by, no probability: copied code, work in pairs and a
common source on the net look the same.

After the idea of winnowing (Schleimer, Wilkerson, Aiken, SIGMOD 2003), but with every run: cells are short.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from autograder.digest import digest
from autograder.similarity.tokens import tokens

RUN = 12  # tokens of a fingerprint: about a line and a half
# Fingerprints that are left, of whoever has less of them; below that likeness is chance.
FEWEST = 20
COMMON_SHARE = 0.2  # of the class
COMMON_FEWEST = 3  # students
HALF = 0.5  # of what the lesser one has left, for pairs that make groups
MAX_PAIRS = 1000  # that are told of
MAX_LENGTH = 100_000  # signs of a cell that are looked at
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Unit:
    """What is compared: the code that a class has for one item, and what the release has there."""

    notebook: str
    name: str
    base: str
    codes: Mapping[str, str]  # by student


@dataclass(frozen=True)
class Shared:
    """What two students share in one unit: how much it weighs, and its share of what the lesser has left."""

    unit: int
    weight: float
    share: float
    equal: bool  # but for spaces and comments


@dataclass(frozen=True)
class Pair:
    """Two students, and what they share, the heaviest first."""

    one: str
    other: str
    weight: float
    shared: tuple[Shared, ...]
    cells: int = 0  # of their own that have the same random id


@dataclass(frozen=True)
class Code:
    """A student's code for one unit: its runs of tokens by number, and the line of each token."""

    runs: Sequence[int]
    lines: Sequence[int]
    written: str  # a digest of the tokens as they are written


@dataclass(frozen=True)
class ComparedUnit:
    """One unit's fingerprints."""

    unit: Unit
    students: Sequence[str]
    limit: int  # of students, above which a fingerprint is common
    codes: Mapping[str, Code] = field(repr=False)
    base: frozenset[int] = field(repr=False)

    @cached_property
    def counts(self) -> Counter[int]:
        """How many students have a fingerprint."""
        counts: Counter[int] = Counter()
        for code in self.codes.values():
            counts.update({*code.runs})
        return counts

    def is_rare(self, run: int) -> bool:
        return self.counts[run] <= self.limit and run not in self.base

    @cached_property
    def rare(self) -> dict[str, set[int]]:
        """What is left of each student."""
        return {
            student: {run for run in code.runs if self.is_rare(run)}
            for student, code in self.codes.items()
        }

    def matrices(self) -> tuple[Floats, Floats]:
        """What each two students share, by weight and by share of the lesser one.

        Returns:
            (students, students) each; 0 where one of them has too little left.
        """
        places: dict[int, int] = {}
        for runs in self.rare.values():
            for run in sorted(runs):
                if self.counts[run] > 1:
                    places.setdefault(run, len(places))
        n = len(self.students)
        has = np.zeros((n, len(places)))
        left = np.zeros(n)
        for row, student in enumerate(self.students):
            runs = self.rare.get(student, set())
            left[row] = len(runs)
            has[row, [places[run] for run in runs if run in places]] = 1.0
        weights = np.array([math.log(n / self.counts[run]) for run in places])
        weight = (has * weights) @ has.T
        lesser = np.minimum.outer(left, left)
        enough = lesser >= FEWEST
        share = np.divide(has @ has.T, lesser, out=np.zeros((n, n)), where=enough)
        return np.where(enough, weight, 0.0), share

    def is_equal(self, one: str, other: str) -> bool:
        return self.codes[one].written == self.codes[other].written

    def marked_lines(self, student: str, other: str) -> tuple[set[int], set[int]]:
        """The lines of a student's code that the other has, and those that say nothing (base, common)."""
        code = self.codes[student]
        same: set[int] = set()
        plain: set[int] = set()
        for start, run in enumerate(code.runs):
            lines = {*code.lines[start : start + RUN]}
            if not self.is_rare(run):
                plain |= lines
            elif run in self.rare[other]:
                same |= lines
        return same, plain - same


@dataclass(frozen=True)
class Comparison:
    """A class compared: the pairs that share anything, the heaviest first."""

    students: Sequence[str]
    units: Sequence[ComparedUnit]
    pairs: Sequence[Pair]
    weights: Floats  # of what each two share, (students, students)

    @cached_property
    def nearest(self) -> Floats:
        """By student, the weight of what is shared with whoever shares most."""
        return self.weights.max(axis=1) if len(self.students) > 1 else np.zeros(len(self.students))

    def below(self, weight: float) -> tuple[int, int]:
        """How many pairs of the class share less than this, of how many."""
        all_pairs = self.weights[np.triu_indices(len(self.students), 1)]
        return int((all_pairs < weight).sum()), all_pairs.size


def compare(
    students: Sequence[str],
    units: Sequence[Unit],
    apart: Collection[frozenset[str]] = (),
    ids: Mapping[str, set[str]] | None = None,
) -> Comparison:
    """Compare the code of a class.

    Args:
        apart: students who work together, as a group: they are not compared with each other.
        ids: random ids of each student's own cells, which nobody has by chance.
    """
    limit = max(COMMON_FEWEST, int(COMMON_SHARE * len(students)))
    compared = [_fingerprints(unit, students, limit) for unit in units]
    matrices = [one.matrices() for one in compared]
    weights = np.sum([weight for weight, _ in matrices], axis=0) if matrices else np.zeros((0, 0))
    np.fill_diagonal(weights, 0.0)
    place = {student: at for at, student in enumerate(students)}
    for group in apart:
        at = [place[student] for student in group if student in place]
        weights[np.ix_(at, at)] = 0.0
    same_ids = _same_ids(ids or {}, limit)
    pairs = []
    heaviest = sorted(
        zip(*np.nonzero(np.triu(weights)), strict=True), key=lambda at: -float(weights[at])
    )
    for i, j in heaviest[:MAX_PAIRS]:
        one, other = students[i], students[j]
        shared = [
            Shared(
                number,
                float(weight[i, j]),
                float(share[i, j]),
                compared[number].is_equal(one, other),
            )
            for number, (weight, share) in enumerate(matrices)
            if weight[i, j] > 0
        ]
        shared.sort(key=lambda one: (-one.weight, one.unit))
        cells = same_ids.get(frozenset((one, other)), 0)
        pairs.append(Pair(one, other, float(weights[i, j]), tuple(shared), cells))
    pairs.sort(key=lambda pair: (-round(pair.weight, 6), pair.one, pair.other))
    return Comparison(students, compared, pairs, weights)


def _same_ids(ids: Mapping[str, set[str]], limit: int) -> Counter[frozenset[str]]:
    """How many ids each two students share, of those that few have."""
    owners: dict[str, list[str]] = {}
    for student, own in ids.items():
        for name in own:
            owners.setdefault(name, []).append(student)
    same: Counter[frozenset[str]] = Counter()
    for names in owners.values():
        if len(names) <= limit:
            same.update(frozenset((a, b)) for at, a in enumerate(names) for b in names[at + 1 :])
    return same


def clusters(pairs: Sequence[Pair]) -> list[list[str]]:
    """Students who hang together by pairs that share half of an item: three and more, the largest first."""
    group: dict[str, set[str]] = {}
    for pair in pairs:
        if not any(one.share >= HALF for one in pair.shared):
            continue
        joined = group.get(pair.one, {pair.one}) | group.get(pair.other, {pair.other})
        for student in joined:
            group[student] = joined
    unique = {tuple(sorted(members)) for members in group.values() if len(members) > 2}
    return [
        list(members) for members in sorted(unique, key=lambda members: (-len(members), members))
    ]


def _fingerprints(unit: Unit, students: Sequence[str], limit: int) -> ComparedUnit:
    numbers: dict[tuple[str, ...], int] = {}  # equal runs are kept once

    def code_of(source: str) -> Code:
        found = tokens(source[:MAX_LENGTH])
        kinds = [token.kind for token in found]
        runs = (tuple(kinds[at : at + RUN]) for at in range(len(kinds) - RUN + 1))
        return Code(
            [numbers.setdefault(run, len(numbers)) for run in runs],
            [token.line for token in found],
            digest(*(token.text for token in found)),
        )

    codes = {student: code_of(source) for student, source in unit.codes.items()}
    return ComparedUnit(unit, students, limit, codes, frozenset(code_of(unit.base).runs))
