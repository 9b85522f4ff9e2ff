"""Hidden tests of notebook 3: the device, the loop, the validation, the fit, the curves.

The loop is judged by equality: the same network, batches and optimizer here and in the box, and the
parameters must have moved alike. `fit` must also learn: see `test_a_short_run_learns`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.graders.vgg16 import networks, reference, short_run, training
from autograder.graders.vgg16.replies import (
    Floats,
    fields,
    flag,
    likely_mistake,
    real,
    sequence,
    updates,
    vector,
    whole,
)
from autograder.graders.vgg16.training import TOLERANCE, TrainingChallenge, training_challenge
from autograder.graders.vgg16.wrong_loops import WRONG_LOOPS
from autograder.grading import (
    Challenge,
    Student,
    expect,
    expect_close,
    expect_type,
    graded,
    probe,
    relative_difference,
)
from autograder.grading.compare import describe

# pick_device


@probe
def picked_devices(pick_device: Any) -> Any:
    """What is picked here, and what where torch says that there is, or is not, a GPU."""
    import types

    import torch

    def picked() -> Any:
        device = pick_device()
        return [isinstance(device, torch.device), str(getattr(device, "type", device)), device]

    accelerator = getattr(torch, "accelerator", None)
    current = getattr(accelerator, "current_accelerator", None)
    device_here = picked()
    here = torch.cuda.is_available() or torch.backends.mps.is_available()
    here = here or bool(accelerator is not None and accelerator.is_available())
    pretended = {}
    for present in (True, False):

        def accelerator_now(check_available: bool = False, present: bool = present) -> Any:
            if present:
                return torch.device("cuda")
            return None if check_available or current is None else current()

        patches = [
            (torch.cuda, "is_available", lambda present=present: present),
            (torch.cuda, "device_count", lambda present=present: int(present)),
            (torch.cuda, "current_device", lambda: 0),
            (torch.cuda, "get_device_name", lambda *_, **__: "a GPU"),
            (torch.cuda, "get_device_capability", lambda *_, **__: (9, 0)),
            (torch.backends.mps, "is_available", lambda: False),
            (accelerator, "is_available", lambda present=present: present),
            (accelerator, "device_count", lambda present=present: int(present)),
            (accelerator, "current_accelerator", accelerator_now),
        ]
        originals = []
        scope = getattr(pick_device, "__globals__", {})
        imported = []
        try:
            for owner, name, stand_in in patches:
                if hasattr(owner, name):
                    original = getattr(owner, name)
                    originals.append((owner, name, original))
                    imported += [
                        (key, value, stand_in)
                        for key, value in scope.items()
                        if value is original and isinstance(value, types.FunctionType)
                    ]
                    setattr(owner, name, stand_in)
            for key, _value, stand_in in imported:
                scope[key] = stand_in
            pretended[str(present)] = picked()
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)
            for key, value, _stand_in in imported:
                scope[key] = value
    return {"here": device_here, "gpu_here": here, "with": pretended["True"], "without": pretended["False"]}


def device_type(answer: Any) -> str:
    is_device, kind, device = sequence(answer, "What pick_device gave", 3)
    expect(
        isinstance(is_device, bool) and is_device,
        f"pick_device should return a torch.device; yours returns {describe(device)}.",
    )
    return str(kind)


@graded("pick_device_tests", weight=1)
def test_without_a_gpu_the_cpu_is_picked(student: Student) -> None:
    """The CPU is picked where there is no GPU.

    We also let torch say that there is none. The result should be a torch.device, not a string.
    """
    reply = fields(student.run(picked_devices), "here", "gpu_here", "with", "without")
    expect(device_type(reply["without"]) == "cpu", "Without a GPU the CPU should be picked.")
    kind = device_type(reply["here"])
    expect(flag(reply["gpu_here"]) or kind == "cpu", "This machine has no GPU, but one was picked.")


@graded("pick_device_tests", weight=1)
def test_the_gpu_is_picked_when_there_is_one(student: Student) -> None:
    """The GPU is picked where there is one.

    We let torch say that it sees a GPU. Do you ask torch, or is the answer fixed?
    """
    reply = fields(student.run(picked_devices), "here", "gpu_here", "with", "without")
    expect(device_type(reply["with"]) == "cuda", "With a GPU in the machine it should be picked.")
    kind = device_type(reply["here"])
    expect(kind != "cpu" or not flag(reply["gpu_here"]), "This machine has a GPU; the CPU was picked.")


# make_criterion_and_optimizer


@probe
def criterion_and_steps(
    make_criterion_and_optimizer: Any,
    learning_rate: Any,
    scores: Any,
    labels: Any,
    start: Any,
    gradients: Any,
) -> Any:
    """The criterion's value, and the parameters after a step with each of the given gradients."""
    import torch
    from torch import nn

    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 6))
    net.load_state_dict(start)
    make = make_criterion_and_optimizer
    made = make(net) if learning_rate is None else make(net, learning_rate)
    if not isinstance(made, tuple | list) or len(made) != 2 or not callable(made[0]):
        return {"made": made}
    criterion, optimizer = made
    if not isinstance(optimizer, torch.optim.Optimizer):
        return {"made": "no optimizer", "optimizer": optimizer}
    for gradient in gradients:
        for name, parameter in net.named_parameters():
            parameter.grad = gradient[name].clone()
        optimizer.step()
    return {
        "made": "both",
        "loss": criterion(scores, labels),
        "state": {name: tensor.detach() for name, tensor in net.state_dict().items()},
    }


class AdamChallenge:
    """Parameters, and gradients of very different sizes for three steps."""

    def __init__(self, challenge: Challenge, learning_rate: float | None) -> None:
        rng = challenge.rng
        shapes = {"0.weight": (5, 3, 3, 3), "0.bias": (5,), "3.weight": (6, 20), "3.bias": (6,)}

        def drawn(shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
            # Sizes over four decades show epsilon, and large parameters show weight decay.
            size = 10.0 ** rng.uniform(-4, 0, shape)
            return torch.from_numpy(rng.normal(size=shape) * size * scale).float()

        self.start = {name: 3 + drawn(shape) for name, shape in shapes.items()}
        # The second gradients are smaller and the third ones opposite: this tells Adam's averages apart.
        self.data = {
            "learning_rate": learning_rate,
            "scores": drawn((9, 6)) * 3,
            "labels": torch.from_numpy(rng.integers(0, 6, 9)),
            "start": self.start,
            "gradients": [
                {name: drawn(shape, scale) for name, shape in shapes.items()} for scale in (1, 0.1, -1)
            ],
        }

    def of(self, student: Student) -> dict[str, Any]:
        reply = fields(student.run(criterion_and_steps, **self.data), "made")
        made = reply["made"]
        expect(
            not (isinstance(made, str) and made == "no optimizer"),
            "The second result should be an optimizer of torch.optim. "
            f"Yours is {describe(reply.get('optimizer'))}.",
        )
        expect(
            isinstance(made, str) and made == "both",
            f"Two things should be returned, (criterion, optimizer); yours is {describe(made)}.",
        )
        return fields(reply, "loss", "state")

    def moved(self, make: Any) -> Floats:
        """The updates that another make_criterion_and_optimizer leads to."""
        return updates(criterion_and_steps(make, **self.data)["state"], self.start)

    def expect_adam(self, seen: Floats) -> None:
        # Adam's implementations (for-loop, foreach, fused) differ by rounding: below 1e-6 of an
        # update, plus that of a float32 parameter near 3 (2e-7), which is 0.0008 of a step of 1e-4.
        tolerance = 5e-3
        if relative_difference(seen, self.moved(reference.make_criterion_and_optimizer)) <= tolerance:
            return
        lr = self.data["learning_rate"] or 1e-4
        optim = torch.optim

        def using(make: Any) -> Any:
            return lambda: self.moved(lambda net, _lr=None: (None or torch.nn.NLLLoss(), make(net)))

        hint = likely_mistake(
            seen,
            {
                "SGD were used, and not Adam": using(lambda net: optim.SGD(net.parameters(), lr=lr)),
                "AdamW were used, and not Adam": using(lambda net: optim.AdamW(net.parameters(), lr=lr)),
                "RMSprop were used, and not Adam": using(lambda net: optim.RMSprop(net.parameters(), lr=lr)),
                "Adam had the weight decay 0.01": using(
                    lambda net: optim.Adam(net.parameters(), lr=lr, weight_decay=1e-2)
                ),
                "Adam had amsgrad": using(lambda net: optim.Adam(net.parameters(), lr=lr, amsgrad=True)),
                "the learning rate were always torch's own default": using(
                    lambda net: optim.Adam(net.parameters())
                ),
                "the learning rate were always 1e-4": using(
                    lambda net: optim.Adam(net.parameters(), lr=1e-4)
                ),
                "only the last layer's parameters were given to the optimizer": using(
                    lambda net: optim.Adam(net[-1].parameters(), lr=lr)
                ),
                "only the weights were given to the optimizer, and no bias": using(
                    lambda net: optim.Adam((p for p in net.parameters() if p.ndim > 1), lr=lr)
                ),
                "no parameters were given to the optimizer": lambda: np.zeros_like(seen),
            },
            tolerance,
            "They moved as if",
        )
        expect(False, f"The parameters did not move as Adam moves them at this learning rate. {hint}")


@graded("make_criterion_and_optimizer_tests", weight=1)
def test_the_criterion_is_the_negative_log_likelihood(student: Student, challenge: Challenge) -> None:
    """The criterion is the mean negative log-likelihood of log-probabilities.

    We gave it random scores and labels. Does it take a log-softmax of its own, or add up where it
    should average?
    """
    drawn = AdamChallenge(challenge, 1e-3)
    loss = drawn.of(student)["loss"]
    scores, labels = drawn.data["scores"], drawn.data["labels"]
    right = torch.nn.functional.nll_loss(scores, labels)
    expect_type(loss, torch.Tensor, "the loss")
    expect(loss.numel() == 1, f"The loss should be one number; yours is {describe(loss)}.")
    wrong = {
        "the criterion took a log-softmax of its own (cross-entropy)": lambda: [
            torch.nn.functional.cross_entropy(scores, labels)
        ],
        "the losses were added up and not averaged": lambda: [right * len(labels)],
    }
    seen = loss.reshape(1)
    matches = relative_difference(seen, [float(right)]) <= 1e-4
    hint = "" if matches else likely_mistake(seen, wrong, 1e-4, "It is as if")
    expect_close(seen, [float(right)], rtol=1e-4, what="the criterion's value", hint=hint)


@graded("make_criterion_and_optimizer_tests", weight=2)
def test_adam_moves_all_parameters_with_the_given_learning_rate(
    student: Student, challenge: Challenge
) -> None:
    """The optimizer is Adam over all parameters, with the given learning rate and no other options.

    We set gradients, made three steps and compared every parameter of the network.
    """
    for learning_rate in (3e-3, float(challenge.rng.uniform(1e-2, 3e-2))):
        drawn = AdamChallenge(challenge, learning_rate)
        drawn.expect_adam(updates(drawn.of(student)["state"], drawn.start))


@graded("make_criterion_and_optimizer_tests", weight=1)
def test_the_default_learning_rate_is_a_ten_thousandth(student: Student, challenge: Challenge) -> None:
    """Unless told otherwise the learning rate is 1e-4.

    We called the function with the network alone, and made three steps.
    """
    drawn = AdamChallenge(challenge, None)
    drawn.expect_adam(updates(drawn.of(student)["state"], drawn.start))


# train_epoch


def expect_same_updates(student: Student, drawn: TrainingChallenge) -> None:
    """Fail, with the mistake's name where it is known, unless the parameters moved as they should."""
    reply = fields(student.run(training.one_epoch, **drawn.data), "state")
    seen = updates(reply["state"], drawn.parameters)
    if relative_difference(seen, moved_by(reference.train_epoch, drawn)) <= TOLERANCE:
        return
    mistakes = {name: lambda loop=loop: moved_by(loop, drawn) for name, loop in WRONG_LOOPS.items()}
    hint = likely_mistake(seen, mistakes, TOLERANCE, "Your parameters moved exactly as if")
    expect(False, f"The parameters did not move as one epoch of training moves them. {hint}")


def moved_by(train_epoch: Any, drawn: TrainingChallenge) -> Floats:
    return updates(training.one_epoch(train_epoch, **drawn.data)["state"], drawn.parameters)


@graded("train_epoch_tests", weight=5)
def test_each_batch_makes_one_step_with_its_own_gradient(student: Student, challenge: Challenge) -> None:
    """Each batch makes one step, with the gradient of its own loss.

    We trained a small network for one epoch with plain gradient descent and compared how far every
    parameter moved. Per batch: zero the gradients, forward, log-softmax over the classes,
    criterion, backward, step.
    """
    expect_same_updates(student, training_challenge(challenge, norm=False, learning_rate=0.3))


@graded("train_epoch_tests", weight=2)
def test_the_epoch_runs_in_training_mode(student: Student, challenge: Challenge) -> None:
    """The network is in training mode, and sees each batch once.

    We gave a network with batch normalisation in evaluation mode, and looked at its running
    statistics afterwards: they follow each batch that passes in training mode.
    """
    drawn = training_challenge(challenge, norm=True, learning_rate=0.0)
    reply = fields(student.run(training.one_epoch, **drawn.data), "state")
    steps = fields(reply["state"], "1.num_batches_tracked")["1.num_batches_tracked"]
    expect_type(steps, torch.Tensor, "the number of batches")
    expect(
        steps.numel() == 1 and float(steps) > 0,
        "The running statistics never moved: the network was not in training mode.",
    )
    right = vector(training.one_epoch(reference.train_epoch, **drawn.data)["state"], drawn.buffers)
    seen = vector(reply["state"], drawn.buffers, "statistic")
    expect(
        relative_difference(seen, right) <= TOLERANCE,
        "The running statistics are not those of one pass over the loader in training mode.",
    )


@graded("train_epoch_tests", weight=3)
def test_the_result_is_the_mean_loss_per_image(student: Student, challenge: Challenge) -> None:
    """The result is the mean loss per image, as a float.

    We kept the parameters still (learning rate 0), so that only the forward pass and the averaging
    count. The last batch was smaller: its images count as much as all others, not its mean as much
    as other means.
    """
    drawn = training_challenge(challenge, norm=False, learning_rate=0.0)
    loss = fields(student.run(training.one_epoch, **drawn.data), "loss")["loss"]
    expect(loss is not None, "train_epoch should return the mean loss; yours returns None.")
    seen = real(loss, "the mean loss")
    right = training.one_epoch(reference.train_epoch, **drawn.data)["loss"]
    # float32 losses, summed in any order: measured below 1e-6. The mean of batch means is 0.03 away
    # or more, since the last batch's images are brighter.
    if abs(seen - right) <= 2e-3 * right:
        return
    means, sizes = batch_losses(drawn)
    wrong: dict[str, Any] = {
        "the means of the batches were averaged, and the smaller last batch weighed as much as the "
        "others": lambda: [np.mean(means)],
        "the sum of the batch means were divided by the number of images": lambda: [
            np.sum(means) / np.sum(sizes)
        ],
        "the batch means were added up, and not divided by anything": lambda: [np.sum(means)],
        "the losses of all images were added up, and not divided": lambda: [np.dot(means, sizes)],
        "the sum over all images were divided by the number of batches": lambda: [
            np.dot(means, sizes) / len(sizes)
        ],
        "each batch mean were taken times the batch size of full batches": lambda: [
            np.sum(means) * sizes[0] / np.sum(sizes)
        ],
        "only the last batch's loss were returned": lambda: [means[-1]],
        "only the first batch's loss were returned": lambda: [means[0]],
    }
    expect(
        False,
        f"The mean loss per image is not right. {likely_mistake([seen], wrong, 2e-3, 'It is as if')}",
    )


def batch_losses(drawn: TrainingChallenge) -> tuple[Floats, Floats]:
    """The mean loss of each batch, and its number of images, with the parameters as drawn."""
    net = networks.tiny_net(drawn.data["classes"], False)
    net.load_state_dict(drawn.data["state"])
    size = drawn.data["batch_size"]
    batches = list(
        zip(drawn.data["images"].split(size), drawn.data["labels"].split(size), strict=True)
    )
    with torch.no_grad():
        means = [float(torch.nn.functional.cross_entropy(net(x), y)) for x, y in batches]
    return np.array(means), np.array([float(len(y)) for _, y in batches])


@graded("train_epoch_tests", weight=1)
def test_the_lectures_loop_moves_everything_alike(student: Student, challenge: Challenge) -> None:
    """One epoch with Adam and batch normalisation moves the parameters as the reference does.

    This is the whole loop at once, with the course's own optimizer.
    """
    expect_same_updates(
        student, training_challenge(challenge, norm=True, learning_rate=3e-3, optimizer="Adam")
    )


@graded("train_epoch_tests", weight=1)
def test_the_given_criterion_is_used(student: Student, challenge: Challenge) -> None:
    """The loss comes from the criterion that was passed in.

    We passed one that weighs errors differently. Is a loss function named inside the loop?
    """
    factor = float(challenge.rng.uniform(0.3, 0.5))
    drawn = training_challenge(challenge, norm=False, learning_rate=0.3, factor=factor)
    reply = fields(student.run(training.one_epoch, **drawn.data), "state")
    seen = updates(reply["state"], drawn.parameters)
    right = moved_by(reference.train_epoch, drawn)
    expect(
        relative_difference(seen, right) <= TOLERANCE,
        "The parameters did not move as the gradient of the given criterion moves them.",
    )


# validate


def validation_challenge(challenge: Challenge, training_mode: bool) -> dict[str, Any]:
    """A network whose answers depend on its mode, and images that it answers with a clear margin.

    About six in ten labels are its own answers, none of those in the smaller last batch: an
    accuracy of training mode, or a mean of batch accuracies, is another one.
    """
    rng = challenge.rng
    classes, batch_size = int(rng.integers(5, 8)), int(rng.integers(9, 14))
    count, last = batch_size * 5 + 4, 4
    state = networks.drawn_state(lambda: networks.tiny_net(classes, True), challenge.seed)
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            tensor += torch.from_numpy(rng.normal(size=tensor.shape)).float() * 0.5
        elif name.endswith("running_var"):
            tensor *= torch.from_numpy(rng.uniform(0.2, 3, tensor.shape)).float()
    net = networks.tiny_net(classes, True)
    net.load_state_dict(state)
    images = torch.from_numpy(rng.normal(size=(count * 6, 3, 8, 8))).float()
    with torch.no_grad():
        top = net.eval()(images).topk(2, dim=1)
    margin = top.values[:, 0] - top.values[:, 1]
    chosen = margin.argsort(descending=True)[: count * 3][
        torch.from_numpy(rng.permutation(count * 3)[:count])
    ]
    answers = top.indices[chosen, 0]
    wrong = torch.from_numpy(rng.random(count) < 0.35)
    wrong[-last:] = True
    labels = torch.where(wrong, (answers + 1 + torch.from_numpy(rng.integers(0, classes - 1, count))) % classes, answers)  # fmt: skip  # noqa: E501
    return {
        "state": state,
        "images": images[chosen],
        "labels": labels,
        "batch_size": batch_size,
        "classes": classes,
        "training": training_mode,
        "device_name": training.DEVICE,
    }


def validated(student: Student, data: dict[str, Any]) -> dict[str, Any]:
    return fields(
        student.run(training.one_validation, **data),
        *("accuracy", "any_training", "any_graph", "trains_after", "requires_grad", "state", "gradients"),
    )


def accuracies(data: dict[str, Any], training_mode: bool) -> tuple[list[float], list[int]]:
    """Right answers in each batch, and the batches' sizes, of the network in that mode."""
    net = networks.tiny_net(data["classes"], True)
    net.load_state_dict(data["state"])
    net.train(training_mode)
    size = data["batch_size"]
    pairs = list(zip(data["images"].split(size), data["labels"].split(size), strict=True))
    with torch.no_grad():
        return [float((net(x).argmax(1) == y).sum()) for x, y in pairs], [len(y) for _, y in pairs]


@graded("validate_tests", weight=3)
def test_the_accuracy_is_that_of_all_images_in_evaluation_mode(
    student: Student, challenge: Challenge
) -> None:
    """The result is the fraction of right answers over all images, in evaluation mode.

    The last batch was smaller, and the network answers differently in training mode. The result is
    a float from 0 to 1.
    """
    data = validation_challenge(challenge, training_mode=True)
    seen = validated(student, data)
    expect(seen["accuracy"] is not None, "validate should return the accuracy; yours returns None.")
    accuracy = real(seen["accuracy"], "the accuracy")
    right, sizes = (np.array(numbers) for numbers in accuracies(data, False))
    if abs(accuracy - right.sum() / sizes.sum()) < 1e-4:  # one image is more than 1e-2
        return
    trained = np.array(accuracies(data, True)[0])
    wrong: dict[str, Any] = {
        "it were in percent": lambda: [100 * right.sum() / sizes.sum()],
        "the batches' accuracies were averaged, and the last, smaller batch weighed as much as the "
        "others": lambda: [np.mean(right / sizes)],
        "the network were in training mode": lambda: [trained.sum() / sizes.sum()],
        "right answers were counted, and not divided": lambda: [right.sum()],
        "the right answers were divided by the number of batches": lambda: [right.sum() / len(sizes)],
        "the last batch were divided by the size of full batches": lambda: [
            right.sum() / (len(sizes) * sizes[0])
        ],
        "wrong answers were counted": lambda: [1 - right.sum() / sizes.sum()],
    }
    hint = likely_mistake([accuracy], wrong, 1e-4, "It is as if")
    expect(False, f"The accuracy is not right. {hint}")


@graded("validate_tests", weight=1)
def test_validation_runs_without_gradients(student: Student, challenge: Challenge) -> None:
    """The forward passes run in evaluation mode and build no graph for gradients.

    The graph costs memory for nothing. Which context switches it off?
    """
    seen = validated(student, validation_challenge(challenge, training_mode=True))
    expect(not flag(seen["any_training"]), "The network answered in training mode.")
    expect(not flag(seen["any_graph"]), "The forward pass kept a graph for gradients.")


@graded("validate_tests", weight=2)
def test_validation_leaves_the_network_as_it_was(student: Student, challenge: Challenge) -> None:
    """Parameters, gradients, statistics and the training mode are the same afterwards.

    We validated a network that was in training mode and one that was not, both with gradients in
    place. Does yours put back the mode that it found?
    """
    for training_mode in (True, False):
        data = validation_challenge(challenge, training_mode)
        seen = validated(student, data)
        modes = sequence(seen["trains_after"], "The modes")
        expect(
            bool(modes) and all(isinstance(mode, bool) and mode == training_mode for mode in modes),
            "A network that came in training mode was not left in it."
            if training_mode
            else "A network that came in evaluation mode was not left in it.",
        )
        state = data["state"]
        expect(
            relative_difference(vector(seen["state"], state), vector(state, state)) == 0,
            "The parameters or the running statistics changed.",
        )
        parameters = training.parameters_of(state)
        expect(
            seen["requires_grad"] == [True] * len(parameters),
            "Afterwards some parameters no longer require gradients.",
        )
        for number, gradient in enumerate(sequence(seen["gradients"], "The gradients", len(parameters))):
            same = isinstance(gradient, torch.Tensor) and bool((gradient == number + 0.5).all())
            expect(same, "The gradients that the parameters had were changed.")


# fit


def fit_challenge(challenge: Challenge, epochs: int) -> dict[str, Any]:
    """A task that a small network learns within a few steps: which of three colours is strongest."""
    rng = challenge.rng
    classes, batch_size = 3, int(rng.integers(9, 13))
    count = {"": batch_size * 4 + 5, "test_": 60}
    data: dict[str, Any] = {}
    for part, number in count.items():
        labels = rng.integers(0, classes, number)
        images = rng.normal(size=(number, 3, 8, 8))
        images[np.arange(number), labels] += 0.7
        data[f"{part}images"] = torch.from_numpy(images).float()
        data[f"{part}labels"] = torch.from_numpy(labels)
    return {
        **data,
        "state": networks.drawn_state(lambda: networks.tiny_net(classes, True), challenge.seed),
        "batch_size": batch_size,
        "classes": classes,
        "epochs": epochs,
        "learning_rate": float(rng.uniform(4e-3, 8e-3)),
        "device_name": training.DEVICE,
    }


def fit_of(student: Student, data: dict[str, Any]) -> dict[str, Any]:
    reply = fields(student.run(training.fitted, **data), "history", "state")
    expect(
        isinstance(reply["history"], dict),
        f"fit should return a dict; yours returns {describe(reply['history'])}.",
    )
    return reply


def histories(reply: dict[str, Any], epochs: int) -> dict[str, list[float]]:
    """The two lists of a history, checked."""
    history = reply["history"]
    found = {}
    for key in ("train_loss", "test_accuracy"):
        expect(key in history, f"The history should have the key {key!r}.")
        values = sequence(history[key], f"history[{key!r}]")
        expect(
            len(values) == epochs,
            f"history[{key!r}] should have one entry an epoch; yours has {len(values)} after {epochs}.",
        )
        found[key] = [real(value, f"an entry of history[{key!r}]") for value in values]
    return found


@graded("fit_tests", weight=1)
def test_the_history_has_one_loss_and_one_accuracy_an_epoch(student: Student, challenge: Challenge) -> None:
    """The history holds the training loss and the test accuracy, one float an epoch.

    We asked for one epoch and for three. The keys are "train_loss" and "test_accuracy".
    """
    for epochs in (1, 3):
        history = histories(fit_of(student, fit_challenge(challenge, epochs)), epochs)
        expect(
            all(0 <= value <= 1 for value in history["test_accuracy"]),
            "The test accuracies should lie between 0 and 1.",
        )


@graded("fit_tests", weight=2)
def test_fit_trains_and_validates_with_one_optimizer(student: Student, challenge: Challenge) -> None:
    """Each epoch trains and then validates, with one optimizer for all epochs.

    We ran three epochs from the same parameters and compared every parameter and the history. `fit`
    stands on your train_epoch and validate: if one of these was not right, look there first.
    """
    data = fit_challenge(challenge, 3)
    reply = fit_of(student, data)
    seen = updates(reply["state"], training.parameters_of(data["state"]))
    right = fit_by(reference.fit, data)
    moved = updates(right["state"], training.parameters_of(data["state"]))
    if relative_difference(seen, moved) > TOLERANCE:
        mistakes = {
            name: lambda fit=fit: updates(
                fit_by(fit, data)["state"], training.parameters_of(data["state"])
            )
            for name, fit in short_run.WRONG_FITS.items()
        }
        hint = likely_mistake(seen, mistakes, TOLERANCE, "Your parameters moved exactly as if")
        expect(False, f"The parameters did not move as three epochs of training move them. {hint}")
    history = histories(reply, 3)
    expect_close(history["train_loss"], right["history"]["train_loss"], rtol=0.01, what="the training losses")
    # An image on the border between two classes may fall either way: two of the 60 may.
    off = np.abs(np.subtract(history["test_accuracy"], right["history"]["test_accuracy"]))
    expect(
        bool(off.max() < 2.5 / 60),
        "The test accuracies are not those after each epoch. Is `validate` called with the test "
        "loader, after training?",
    )


def fit_by(fit: Any, data: dict[str, Any]) -> dict[str, Any]:
    reply: dict[str, Any] = training.fitted(fit, **data)
    return reply


@graded("fit_tests", weight=3)
def test_a_short_run_learns(student: Student, challenge: Challenge) -> None:
    """A short training run lowers the loss and answers new images well.

    We trained a small VGG for a few epochs with your fit, took its parameters, and computed the
    training loss and the accuracy on images that it never saw ourselves. `fit` stands on your
    train_epoch and make_criterion_and_optimizer: if one of these was not right, look there first.
    """
    run = short_run.ShortRun(challenge.seed)
    state = student.run(training.short_run, **run.data)
    result = run.judge(state)
    expect(
        result.loss_ratio <= short_run.THRESHOLDS.loss_ratio,
        f"The training loss did not fall enough: it went from {result.first_loss:.2f} to {result.last_loss:.2f}.",
    )
    expect(
        result.accuracy >= short_run.THRESHOLDS.accuracy,
        f"After training the network answers only {result.accuracy:.0%} of new images rightly.",
    )


# plot_history


@probe
def drawn_history(plot_history: Any, history: Any) -> Any:
    """The axes of the figure: their labels and the points of everything drawn in them."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.figure import Figure

    plt.switch_backend("agg")
    try:
        figure = plot_history(history)
        if not isinstance(figure, Figure):
            return {"figure": figure, "axes": []}
        axes = []
        for axis in figure.axes:
            points = [np.asarray(line.get_xydata(), float) for line in axis.lines]
            points += [np.asarray(c.get_offsets(), float) for c in axis.collections]
            bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height())
                    for bar in axis.patches if hasattr(bar, "get_height")]  # fmt: skip
            points.append(np.array(bars, float).reshape(-1, 2))
            axes.append({"ylabel": axis.get_ylabel(), "points": points})
        return {"figure": "a figure", "axes": axes}
    finally:
        plt.close("all")


def history_axes(student: Student, challenge: Challenge) -> tuple[list[Any], dict[str, list[float]]]:
    epochs = int(challenge.rng.integers(4, 8))
    history = {
        "train_loss": [float(value) for value in challenge.rng.uniform(0.3, 2.3, epochs)],
        "test_accuracy": [float(value) for value in challenge.rng.uniform(0.1, 0.9, epochs)],
    }
    reply = fields(student.run(drawn_history, history=history), "figure", "axes")
    expect(
        isinstance(reply["figure"], str) and reply["figure"] == "a figure",
        f"plot_history should return the Figure; yours returns {describe(reply['figure'])}.",
    )
    return [fields(axis, "ylabel", "points") for axis in sequence(reply["axes"], "The axes")], history


@graded("plot_history_tests", weight=1)
def test_the_figure_has_two_labelled_axes(student: Student, challenge: Challenge) -> None:
    """The figure has two axes, both with a y label.

    Side by side, one above the other, or twinned: all are fine.
    """
    axes, _ = history_axes(student, challenge)
    expect(len(axes) >= 2, f"The figure should have two axes; yours has {len(axes)}.")
    labels = [axis["ylabel"] for axis in axes if isinstance(axis["ylabel"], str) and axis["ylabel"].strip()]
    expect(len(labels) >= 2, "Both axes should have a y label.")


@graded("plot_history_tests", weight=1)
def test_loss_and_accuracy_are_drawn_over_the_epochs(student: Student, challenge: Challenge) -> None:
    """The loss is drawn in one axes and the accuracy in the other, over the epochs 1, 2, ….

    We drew a random history. Epochs are counted from 1.
    """
    axes, history = history_axes(student, challenge)
    loss, accuracy = np.array(history["train_loss"]), np.array(history["test_accuracy"])
    with_loss = {number for number, axis in enumerate(axes) if draws(axis, loss)}
    with_accuracy = {
        number for number, axis in enumerate(axes) if draws(axis, accuracy) or draws(axis, 100 * accuracy)
    }
    expect(bool(with_loss), "No axes shows the training loss over the epochs 1, 2, ….")
    expect(bool(with_accuracy), "No axes shows the test accuracy over the epochs 1, 2, ….")
    expect(
        len(with_loss | with_accuracy) >= 2,
        "Loss and accuracy share one y axis; each should have its own.",
    )


def draws(axis: dict[str, Any], values: Floats) -> bool:
    """Whether something in the axes runs through the values at 1, 2, …."""
    wanted = np.stack([np.arange(1, len(values) + 1), values], axis=1)
    for points in sequence(axis["points"], "The points"):
        if isinstance(points, np.ndarray) and points.shape == wanted.shape and points.dtype.kind == "f":
            ordered = points[np.argsort(points[:, 0])]
            if np.allclose(ordered, wanted, rtol=1e-4, atol=1e-6):
                return True
    return False


