import matplotlib.pyplot as plt
import numpy as np


def plot_kernel_change(before, after):
    figure, axes = plt.subplots(1, 3)
    change = before - after
    images = (before, after, change)
    for axis, image, title in zip(axes, images, ("before", "after", "change")):
        axis.imshow(image)
        axis.set_title(title)
    return figure
