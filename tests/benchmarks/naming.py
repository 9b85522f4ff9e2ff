"""How many wrong cases are caught, named and misnamed, over several secrets of the course.

    python -m tests.benchmarks.naming [--secrets 30] [--first 0] [--cases 'train_epoch__*' 'validate__*' 'fit__*'] [--all]

Each case is judged with each secret, by the item of its own function alone; with `--all` by those that its
scorecard names as well. A wrong case is *caught* if it loses the points that its scorecard says; *named* if the
words that name its mistake stand in what the student reads; *misnamed* if other words stand there that name one.
A right case keeps all points, or it is listed. What differs from one secret to another in verdict, points or
named mistakes is listed as well. What the graders compute themselves is computed once for each secret. Exit code 1
when anything differs, a right case loses a point, a wrong one is not caught, or one is misnamed.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import os
import sys
import time
from collections import Counter

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the workers that grade
from autograder.release.cases import Case
from autograder.release.catalogue import Outcome
from tests.benchmarks.stability import Verdicts, verdicts_of
from tests.cases.judging import CASES, Memory, item_of, judged

TRAINING = ("train_epoch__*", "validate__*", "fit__*")


def outcome(case: Case, secret: bytes, memory: Memory, others: bool) -> Outcome:
    """What becomes of the case in its own function's item, and in the others of its scorecard."""
    own = f"{item_of(case)}_tests"
    asked = {own, *case.items} if others else {own}
    items = judged(case, secret, memory, only=sorted(asked)).items
    wanted = {key: item for key, item in case.items.items() if key in asked}
    return Outcome(dataclasses.replace(case, items=wanted), items, (own,))


def result_of(row: Outcome) -> list[str]:
    """What a case counts for."""
    if row.case.right:
        return ["kept"] if row.as_expected else ["lost"]
    found = ["caught"] if row.caught and row.as_expected else ["not caught"]
    return [
        *found,
        "named" if row.named else "not named",
        *([] if row.told and not row.misnamed else ["misnamed"]),
    ]


def main() -> int:
    """Judge, and print the figures after each secret."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--secrets", type=int, default=30)
    parser.add_argument(
        "--first", type=int, default=0, help="secret to begin with, to go on or to share the work"
    )
    parser.add_argument("--cases", nargs="+", default=TRAINING, metavar="GLOB", help="only these")
    parser.add_argument("--all", action="store_true", help="the other items of a scorecard as well")
    options = parser.parse_args()
    cases = [
        case
        for name, case in CASES.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in options.cases)
    ]
    right = sum(case.right for case in cases)
    print(f"{right} right cases, {len(cases) - right} wrong ones", flush=True)
    counts: Counter[str] = Counter()
    firsts: dict[str, Verdicts] = {}
    started, bad = time.perf_counter(), 0
    for number in range(options.first, options.first + options.secrets):
        memory = Memory()
        for case in cases:
            row = outcome(case, f"secret {number}".encode(), memory, options.all)
            found = result_of(row)
            counts.update(found)
            trouble = {"lost", "not caught", "misnamed"} & set(found)
            verdicts = verdicts_of(row.items)
            if verdicts != firsts.setdefault(case.name, verdicts):
                trouble.add("differs")
                print(
                    f"{case.name}, secret {number}: {verdicts}, first {firsts[case.name]}",
                    flush=True,
                )
                counts["differs"] += 1
            bad += bool(trouble)
            if trouble or "not named" in found:
                scores = [(str(item.verdict), item.score) for item in row.items.values()]
                print(f"{case.name}, secret {number}: {', '.join(found)}; {scores}", flush=True)
        spent_s = time.perf_counter() - started
        print(f"after {number + 1} secrets, {spent_s:.0f} s: {dict(counts)}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
