import matplotlib.pyplot as plt


def plot_history(history):
    plt.figure(figsize=(8, 3))
    epochs = [i + 1 for i, _ in enumerate(history["train_loss"])]
    for place, key in enumerate(["train_loss", "test_accuracy"], start=1):
        plt.subplot(1, 2, place)
        plt.plot(epochs, history[key])
        plt.xlabel("epoch")
        plt.ylabel(key)
    plt.tight_layout()
    return plt.gcf()
