import math


def shrink_per_layer(norms):
    ratios = [earlier / later for earlier, later in zip(norms, norms[1:])]
    return math.prod(ratios) ** (1 / len(ratios))
