def count_parameters(net):
    return sum(parameter.numel() for parameter in net.parameters())
