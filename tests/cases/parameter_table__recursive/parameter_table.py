def parameter_table(net, prefix="", seen=None):
    seen = set() if seen is None else seen
    table = []
    for name, tensor in net._parameters.items():
        if tensor is not None and tensor not in seen:
            seen.add(tensor)
            table.append((prefix + name, tuple(tensor.size()), tensor.nelement()))
    for name, child in net.named_children():
        table += parameter_table(child, prefix + name + ".", seen)
    return table
