import matplotlib.pyplot as plt


def plot_history(history):
    figure, axes = plt.subplots(1, 2)
    epochs = range(1, len(history["train_loss"]) + 1)
    axes[0].plot(epochs, history["train_loss"])
    axes[0].set_ylabel("loss (see accuracy on the right)")
    axes[1].plot(epochs, history["test_accuracy"])
    axes[1].set_ylabel("acc, next to the loss")
    return figure
