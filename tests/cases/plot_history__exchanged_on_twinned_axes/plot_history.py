import matplotlib.pyplot as plt


def plot_history(history):
    figure, loss = plt.subplots()
    epochs = range(1, len(history["train_loss"]) + 1)
    loss.plot(epochs, history["train_loss"], "b")
    loss.set(xlabel="epoch", ylabel="Accuracy [%]")
    accuracy = loss.twinx()
    accuracy.plot(epochs, [100 * value for value in history["test_accuracy"]], "r")
    accuracy.set_ylabel("Loss")
    return figure
