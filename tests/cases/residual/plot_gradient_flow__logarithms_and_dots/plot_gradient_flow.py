import numpy as np
from matplotlib.figure import Figure


def plot_gradient_flow(flows):
    figure = Figure()
    axis = figure.add_subplot()
    for name, norms in flows.items():
        layers = np.arange(len(norms)) + 1
        axis.scatter(layers, np.log10(norms))
        axis.text(layers[-1], np.log10(norms[-1]), name)
    axis.set_ylabel("log10 of the gradient's norm")
    return figure
