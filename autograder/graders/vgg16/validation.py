"""What the grader of validate asks, and the networks on which mistakes show."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.graders.vgg16.networks import drawn_state, tiny_net
from autograder.graders.vgg16.steady import STEADY, held, remembered, steady
from autograder.graders.vgg16.training import DEVICE
from autograder.grading import Challenge, probe


@probe(uses=(tiny_net, *STEADY, remembered))
def one_validation(
    validate: Any, state: Any, images: Any, labels: Any, batch_size: int, classes: int,
    training: bool, device_name: str,
) -> Any:  # fmt: skip
    """Call validate on a network with gradients; what it returns, does and leaves behind."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    device = torch.device(device_name)
    net = tiny_net(classes, True)
    net.load_state_dict(state)
    net.to(device)
    held(net, device_name)
    for number, parameter in enumerate(net.parameters()):
        parameter.grad = torch.full_like(parameter, number + 0.5)
    net.train(training)
    modes = []
    graphs = []

    def watch(module: Any, _inputs: Any, output: Any) -> None:
        modes.append(any(part.training for part in module.modules()))
        graphs.append(bool(output.requires_grad))

    handle = net.register_forward_hook(watch)
    data = TensorDataset(images.to(device), labels.to(device))
    loader = DataLoader(data, batch_size=batch_size)
    try:
        with steady(device_name), remembered(validate, device_name != "cpu"):
            accuracy = validate(net, loader, device)
    finally:
        handle.remove()
    return {
        "accuracy": accuracy,
        "any_pass": bool(modes),
        "any_training": any(modes),
        "any_graph": any(graphs),
        "trains_after": [bool(part.training) for part in net.modules()],
        "requires_grad": [bool(parameter.requires_grad) for parameter in net.parameters()],
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
        "gradients": [
            None if parameter.grad is None else parameter.grad.cpu()
            for parameter in net.parameters()
        ],
    }


IN_TRAINING = "the network were in training mode"


def validation_challenge(challenge: Challenge, training: bool) -> dict[str, Any]:
    """A network and images on which each mistake gives an accuracy of its own.

    The network's answers depend on its mode. About six in ten labels are its own answers, but one of
    four in the smaller last batch, so that a mean of batch accuracies differs, too. Should chance make
    two of these accuracies close, we draw again.
    """
    for attempt in range(50):
        data = _drawn(challenge, challenge.seed + attempt, training)
        right, sizes = (np.array(numbers) for numbers in accuracies(data, False))
        in_training, _ = accuracies(data, True)
        count = sizes.sum()
        apart = (
            abs(sum(in_training) - right.sum()),
            abs(np.mean(right / sizes) * count - right.sum()),
        )
        known = sorted(
            [right.sum() / count, *mistaken_accuracies(right, sizes, in_training).values()]
        )
        answers, classes = mistaken_answers(data)
        apart += tuple(abs(hits - right.sum()) for hits in (*answers, *classes))
        # What has no name must not be called by another's: other answers, and two mistakes at once.
        both = mistaken_accuracies(np.array(in_training), sizes, in_training)
        del both[IN_TRAINING]
        others = [*(np.array(answers) / count), *both.values()]
        unnamed = np.abs(np.subtract.outer(others, known)).min()
        if min(apart) >= 2 and min(np.diff(known).min(), unnamed) > 1e-3:  # images; of 1
            break
    return data


def mistaken_answers(data: dict[str, Any]) -> tuple[list[int], list[int]]:
    """How many labels are met by what is mistaken for the network's answer, and by each class alone."""
    net = tiny_net(data["classes"], True)
    net.load_state_dict(data["state"])
    labels = data["labels"]
    with torch.no_grad():
        scores = net.eval()(data["images"])  # (n, classes)
    chances = torch.softmax(scores, dim=1)
    order = scores.argsort(dim=1, descending=True)
    sure = chances.amax(dim=1) > 0.5
    answers: list[torch.Tensor] = [
        *(way(scores.amax(dim=1)) for way in (torch.round, torch.trunc)),  # values, not indices
        *(way(chances.amax(dim=1)) for way in (torch.round, torch.trunc)),
        order[:, 1],
        order[:, -1],
        torch.where(sure, order[:, 0], -1),  # only answers that are clear
        order[:, 0] + 1,  # classes counted from 1
    ]
    among_two = (order[:, :2] == labels[:, None]).any(dim=1)
    hits = [int((answer == labels).sum()) for answer in answers]
    return [*hits, int(among_two.sum())], torch.bincount(labels).tolist()


def mistaken_accuracies(right: Any, sizes: Any, in_training: Any) -> dict[str, float]:
    """What known mistakes return, by right answers in each batch, the batches' sizes, and the right
    answers in training mode."""
    count = sizes.sum()
    return {
        "it were in percent": 100 * right.sum() / count,
        "the batches' accuracies were averaged, and the last, smaller batch weighed as much as the "
        "others": np.mean(right / sizes),
        IN_TRAINING: np.sum(in_training) / count,
        "right answers were counted, and not divided": right.sum(),
        "the right answers were divided by the number of batches": right.sum() / len(sizes),
        "only the first batch were counted (is `return` inside the loop?)": right[0] / sizes[0],
        "only the last batch were counted": right[-1] / sizes[-1],
        "wrong answers were counted": 1 - right.sum() / count,
    }


def _drawn(challenge: Challenge, seed: int, training: bool) -> dict[str, Any]:
    rng = challenge.rng
    classes, batch_size = int(rng.integers(5, 8)), int(rng.integers(9, 14))
    last = 4
    count = batch_size * 5 + last
    state = drawn_state(lambda: tiny_net(classes, True), seed)
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            tensor += torch.from_numpy(rng.normal(size=tensor.shape)).float()
        elif name.endswith("running_var"):
            tensor *= torch.from_numpy(rng.uniform(0.1, 3, tensor.shape)).float()
    net = tiny_net(classes, True).eval()
    net.load_state_dict(state)
    images = torch.from_numpy(rng.normal(size=(count * 3, 3, 8, 8))).float()
    with torch.no_grad():
        # As drawn, the network has one answer to all images; so each class starts from where it is.
        state["9.bias"] -= net(images).mean(dim=0)
        net.load_state_dict(state)
        top = net(images).topk(2, dim=1)
    # The clearer half of the answers: no rounding, not even a GPU's, turns one of them.
    margin = top.values[:, 0] - top.values[:, 1]
    clear = margin.argsort(descending=True)[: count * 3 // 2]
    clear = clear[torch.from_numpy(rng.permutation(len(clear)))]
    # As many of each answer as there are, or one class for all would be nearly as right as the network.
    hits = nn.functional.one_hot(top.indices[clear, 0], classes)
    place = (hits.cumsum(dim=0) * hits).sum(dim=1)  # the first, second, … image with its answer
    chosen = clear[place.argsort(stable=True)[:count]]
    chosen = chosen[torch.from_numpy(rng.permutation(count))]
    answers = top.indices[chosen, 0]
    wrong = torch.from_numpy(rng.random(count) < 0.35)
    wrong[-last:] = True
    wrong[-1] = False
    others = (answers + 1 + torch.from_numpy(rng.integers(0, classes - 1, count))) % classes
    return {
        "state": state,
        "images": images[chosen],
        "labels": torch.where(wrong, others, answers),
        "batch_size": batch_size,
        "classes": classes,
        "training": training,
        "device_name": DEVICE,
    }


def accuracies(data: dict[str, Any], training_mode: bool) -> tuple[list[float], list[int]]:
    """Right answers in each batch, and the batches' sizes, of the network in that mode."""
    net = tiny_net(data["classes"], True)
    net.load_state_dict(data["state"])
    net.train(training_mode)
    size = data["batch_size"]
    pairs = list(zip(data["images"].split(size), data["labels"].split(size), strict=True))
    with torch.no_grad():
        return [float((net(x).argmax(1) == y).sum()) for x, y in pairs], [len(y) for _, y in pairs]
