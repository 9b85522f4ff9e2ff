def copy_kernels(net):
    for index in (0, 2):
        net.features[index].weight.requires_grad_(False)
    return {"conv1": net.features[0].weight.clone(), "conv2": net.features[2].weight.clone()}
