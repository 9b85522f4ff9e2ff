"""Hidden tests of notebook 1. They never leave this folder; students read titles and hints only."""

from __future__ import annotations

from typing import Any

import torch

from autograder.grading import (
    Challenge,
    Student,
    expect,
    expect_close,
    expect_shape,
    graded,
    probe,
)


@probe
def standardised(standardise: Any, images: Any) -> Any:
    """Runs in the box, beside the student's names; plain data comes back."""
    before = images.clone()
    result = standardise(images)
    return {"result": result, "unchanged": bool((images == before).all())}


def drawn_images(challenge: Challenge) -> torch.Tensor:
    """Fresh images, each channel with a mean and a spread of its own."""
    scales = 1 + challenge.rng.permutation(3)  # (3,)
    images = challenge.images(8) * scales[:, None, None] + 3 * scales[:, None, None]
    return torch.from_numpy(images.astype("float32"))  # (8, 3, 32, 32)


@graded("standardise_tests", weight=2)
def test_each_channel_has_mean_0_and_standard_deviation_1(
    student: Student, challenge: Challenge
) -> None:
    """Each channel has mean 0 and standard deviation 1.

    Our channels were brightened differently. Over which dimensions do you take the mean?
    """
    images = drawn_images(challenge)
    seen = student.run(standardised, images=images)
    result = expect_shape(seen["result"], tuple(images.shape))
    # Dividing by n or by n - 1 are both right: at 8,192 numbers they differ by 0.006 %.
    channels = result.swapaxes(0, 1).reshape(3, -1)  # (3, 8 * 32 * 32)
    expect_close(channels.mean(axis=1), [0, 0, 0], atol=1e-3, what="the channels' means")
    expect_close(channels.std(axis=1), [1, 1, 1], atol=1e-3, what="the channels' deviations")


@graded("standardise_tests", weight=2)
def test_pixels_keep_their_order(student: Student, challenge: Challenge) -> None:
    """Brighter stays brighter, pixel by pixel.

    We compared each pixel with what shift and scale make of it. Is anything sorted or mixed?
    """
    images = drawn_images(challenge)
    seen = student.run(standardised, images=images)
    result = expect_shape(seen["result"], tuple(images.shape))
    mean = images.mean(dim=(0, 2, 3), keepdim=True)
    spread = images.std(dim=(0, 2, 3), keepdim=True)
    expect_close(result, (images - mean) / spread, atol=1e-2)


@graded("standardise_tests")
def test_the_images_stay_as_they_are(student: Student, challenge: Challenge) -> None:
    """A new tensor is returned; the images that were given are not changed.

    Operations like `-=` change a tensor in place.
    """
    seen = student.run(standardised, images=drawn_images(challenge))
    expect(seen["unchanged"] is True, "The images that you were given have changed.")
