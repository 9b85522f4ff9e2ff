def shrink_per_layer(norms):
    return (norms[0] / norms[-1]) ** (1 / len(norms))
