import matplotlib.pyplot as plt


def plot_gradient_flow(flows):
    fig, ax = plt.subplots()
    for name in flows:
        ax.semilogy(range(1, len(flows[name]) + 1), flows[name], label=name)
    ax.set_ylabel("Norm des Gradienten")
    fig.legend()
    return fig
