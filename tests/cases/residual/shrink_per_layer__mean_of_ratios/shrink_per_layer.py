def shrink_per_layer(norms):
    return sum(a / b for a, b in zip(norms, norms[1:])) / (len(norms) - 1)
