def product(*sizes):
    result = 1
    for size in sizes:
        result *= size
    return result


class Counter:
    bias = True

    def __call__(self, in_features, out_features):
        weights = product(in_features, out_features)
        if not self.bias:
            return weights
        return weights + out_features


linear_parameters = Counter()
