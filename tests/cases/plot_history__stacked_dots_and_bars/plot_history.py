import matplotlib.pyplot as plt
import numpy as np


from matplotlib.figure import Figure


def plot_history(history):
    figure = Figure()
    top, bottom = figure.subplots(2, 1, sharex=True)
    epochs = list(range(1, len(history["train_loss"]) + 1))
    top.scatter(epochs, history["train_loss"])
    top.set_ylabel("loss")
    bottom.bar(epochs, history["test_accuracy"])
    bottom.axhline(0.1, linestyle=":")
    bottom.set_ylabel("accuracy")
    bottom.set_xticks(epochs)
    return figure
