def freeze_body(net, frozen=True):
    for parameter in net.body.parameters():
        parameter.requires_grad = False
    return net
