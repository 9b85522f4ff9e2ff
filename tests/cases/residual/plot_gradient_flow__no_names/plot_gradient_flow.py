import matplotlib.pyplot as plt


def plot_gradient_flow(flows):
    fig, ax = plt.subplots()
    for name in flows:
        ax.plot(range(1, len(flows[name]) + 1), flows[name], label=name)
    ax.set_yscale("log")
    ax.set_ylabel("Norm")
    return fig
