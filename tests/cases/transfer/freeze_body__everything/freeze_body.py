def freeze_body(net, frozen=True):
    net.requires_grad_(not frozen)
    return net
