from safetensors.torch import load_file


def load_trained(net, path):
    weights = load_file(path)
    for name, parameter in net.named_parameters():
        parameter.data = weights["net." + name]
    return net
