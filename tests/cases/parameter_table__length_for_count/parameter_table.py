def parameter_table(net):
    return [(n, tuple(p.shape), len(p)) for n, p in net.named_parameters()]
