def freeze_body(net, frozen=True):
    for name, parameter in net.named_parameters():
        if name.startswith("body"):
            parameter.requires_grad_(not frozen)
    return net
