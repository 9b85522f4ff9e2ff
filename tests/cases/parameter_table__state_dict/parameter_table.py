def parameter_table(net):
    return [(k, tuple(v.shape), v.numel()) for k, v in net.state_dict().items()]
