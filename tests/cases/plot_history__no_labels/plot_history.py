import matplotlib.pyplot as plt
import numpy as np


def plot_history(history):
    figure, axes = plt.subplots(1, 2)
    epochs = range(1, len(history["train_loss"]) + 1)
    for axis, key in zip(axes, ("train_loss", "test_accuracy")):
        axis.plot(epochs, history[key])
        axis.set_title(key)
    return figure
