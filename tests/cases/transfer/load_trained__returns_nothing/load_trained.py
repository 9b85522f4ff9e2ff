from safetensors.torch import load_file


def load_trained(net, path):
    weights = load_file(path)
    net.load_state_dict({k.removeprefix("net."): v for k, v in weights.items()})
