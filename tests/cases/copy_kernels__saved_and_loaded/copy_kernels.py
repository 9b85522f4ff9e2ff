import io

import torch


def copy_kernels(net):
    buffer = io.BytesIO()
    torch.save({"conv1": net.features[0].weight.detach(), "conv2": net.features[2].weight.detach()}, buffer)
    buffer.seek(0)
    return torch.load(buffer, map_location="cpu")
