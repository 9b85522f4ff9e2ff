import matplotlib.pyplot as plt


def plot_history(history):
    figure, axes = plt.subplots(1, 2)
    axes[0].set_ylabel("training loss")
    axes[1].set_ylabel("test accuracy")
    return figure
