import matplotlib.pyplot as plt
import numpy as np


def plot_kernel_change(before, after):
    figure = plt.figure(figsize=(9, 3))
    difference = after - before
    limit = np.abs(difference).max()
    for i, (name, image) in enumerate(
        [("before", before), ("after", after), ("after - before", difference)]
    ):
        axis = figure.add_subplot(1, 3, i + 1)
        if i < 2:
            shown = axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        else:
            shown = axis.imshow(image, cmap="coolwarm", vmin=-limit, vmax=limit)
        axis.set_title(name, loc="left")
        figure.colorbar(shown, ax=axis)
    figure.suptitle("kernels")
    return figure
