def parameter_table(net):
    return [
        (n, tuple(p.shape), p.numel()) for n, p in net.named_parameters() if p.requires_grad
    ]
