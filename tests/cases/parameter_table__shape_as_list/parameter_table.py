def parameter_table(net):
    return [(n, list(p.shape), p.numel()) for n, p in net.named_parameters()]
