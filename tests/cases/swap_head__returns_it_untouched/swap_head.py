def swap_head(net, num_classes=10):
    return net
