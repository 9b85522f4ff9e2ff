import matplotlib.pyplot as plt
import numpy as np


def plot_history(history):
    figure, axes = plt.subplots(1, 2)
    for axis, key in zip(axes, ("train_loss", "test_accuracy")):
        axis.plot(history[key])
        axis.set_ylabel(key)
    return figure
