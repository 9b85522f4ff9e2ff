import matplotlib.pyplot as plt


def plot_history(history):
    figure, axes = plt.subplots(2, 1)
    epochs = range(1, len(history["train_loss"]) + 1)
    for axis, values in zip(axes, history.values()):
        axis.plot(epochs, values, "o-")
        axis.set_ylabel("train_loss")
    return figure
