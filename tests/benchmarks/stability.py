"""Same verdicts every time? Judges the cases in several rounds and reports what differs.

    python -m tests.benchmarks.stability [--rounds 3] [--cases 'train_epoch__*'] [--every 1] [--load 4] [--box]

The first round goes by the alphabet, in quiet. The second goes in a random order beside processes
that keep the cores busy; the third in another order with another secret of the course, so with other
challenges; further ones repeat these two. Nothing is remembered from one case to the next. Exit code 1
when any verdict or named mistake differs, or is not what the case's scorecard says, or a score differs
with the same secret. With another secret a wrong loop may pass or fail the short run, whose power is
known from `autograder calibrate`; its points are listed then.

`naming.py` asks the same of many secrets, and nothing at all may differ there.

With `--box` each case is a whole submission, in the real box, through the judge that grades a class.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the workers that grade
from autograder.release.cases import Case, submission_of
from autograder.scorecard import Item, named_mistakes
from tests.cases.judging import CASES, judged

Verdicts = dict[str, tuple[str, float | None, tuple[str, ...]]]
Judge = Callable[[Case, bytes], dict[str, Item]]


def on_the_stand_in(case: Case, secret: bytes) -> dict[str, Item]:
    """The case's items from the stand-in for the box, in this process."""
    return judged(case, secret).items


@contextlib.contextmanager
def in_the_box(config: str = "", device: str = "cpu") -> Iterator[Judge]:
    """A judge that grades whole submissions in the real box, in a copy of the course.

    Args:
        config: added to the course's configuration.
        device: what the scorecard must say; where it says another, nothing is compared.
    """
    from autograder.course import load_course
    from autograder.judge.judge import judge_job
    from autograder.judge.submission import as_read, make_job
    from autograder.release.release import build
    from autograder.sandbox.warm import close_warm_processes
    from tests.course_copy import copy_of_the_course

    with tempfile.TemporaryDirectory() as folder:
        root = copy_of_the_course(Path(folder))
        with (root / "course_config.py").open("a") as file:
            file.write(config)
        course = load_course(root)
        build(course, "vgg16")

        def judge(case: Case, secret: bytes) -> dict[str, Item]:
            source = course.notebooks("vgg16")[case.notebook]
            taken = as_read(submission_of(source, [case]), source)
            job = make_job(course, "vgg16", "ada", source, taken, Path(folder))
            course.secret()  # made on first use
            (course.records / "secret").write_text(secret.hex())
            card = judge_job(job).card
            assert card.reasons == [], card.reasons
            assert card.device == device, f"{card.device}: {card.staff_notes}"
            return {item.grade_id: item for item in card.items if not item.manual}

        try:
            yield judge
        finally:
            close_warm_processes()


def verdicts_of(items: Mapping[str, Item]) -> Verdicts:
    """What may not differ: verdict, score, and the mistakes that are named."""
    return {
        grade_id: (
            str(item.verdict),
            item.score,
            tuple(sorted(named_mistakes(item.text))),
        )
        for grade_id, item in items.items()
    }


def as_its_scorecard_says(case: Case, seen: Verdicts) -> bool:
    return all(
        verdict == (wanted.verdict if wanted else "passed")
        for grade_id, (verdict, _score, _) in seen.items()
        for wanted in [case.items.get(grade_id)]
    )


def without_scores(verdicts: Verdicts) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The verdict and the named mistakes of each item."""
    return {grade_id: (verdict, names) for grade_id, (verdict, _score, names) in verdicts.items()}


def _burn() -> None:
    while True:
        sum(range(100_000))


@contextlib.contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """So many processes that never sleep."""
    processes = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def compare(names: list[str], rounds: int, load: int, judge: Judge) -> int:
    """Judge the cases in every round; prints what differs and returns how many do."""
    seen: dict[str, list[Verdicts]] = {name: [] for name in names}
    secrets = [
        b"corpus" if number % 3 < 2 else f"another secret {number}".encode()
        for number in range(rounds)
    ]
    for number, secret in enumerate(secrets):
        order = list(names)
        if number:
            random.Random(number).shuffle(order)
        started = time.perf_counter(), time.process_time()
        with busy_cores(load if number % 3 == 1 else 0):
            for name in order:
                seen[name].append(verdicts_of(judge(CASES[name], secret)))
                if not as_its_scorecard_says(CASES[name], seen[name][-1]):
                    print(f"{name} did not get what its scorecard says", flush=True)
        wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
        print(
            f"round {number + 1}: {len(order)} cases, {wall:.0f} s, {cpu:.0f} s of CPU", flush=True
        )
    bad = 0
    for name in names:
        usual = [
            one for one, secret in zip(seen[name], secrets, strict=True) if secret == b"corpus"
        ]
        same = all(one == usual[0] for one in usual) and all(
            without_scores(one) == without_scores(usual[0]) for one in seen[name]
        )
        scores = [{item: score for item, (_, score, _) in one.items()} for one in seen[name]]
        for grade_id in scores[0]:
            points = [one.get(grade_id) for one in scores]
            if len(set(points)) > 1:
                print(f"{name}: points of {grade_id} in each round: {points}")
        if same and all(as_its_scorecard_says(CASES[name], verdicts) for verdicts in seen[name]):
            continue
        bad += 1
        print(f"{name}: {'not what its scorecard says' if same else 'differs'}")
        for grade_id in seen[name][0]:
            results = [verdicts.get(grade_id) for verdicts in seen[name]]
            wanted = CASES[name].items.get(grade_id)
            if len(set(results)) > 1 or wanted or (results[0] and results[0][0] != "passed"):
                print(f"   {grade_id}: wanted {wanted or 'all points'}; seen {results}")
    print(f"{bad} of {len(names)} cases differ")
    return bad


def main() -> int:
    """Parse the options and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=["*"], metavar="GLOB", help="only these")
    parser.add_argument("--every", type=int, default=1, help="every n-th of them: a sample")
    parser.add_argument("--right", action="store_true", help="right cases alone")
    parser.add_argument(
        "--load", type=int, default=2 * (os.cpu_count() or 1), help="busy processes"
    )
    parser.add_argument("--box", action="store_true", help="whole submissions in the real box")
    options = parser.parse_args()
    names = [
        name
        for name, case in CASES.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in options.cases)
        and (case.right or not options.right)
    ][:: options.every]
    with in_the_box() if options.box else contextlib.nullcontext(on_the_stand_in) as judge:
        return 1 if compare(names, options.rounds, options.load, judge) else 0


if __name__ == "__main__":
    sys.exit(main())
