def shrink_per_layer(norms):
    return (norms[-1] / norms[0]) ** (1 / (len(norms) - 1))
