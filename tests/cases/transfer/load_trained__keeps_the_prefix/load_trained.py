from safetensors.torch import load_file


def load_trained(net, path):
    net.load_state_dict(load_file(path))
    return net
