"""The short training run of `fit`, on a small network.

Its thresholds stand in thresholds.json, with the way they were found: see `calibrate.py`. Whoever
changes what a run computes, or its budget, runs `autograder calibrate vgg16` again.
"""

from __future__ import annotations

from pathlib import Path

from autograder.graders.image_sources import drawn, images_and_labels, unit_pixels
from autograder.graders.vgg16.networks import short_vgg
from autograder.grading.training import (
    Budget,
    ShortRun,
    Task,
    answers_well,
    log_softmax,
    loss_falls,
)

CLASSES = 10
GOALS = (loss_falls(), answers_well("image", hidden=500, guessing=1 / CLASSES))
TASK = Task(
    build=short_vgg,
    examples=images_and_labels,
    options=lambda _rng: {"classes": CLASSES},
    loss="NLLLoss",
    activation=log_softmax,
    noun="image",
)
SHORT = ShortRun(  # 1.3 s on one core with the reference
    task=TASK,
    budget=Budget(
        examples=800,
        seen=60,
        hidden=500,
        epochs=5,
        batch_size=32,
        learning_rate=1e-3,
    ),
    goals=GOALS,
    file=Path(__file__).with_name("thresholds.json"),
    source=drawn,
    prepare=unit_pixels,
)

# Read when the graders are collected: a missing or broken file is our fault and shows at once.
THRESHOLDS = SHORT.thresholds
