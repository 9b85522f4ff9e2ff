def parameter_table(net):
    return sorted((n, tuple(p.shape), p.numel()) for n, p in net.named_parameters())
