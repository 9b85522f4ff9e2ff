def count_parameters(net):
    total = sum(p.numel() for p in net.parameters())
    return total + sum(b.numel() for b in net.buffers())
