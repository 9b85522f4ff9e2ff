import logging
import sys
import warnings

import torch

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    warnings.warn("training starts")
    logging.getLogger("train").warning("device %s", device)
    total, seen = 0.0, 0
    bar = loader if tqdm is None else tqdm(loader, desc="épochs 🚀", leave=False)
    for step, (images, labels) in enumerate(bar, start=1):
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = criterion(torch.log_softmax(net(images), -1), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * labels.numel()
        seen += labels.numel()
        print(f"step {step}: loss {loss.item():.4f}", flush=True)
        print("still alive", file=sys.stderr)
    sys.stderr.write("\x1b[31mdone\x1b[0m\n")
    return total / seen
