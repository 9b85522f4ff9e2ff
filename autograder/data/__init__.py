"""Images for the course: CIFAR-10, a folder of its own, or a small set drawn by code."""

from autograder.data.course_data import (
    DRAWN_CLASSES,
    Images,
    being_graded,
    draw_images,
    load_images,
    picture,
    show_images,
)
from autograder.data.folder import write_images
from autograder.data.pack import CIFAR10_CLASSES, Packed, pack_images

__all__ = [
    "CIFAR10_CLASSES",
    "DRAWN_CLASSES",
    "Images",
    "Packed",
    "being_graded",
    "draw_images",
    "load_images",
    "pack_images",
    "picture",
    "show_images",
    "write_images",
]
