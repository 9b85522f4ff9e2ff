def freeze_body(net, frozen=True):
    net.head.requires_grad_(not frozen)
    return net
