import matplotlib.pyplot as plt
import numpy as np


def plot_history(history):
    with plt.style.context("ggplot"):
        fig, panels = plt.subplot_mosaic([["loss", "accuracy"]], figsize=(10, 4), layout="tight")
        x = 1 + np.arange(len(history["train_loss"]))
        for name, key in {"loss": "train_loss", "accuracy": "test_accuracy"}.items():
            y = np.asarray(history[key])
            panels[name].plot(x, y, "-", marker="s", label=key)
            panels[name].fill_between(x, y, alpha=0.2)
            panels[name].set(xlabel="epoch", ylabel=key.replace("_", " "), title=name)
            panels[name].grid(True)
            panels[name].legend()
        best = int(np.argmax(history["test_accuracy"]))
        panels["accuracy"].plot([x[best]], [history["test_accuracy"][best]], "r*", markersize=15)
    return fig
