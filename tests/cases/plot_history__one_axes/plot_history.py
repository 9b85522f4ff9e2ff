import matplotlib.pyplot as plt
import numpy as np


def plot_history(history):
    figure, axis = plt.subplots()
    epochs = range(1, len(history["train_loss"]) + 1)
    axis.plot(epochs, history["train_loss"])
    axis.plot(epochs, history["test_accuracy"])
    axis.set_ylabel("loss and accuracy")
    return figure
