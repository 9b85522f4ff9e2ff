from safetensors.torch import load_file


def load_trained(net, path):
    weights = load_file(path)
    start = "net.body."
    net.body.load_state_dict({k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)})
    return net
