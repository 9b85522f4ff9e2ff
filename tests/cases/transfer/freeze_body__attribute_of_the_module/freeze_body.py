def freeze_body(net, frozen=True):
    net.body.requires_grad = not frozen
    return net
