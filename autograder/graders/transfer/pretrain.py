"""Makes trained.safetensors, the weights that the notebooks begin with: no download, no data but our own.

    python -m autograder.graders.transfer.pretrain

Some thousand drawn images of six classes, with a seed of its own, a few epochs on one thread. The file has
half precision (95 kB) and the names that a wrapped network gives them, `net.body.0.weight`. On another
machine or torch the last bits may differ, so the file that is there is the one that counts.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from autograder.data import DRAWN_CLASSES, draw_images
from autograder.data.transfer_tools import OLD, images_of, small_net

FILE = Path(__file__).with_name("trained.safetensors")
SEED = 3400
IMAGES = 6000  # of all ten classes; six tenths of them are used
EPOCHS = 10
BATCH = 50
RATE = 3e-3  # of Adam, falling to zero along a half cosine


def main() -> None:
    """Train, say how well it does on new images of its classes, and write the file."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    inputs, labels = images_of(OLD, DRAWN_CLASSES, *draw_images(IMAGES, SEED))
    net = small_net(len(OLD))
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    steps = EPOCHS * -(-len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(labels)), BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(inputs[rows]), labels[rows])
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    net.half().float().eval()
    inputs, labels = images_of(OLD, DRAWN_CLASSES, *draw_images(2000, SEED + 1))
    with torch.no_grad():
        right = float((net(inputs).argmax(1) == labels).float().mean())
    print(f"right on {right:.1%} of {len(labels)} new images of its classes")
    tensors = {f"net.{name}": part for name, part in net.half().state_dict().items()}
    save_file(tensors, FILE)
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
