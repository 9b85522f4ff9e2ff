"""The catalogue of misconceptions as a table in markdown: python -m tests.cases.table [assignment] [item …]

Judges every case on the stand-in for the box (some minutes) and says whether each right solution kept
all points, and each wrong one was caught, named rightly and lost the points that its scorecard says.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the workers that grade

from autograder.release.cases import Case
from autograder.scorecard import Item
from tests.cases.judging import CORPORA, VGG16, Corpus, Memory, item_of, judged, text_of

_NAME = re.compile(r"as if (.+?)\.(?: |$)")
# Words that say what was seen, and not which mistake it was.
_SEEN = re.compile(r"did not move as|(?:is|are) not right$")


@dataclass(frozen=True)
class Row:
    """What became of one case."""

    case: Case
    items: dict[str, Item]

    @property
    def as_expected(self) -> bool:
        """Every item of the notebook got the verdict and the points that the case says."""
        return all(
            (str(item.verdict), item.score)
            == ((wanted.verdict, wanted.score) if wanted else ("passed", item.max_score))
            for grade_id, item in self.items.items()
            for wanted in [self.case.items.get(grade_id)]
        )

    @property
    def caught(self) -> bool:
        """Every item that should lose points lost some."""
        return all(
            (score := self.items[grade_id].score) is not None
            and score < self.items[grade_id].max_score
            for grade_id in self.case.items
        )

    @property
    def named(self) -> bool:
        """Some words that the student reads name the mistake, and not only what was seen."""
        wanted = self.case.items.get(f"{item_of(self.case)}_tests")
        words = (wanted.hint, *wanted.also) if wanted else ()
        return self.truthful and any(part and not _SEEN.search(part) for part in words)

    @property
    def truthful(self) -> bool:
        """The scorecard's words stand in each item's text, and no other mistake is named there."""
        for grade_id, wanted in self.case.items.items():
            text = text_of(self.items[grade_id])
            known = [words for words in (wanted.hint, *wanted.also) if words]
            parts = [words.rpartition("as if ")[2] for words in known]
            if not all(words in text for words in known):
                return False
            if not all(any(part in name for part in parts) for name in _NAME.findall(text)):
                return False
        return True


def table(items: list[str], corpus: Corpus = VGG16) -> str:
    """The markdown text, for these items (functions)."""
    memory = Memory()
    rows = {
        name: [
            Row(case, judged(case, memory=memory, corpus=corpus).items)
            for case in corpus.cases.values()
            if item_of(case) == name
        ]
        for name in items
    }
    lines = [
        "| item | right | kept all points | wrong | caught | named | misnamed | points as expected |",
        "|---|---|---|---|---|---|---|---|",
    ]
    sums = [0] * 7
    for name, cases in rows.items():
        right = [row for row in cases if row.case.right]
        wrong = [row for row in cases if not row.case.right]
        counts = [
            len(right),
            sum(row.as_expected for row in right),
            len(wrong),
            sum(row.caught for row in wrong),
            sum(row.named for row in wrong),
            sum(not row.truthful for row in wrong),
            sum(row.as_expected for row in wrong),
        ]
        sums = [total + count for total, count in zip(sums, counts, strict=True)]
        lines.append(f"| `{name}` | " + " | ".join(map(str, counts)) + " |")
    lines.append("| all | " + " | ".join(map(str, sums)) + " |")
    lines += ["", "| misconception | points lost | what the student reads |", "|---|---|---|"]
    for cases in rows.values():
        for row in cases:
            if not row.case.right:
                good = row.caught and row.truthful and row.as_expected
                marks = "" if row.named else " (not named)"
                marks += "" if good else " **(not as expected)**"
                lost = ", ".join(
                    f"`{grade_id.removesuffix('_tests')}` "
                    f"{row.items[grade_id].max_score - (row.items[grade_id].score or 0):g}"
                    for grade_id in row.case.items
                )
                words = [
                    part
                    for wanted in row.case.items.values()
                    for part in (wanted.hint, *wanted.also)
                    if part
                ]
                said = "; ".join(dict.fromkeys(f"“{part}”" for part in words))
                about = row.case.about.rstrip(".")
                lines.append(f"| `{row.case.name}`: {about}{marks} | {lost} | {said} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table for the items that are named, or for all; of an assignment that is named first."""
    named = sys.argv[1:]
    corpus = CORPORA[named.pop(0)] if named[:1] and named[0] in CORPORA else VGG16
    functions = [name for names in corpus.points.values() for name in names]
    print(table([name for name in functions if name in named] or functions, corpus))


if __name__ == "__main__":
    main()
