"""The rest of the demo's class: notebooks as others have them, so that a class of thirty costs little more.

Equal notebooks are judged once. Four wrong ones are handed in by seven students each: the class report has
frequent mistakes to tell of, and the comparison subtracts them as what the class has in common. What
it should show are the copies: of bao's and of carmen's notebooks, and of one with other names.
"""

from __future__ import annotations

from autograder.demo.plans import SubmissionPlan

_1, _2, _3, _4 = "1_data_and_head", "2_parameters", "3_training", "4_kernels"
# Wrong ones, with whose they are.
_FREEZES = {_1: "farid"}
_NO_BIASES = {_2: "elif"}
_NEVER_ZEROES = {_3: "dmitri"}
_OWN_SCALES = {_4: "elif"}

MIXED = (
    SubmissionPlan("lena", "handed in the first two notebooks, right", notebooks=(_1, _2)),
    SubmissionPlan(
        "milan",
        "four frequent mistakes",
        like=_FREEZES | _NO_BIASES | _NEVER_ZEROES | _OWN_SCALES,
    ),
    SubmissionPlan(
        "nadia",
        "three frequent mistakes, and no notebook 4",
        notebooks=(_1, _2, _3),
        like=_FREEZES | _NO_BIASES | _NEVER_ZEROES,
    ),
    SubmissionPlan("olga", "never zeroes the gradients", like=_NEVER_ZEROES),
    SubmissionPlan("paula", "freezes the network", like=_FREEZES),
    SubmissionPlan(
        "pedro", "no biases, kernels on scales of their own", like=_NO_BIASES | _OWN_SCALES
    ),
    SubmissionPlan("quinn", "three frequent mistakes", like=_FREEZES | _NO_BIASES | _NEVER_ZEROES),
    SubmissionPlan("rosa", "bao's notebook 3", like={_3: "bao"}),
    SubmissionPlan("sami", "carmen's notebooks 1 and 4", like={_1: "carmen", _4: "carmen"}),
    SubmissionPlan("tariq", "carmen's notebook 4", like={_4: "carmen"}),
    SubmissionPlan("uma", "three frequent mistakes", like=_NO_BIASES | _NEVER_ZEROES | _OWN_SCALES),
    SubmissionPlan("vera", "freezes the network, and more", like=_FREEZES | _OWN_SCALES),
    SubmissionPlan("wei", "kernels on scales of their own", like=_OWN_SCALES),
    SubmissionPlan("xenia", "three frequent mistakes", like=_FREEZES | _NO_BIASES | _OWN_SCALES),
    SubmissionPlan(
        "yusuf",
        "bao's notebook 1 with another name and another number in it",
        like={_1: "bao"},
        rewritten={"head": "new_layer", "1234": "2026"},
    ),
    SubmissionPlan(
        "zoe",
        "never zeroes the gradients, and no notebook 4",
        notebooks=(_1, _2, _3),
        like=_NEVER_ZEROES,
    ),
)
