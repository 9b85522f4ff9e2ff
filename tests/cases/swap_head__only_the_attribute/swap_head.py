def swap_head(net, num_classes=10):
    net.classifier[6].out_features = num_classes
    return net
