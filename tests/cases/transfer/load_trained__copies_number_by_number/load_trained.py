from safetensors import safe_open


def load_trained(net, path):
    with safe_open(str(path), framework="pt") as file:
        for name, tensor in net.state_dict().items():
            tensor.copy_(file.get_tensor(f"net.{name}"))
    return net
