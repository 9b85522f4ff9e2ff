def freeze_body(net, frozen=True):
    net.body.train(not frozen)
    return net
