def freeze_body(net, frozen=True):
    for layer in net.body:
        for parameter in layer.parameters():
            parameter.requires_grad = False if frozen else True
    return net
