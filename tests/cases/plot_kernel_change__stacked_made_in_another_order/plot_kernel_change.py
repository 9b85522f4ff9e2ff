import matplotlib.pyplot as plt
import numpy as np


def plot_kernel_change(before, after):
    figure, axes = plt.subplots(3, 1)
    change = after - before
    axes[2].imshow((change + 1) / 2 if change.ndim == 3 else change)
    axes[2].set_title("change")
    for axis, mosaic, title in zip(axes, (before, after), ("untrained", "trained")):
        axis.matshow(mosaic, cmap="gray")
        axis.set_title(title)
    return figure
