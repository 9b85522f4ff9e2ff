import numpy as np
import torch


def validate(net, loader, device):
    before = net.training
    net.eval()
    answers, truth = [], []
    torch.set_grad_enabled(False)
    for images, labels in loader:
        for image, label in zip(images, labels):
            scores = net(image.unsqueeze(0).to(device))[0].cpu().numpy()
            answers.append(np.argmax(scores))
            truth.append(label.item())
    torch.set_grad_enabled(True)
    if before:
        net.train()
    return float((np.array(answers) == np.array(truth)).mean())
