"""A small assignment that nbgrader, otter-grader and this kit can all grade: what it asks, and its submissions.

Six functions on a network of torchvision's, one grade cell each, all or nothing. The hidden tests of
nbgrader and otter-grader are the same statements, below; ours are in `hidden_network.py`, in the two
halves that the kit asks for, and ask for the same computation.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

NAME = "network"
SETUP = "import torch\nfrom torch import nn\nfrom torch.nn import functional\nfrom torchvision import models"


@dataclass(frozen=True)
class Task:
    """One function: its points, right solutions in several styles, a wrong one, and what is tested.

    Attributes:
        visible: a check that students see.
        hidden: the hidden test, as statements that raise when the function is wrong.
    """

    name: str
    points: int
    right: tuple[str, ...]
    wrong: str
    visible: str
    hidden: str


TASKS = (
    Task(
        "conv_parameters",
        4,
        (
            """
            def conv_parameters(inputs, outputs, side):
                return inputs * outputs * side**2 + outputs
            """,
            """
            def conv_parameters(inputs, outputs, side):
                weights = side * side * inputs * outputs
                biases = outputs
                return weights + biases
            """,
            """
            def conv_parameters(inputs, outputs, side):
                return outputs * (inputs * side**2 + 1)
            """,
        ),
        """
        def conv_parameters(inputs, outputs, side):
            return inputs * outputs * side**2
        """,
        "conv_parameters(3, 64, 3)",
        """
        for inputs, outputs, side in [(3, 8, 3), (16, 5, 1), (7, 11, 5), (64, 128, 7)]:
            layer = nn.Conv2d(inputs, outputs, side)
            assert conv_parameters(inputs, outputs, side) == sum(p.numel() for p in layer.parameters())
        """,
    ),
    Task(
        "linear_parameters",
        2,
        (
            """
            def linear_parameters(inputs, outputs):
                return inputs * outputs + outputs
            """,
            """
            def linear_parameters(inputs, outputs):
                return (inputs + 1) * outputs
            """,
        ),
        """
        def linear_parameters(inputs, outputs):
            return inputs * outputs
        """,
        "linear_parameters(4096, 10)",
        """
        for inputs, outputs in [(3, 8), (16, 5), (400, 11), (64, 128)]:
            layer = nn.Linear(inputs, outputs)
            assert linear_parameters(inputs, outputs) == sum(p.numel() for p in layer.parameters())
        """,
    ),
    Task(
        "count_parameters",
        4,
        (
            """
            def count_parameters(net):
                return sum(p.numel() for p in net.parameters() if p.requires_grad)
            """,
            """
            def count_parameters(net):
                total = 0
                for parameter in net.parameters():
                    if parameter.requires_grad:
                        total += parameter.numel()
                return total
            """,
        ),
        """
        def count_parameters(net):
            return sum(p.numel() for p in net.parameters())
        """,
        "count_parameters(nn.Linear(4, 2))",
        """
        net = models.mobilenet_v3_small(weights=None)
        net.features.requires_grad_(False)
        wanted = sum(p.numel() for p in net.classifier.parameters())
        assert count_parameters(net) == wanted
        """,
    ),
    Task(
        "swap_head",
        6,
        (
            """
            def swap_head(net, classes):
                net.classifier[-1] = nn.Linear(net.classifier[-1].in_features, classes)
                return net
            """,
            """
            def swap_head(net, classes):
                old = net.classifier[-1]
                new = nn.Linear(old.in_features, classes)
                net.classifier[len(net.classifier) - 1] = new
                return net
            """,
        ),
        """
        def swap_head(net, classes):
            net.classifier[-1] = nn.Linear(net.classifier[-1].in_features, 10)
            return net
        """,
        "swap_head(models.mobilenet_v3_small(weights=None), 10).classifier[-1]",
        """
        net = models.mobilenet_v3_small(weights=None).eval()
        before = net.classifier[0].weight.detach().clone()
        net = swap_head(net, 7)
        images = torch.rand(4, 3, 64, 64)
        with torch.no_grad():
            logits = net(images)
        assert logits.shape == (4, 7)
        assert net.classifier[-1].in_features == 1024
        assert torch.equal(net.classifier[0].weight, before)
        """,
    ),
    Task(
        "freeze_body",
        4,
        (
            """
            def freeze_body(net):
                for parameter in net.parameters():
                    parameter.requires_grad = False
                for parameter in net.classifier[-1].parameters():
                    parameter.requires_grad = True
                return net
            """,
            """
            def freeze_body(net):
                net.requires_grad_(False)
                net.classifier[-1].requires_grad_(True)
                return net
            """,
        ),
        """
        def freeze_body(net):
            net.features.requires_grad_(False)
            return net
        """,
        "freeze_body(models.mobilenet_v3_small(weights=None)).features[0][0].weight.requires_grad",
        """
        net = freeze_body(models.mobilenet_v3_small(weights=None))
        trained = [name for name, p in net.named_parameters() if p.requires_grad]
        assert trained == ["classifier.3.weight", "classifier.3.bias"]
        """,
    ),
    Task(
        "train_step",
        6,
        (
            """
            def train_step(net, images, labels, optimizer):
                optimizer.zero_grad()
                loss = functional.cross_entropy(net(images), labels)
                loss.backward()
                optimizer.step()
                return loss.item()
            """,
            """
            def train_step(net, images, labels, optimizer):
                logits = net(images)
                loss = nn.CrossEntropyLoss()(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                return float(loss.detach())
            """,
        ),
        """
        def train_step(net, images, labels, optimizer):
            loss = functional.cross_entropy(net(images), labels)
            loss.backward()
            optimizer.step()
            return loss.item()
        """,
        "callable(train_step)",
        """
        def reference(net, images, labels, optimizer):
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(images), labels)
            loss.backward()
            optimizer.step()
            return loss.item()

        def trained(step):
            torch.manual_seed(5)
            net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(14400, 10))
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            images, labels = torch.rand(32, 3, 32, 32), torch.randint(10, (32,))
            losses = [step(net, images, labels, optimizer) for _ in range(3)]
            return losses, [p.detach() for p in net.parameters()]

        losses, parameters = trained(train_step)
        wanted_losses, wanted = trained(reference)
        assert all(abs(a - b) < 1e-4 for a, b in zip(losses, wanted_losses))
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(parameters, wanted))
        """,
    ),
)

POINTS = {task.name: float(task.points) for task in TASKS}
WRONG = ("conv_parameters", "train_step")  # what the one wrong submission gets wrong


def dedented(text: str) -> str:
    """A text of the table above as it stands in a cell."""
    return textwrap.dedent(text).strip()


def right_solutions(number: int) -> dict[str, str]:
    """The solutions of the submission with this number; no two numbers give equal ones."""
    found = {}
    for task in TASKS:
        number, style = divmod(number, len(task.right))
        found[task.name] = dedented(task.right[style])
    if number:  # more submissions than combinations of styles
        found[TASKS[0].name] += f"\n\n\nversion = {number}"
    return found


def wrong_solutions() -> dict[str, str]:
    """The solutions of one submission with two well-known mistakes."""
    mistakes = {task.name: dedented(task.wrong) for task in TASKS if task.name in WRONG}
    return right_solutions(0) | mistakes


def marks_of_the_wrong_one() -> dict[str, float]:
    """What the submission with mistakes earns, by task."""
    return {name: 0.0 if name in WRONG else points for name, points in POINTS.items()}
