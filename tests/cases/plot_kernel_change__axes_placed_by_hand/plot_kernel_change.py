import matplotlib.pyplot as plt


def plot_kernel_change(before, after):
    fig = plt.figure(figsize=(12, 4))
    pictures = {"before": before, "after": after, "after − before": after - before}
    for i, title in enumerate(pictures):
        ax = fig.add_axes([i / 3 + 0.02, 0.05, 0.29, 0.85])
        picture = pictures[title]
        if picture.ndim == 3 and i == 2:
            picture = 0.5 + picture / 2
        ax.imshow(picture, cmap=None if picture.ndim == 3 else "viridis", interpolation="nearest")
        ax.set_title(title)
        ax.set(xticks=[], yticks=[])
    return fig
