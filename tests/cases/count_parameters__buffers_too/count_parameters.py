def count_parameters(net):
    return sum(tensor.numel() for tensor in net.state_dict().values())
