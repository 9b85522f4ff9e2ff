"""Same marks on CPU and GPU? python -m tests.benchmarks.same_marks [--only train_epoch__] [--every 1] [--gpu 0]

`--pictures` asks something else, for which no GPU is needed: whether the cases of all notebooks get the same
marks where pictures are not drawn, as by default, and where they are drawn anew.

Else it needs a GPU. Judges right and wrong submissions of the cases in the box twice, on the CPU and then with the
GPU, with the same secret, and lists every item that got another score. Exit code 1 if there is one. A mistake
that the short run lets pass by chance may pass on one and fail on the other, as `autograder calibrate`
tells of both; its items are listed like all others.

Without a GPU nothing is compared: exit code 2. `--smoke` has some cases judged on a stand-in for the box,
with a device that has a GPU's name and is the CPU: that the same questions are asked twice, and change no
mark. It says nothing of GPUs.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

import torch

from autograder.grading import Device
from autograder.release.cases import Case
from autograder.scorecard import Item
from tests.benchmarks.stability import Judge, in_the_box
from tests.cases.judging import CASES, judged

NOTEBOOK = "3_training"  # the others have nothing to do with devices; they are judged on the CPU
SECRET = b"corpus"
SMOKE = (
    "fit__sgd",
    "train_epoch__cuda_moves_behind_a_guard",
    "validate__images_stay_where_they_are",
)


def on_a_stand_in(device: Device) -> Judge:
    """A judge that has no wall and no GPU."""

    def judge(case: Case, secret: bytes) -> dict[str, Item]:
        return judged(case, secret, device=device).items

    return judge


def differences(
    names: Sequence[str],
    first: Judge,
    second: Judge,
    called: tuple[str, str] = ("on the CPU", "with the GPU"),
) -> int:
    """Judge cases by both; prints what differs and returns in how many cases something does."""
    bad = 0
    for name in names:
        one, other = (judge(CASES[name], SECRET) for judge in (first, second))
        found = [
            f"{name}: {key} got {one[key].score} ({one[key].verdict}) {called[0]} and "
            f"{other[key].score} ({other[key].verdict}) {called[1]}: {other[key].hint}"
            for key in one
            if (one[key].score, one[key].verdict) != (other[key].score, other[key].verdict)
        ]
        print(*found, sep="\n" if found else "", end="\n" if found else "", flush=True)
        bad += bool(found)
    print(f"{bad} of {len(names)} cases got other marks", flush=True)
    return bad


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options and compare."""
    made = argparse.ArgumentParser(prog="same_marks", description=(__doc__ or "").splitlines()[0])
    made.add_argument("--only", default="", help="cases whose names contain this")
    made.add_argument("--every", type=int, default=1, help="every n-th of them: a sample")
    made.add_argument("--gpu", type=int, default=0, help="as nvidia-smi counts")
    made.add_argument("--pictures", action="store_true", help="drawn anew or not; on the CPU")
    made.add_argument("--smoke", action="store_true", help="on a stand-in: says nothing of GPUs")
    options = made.parse_args(arguments)
    if options.smoke:
        stand_in = Device("cpu", "a stand-in", 0)
        bad = differences(SMOKE, on_a_stand_in(Device()), on_a_stand_in(stand_in))
        print("smoke: on the CPU alone. Nothing was compared with a GPU.")
        return 1 if bad else 0
    if options.pictures:
        names = [name for name in CASES if options.only in name][:: options.every]
        with in_the_box() as one, in_the_box("\nc.BoxSettings.pictures_anew = True\n") as other:
            return 1 if differences(names, one, other, ("as handed in", "drawn anew")) else 0
    if not torch.cuda.is_available():
        print("There is no GPU here that torch can use: nothing was compared.", file=sys.stderr)
        return 2
    names = [
        name for name, case in CASES.items() if options.only in name and case.notebook == NOTEBOOK
    ][:: options.every]
    with contextlib.ExitStack() as stack:
        judges = [
            stack.enter_context(in_the_box(config, device))
            for config, device in (
                ("", "cpu"),
                (f"\nc.BoxSettings.gpu = {options.gpu}\n", torch.cuda.get_device_name(options.gpu)),
            )
        ]
        return 1 if differences(names, judges[0], judges[1]) else 0


if __name__ == "__main__":
    sys.exit(main())
