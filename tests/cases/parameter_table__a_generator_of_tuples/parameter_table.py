def rows(net):
    for number, (name, tensor) in enumerate(net.named_parameters()):
        dims = [*tensor.shape]
        count, axis = 1, 0
        while axis < len(dims):
            count *= dims[axis]
            axis += 1
        yield name, tuple(dims), count


def parameter_table(net):
    return list(rows(net))
