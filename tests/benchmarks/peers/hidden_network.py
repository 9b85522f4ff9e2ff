"""Our hidden tests of the assignment in `assignment.py`: what nbgrader's and otter's ask, in two halves."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from autograder.grading import (
    Challenge,
    Student,
    expect,
    expect_close,
    expect_shape,
    graded,
    probe,
)


@graded("conv_parameters_tests")
def test_weights_and_biases_of_a_convolution(student: Student, challenge: Challenge) -> None:
    """Weights and biases of a convolution are counted."""
    for _ in range(4):
        inputs, outputs, side = challenge.rng.integers(1, (64, 128, 8)).tolist()
        layer = nn.Conv2d(inputs, outputs, side)
        seen = student.conv_parameters(inputs, outputs, side)
        expect(seen == sum(p.numel() for p in layer.parameters()), "The count is not right.")


@graded("linear_parameters_tests")
def test_weights_and_biases_of_a_linear_layer(student: Student, challenge: Challenge) -> None:
    """Weights and biases of a fully connected layer are counted."""
    for _ in range(4):
        inputs, outputs = challenge.rng.integers(1, (400, 128)).tolist()
        layer = nn.Linear(inputs, outputs)
        seen = student.linear_parameters(inputs, outputs)
        expect(seen == sum(p.numel() for p in layer.parameters()), "The count is not right.")


@probe
def count_of_half_frozen(count_parameters: Any) -> Any:
    from torchvision import models

    net = models.mobilenet_v3_small(weights=None)
    net.features.requires_grad_(False)
    return count_parameters(net)


@graded("count_parameters_tests")
def test_frozen_parameters_do_not_count(student: Student) -> None:
    """Parameters that can be trained are counted, and no others."""
    # The classifier's, of 576 features, 1024 hidden units and 1000 classes.
    expect(student.run(count_of_half_frozen) == 577 * 1024 + 1025 * 1000, "The count is not right.")


@probe
def swapped(swap_head: Any, images: Any, classes: Any) -> Any:
    import torch
    from torchvision import models

    net = models.mobilenet_v3_small(weights=None).eval()
    before = net.classifier[0].weight.detach().clone()
    net = swap_head(net, classes)
    with torch.no_grad():
        logits = net(images)
    return {
        "logits": logits,
        "inputs": net.classifier[-1].in_features,
        "kept": torch.equal(net.classifier[0].weight, before),
    }


@graded("swap_head_tests")
def test_the_head_answers_for_the_classes(student: Student, challenge: Challenge) -> None:
    """The last layer answers for as many classes as are asked for, and the rest stays."""
    images = torch.from_numpy(challenge.images(4, 64))  # (4, 3, 64, 64)
    classes = int(challenge.rng.integers(5, 9))
    seen = student.run(swapped, images=images, classes=classes)
    expect_shape(seen["logits"], (4, classes))
    expect(seen["inputs"] == 1024, "The last layer's inputs are not those of the old one.")
    expect(seen["kept"] is True, "Another layer has changed.")


@probe
def trained_parameters(freeze_body: Any) -> Any:
    from torchvision import models

    net = freeze_body(models.mobilenet_v3_small(weights=None))
    return [name for name, p in net.named_parameters() if p.requires_grad]


@graded("freeze_body_tests")
def test_only_the_head_is_trained(student: Student) -> None:
    """Only the last layer's parameters can be trained."""
    wanted = ["classifier.3.weight", "classifier.3.bias"]
    expect(student.run(trained_parameters) == wanted, "Other parameters can be trained.")


@probe
def trained(train_step: Any, seed: Any, images: Any, labels: Any) -> Any:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(14400, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    losses = [train_step(net, images, labels, optimizer) for _ in range(3)]
    return {"losses": losses, "parameters": [p.detach() for p in net.parameters()]}


def reference(net: Any, images: Any, labels: Any, optimizer: Any) -> float:
    """One step, as it should be."""
    optimizer.zero_grad()
    loss = functional.cross_entropy(net(images), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


@graded("train_step_tests")
def test_three_steps_go_where_they_should(student: Student, challenge: Challenge) -> None:
    """Three steps move every parameter as the reference does."""
    data = {
        "seed": challenge.seed,
        "images": torch.from_numpy(challenge.images(32)),  # (32, 3, 32, 32)
        "labels": torch.from_numpy(challenge.rng.integers(10, size=32)),  # (32,)
    }
    seen = student.run(trained, **data)
    wanted = trained(reference, **data)
    expect_close(seen["losses"], wanted["losses"], atol=1e-4)
    expect(len(seen["parameters"]) == len(wanted["parameters"]), "Parameters are missing.")
    for theirs, ours in zip(seen["parameters"], wanted["parameters"], strict=True):
        expect_close(theirs, ours, atol=1e-6)
