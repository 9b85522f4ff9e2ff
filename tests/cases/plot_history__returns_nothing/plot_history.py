import matplotlib.pyplot as plt
import numpy as np


def plot_history(history):
    figure, axes = plt.subplots(1, 2)
    axes[0].plot(history["train_loss"])
    plt.show()
