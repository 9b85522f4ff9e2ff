import matplotlib.pyplot as plt
import numpy as np


def plot_history(history):
    figure, left = plt.subplots()
    right = left.twinx()
    epochs = np.arange(len(history["train_loss"])) + 1
    left.plot(epochs, history["train_loss"], "C0o-", label="training loss")
    right.plot(epochs, 100 * np.array(history["test_accuracy"]), "C1s--", label="accuracy")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss (nats)")
    right.set_ylabel("test accuracy (%)")
    figure.legend()
    plt.show()
    return figure
