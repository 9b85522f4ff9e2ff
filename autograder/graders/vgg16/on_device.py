"""Training functions and devices: how they are called on one, and whether they use the one they were given.

On a GPU the results are compared as on the CPU. There, batches lie on the device already and the network
of `fit` is moved beforehand, so that these checks tell what they tell on a CPU runner. Whether a function
moves what it must move is a question of its own: `..._placement`. It is asked on every runner, with
batches that lie on the CPU. On one without a GPU a stand-in takes the GPU's place: all is computed on the
CPU, and it is remembered which memory was moved to "cuda".
"""

from __future__ import annotations

from typing import Any

from autograder.graders.vgg16 import fitting
from autograder.graders.vgg16 import short_run as short
from autograder.graders.vgg16.networks import short_vgg, tiny_net
from autograder.graders.vgg16.steady import STEADY, held, remembered, steady
from autograder.grading import Device, Student, expect, expect_type, fields, probe, sequence

# Shipped with the probes below, which do the same elsewhere.
fitted = fitting.fitted.function
short_run = short.short_run.function


@probe(uses=(tiny_net, *STEADY, remembered, fitted))
def fitted_there(
    fit: Any, state: Any, images: Any, labels: Any, test_images: Any, test_labels: Any,
    batch_size: int, classes: int, epochs: int, learning_rate: float, device_name: str,
) -> Any:  # fmt: skip
    """`fitted` with everything on the device beforehand."""
    tensors = (images, labels, test_images, test_labels)

    def fit_there(net: Any, *others: Any) -> Any:
        held(net, device_name)
        return fit(net.to(device_name), *others)

    with steady(device_name), remembered(fit, device_name != "cpu"):
        return fitted(
            fit_there,
            state,
            *(tensor.to(device_name) for tensor in tensors),
            batch_size,
            classes,
            epochs,
            learning_rate,
            device_name,
        )


def fit_by(fit: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What a fit of ours comes to on the device that the data names."""
    reply: dict[str, Any] = fitted_there(fit, **data)
    return reply


@probe(uses=(short_vgg, *STEADY, remembered, short_run))
def short_run_there(
    fit: Any, state: Any, images: Any, labels: Any, test_images: Any, test_labels: Any,
    batch_size: int, epochs: int, learning_rate: float, device_name: str, seed: int,
) -> Any:  # fmt: skip
    """`short_run` on the CPU of a machine with a GPU, which a notebook is not to see."""
    with steady(device_name), remembered(fit, device_name != "cpu"):
        return short_run(
            fit, state, images, labels, test_images, test_labels,
            batch_size, epochs, learning_rate, device_name, seed,
        )  # fmt: skip


def gpu_or_stand_in(real: bool) -> Any:
    """A context in which "cuda" can be used: the GPU's, or one that only pretends.

    The pretended one computes on the CPU. What is moved to "cuda" gets memory of its own, and so does all
    that is computed from it; of this memory it is known that it lies there. So it does not matter which
    object looks at the memory: a Variable, a Parameter, a subclass, or a tensor that was set to it.
    """
    import contextlib
    from unittest import mock

    import torch
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.overrides import TorchFunctionMode
    from torch.utils._pytree import tree_leaves

    of: Any = torch.Tensor
    moves = (of.to, of.cuda, of.cpu, of.type_as)
    functorch: Any = torch._C._functorch
    reference_to: Any = StorageWeakRef
    lies_there: Any = {}  # by address; memory that is free again is another's

    def names(value: Any, kind: str) -> bool:
        text = str(value) if isinstance(value, str | torch.device) else ""
        return text.split(":")[0] == kind

    def here_for(value: Any) -> Any:
        return torch.device("cpu") if names(value, "cuda") else value

    def memory_of(value: Any) -> Any:
        while functorch.is_functorch_wrapped_tensor(value):  # by vmap, grad and their like
            value = functorch.get_unwrapped(value)
        return value.untyped_storage()

    def address_of(value: Any) -> int:
        try:
            return int(memory_of(value).data_ptr())
        except (NotImplementedError, RuntimeError):  # a sparse tensor's, say
            return 0

    def is_there(value: Any) -> bool:
        if not isinstance(value, of):
            return False
        known = lies_there.get(address_of(value))
        return known is not None and not known.expired()

    class Pretended(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func == of.device.__get__ and is_there(args[0]):
                return torch.device("cuda", 0)
            if func == of.is_cuda.__get__:
                return is_there(args[0])
            kwargs = kwargs or {}
            devices = [*(args if func in moves else ()), *kwargs.values()]
            given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, of)]
            away = func is of.cpu or any(names(value, "cpu") for value in devices)
            there = func is of.cuda or any(names(value, "cuda") for value in devices)
            there = there or (any(map(is_there, given)) and not away)
            if func is of.cuda:
                result = args[0]
            else:
                here = [here_for(value) if func in moves else value for value in args]
                result = func(*here, **{name: here_for(value) for name, value in kwargs.items()})
            before = {address_of(value) for value in given}  # who writes there moves nothing
            if func in moves and address_of(result) in before and there != is_there(result):
                result = result.clone()
            for value in tree_leaves(result):
                if isinstance(value, of) and (address := address_of(value)) not in before | {0}:
                    lies_there.pop(address, None)
                    if there:
                        lies_there[address] = reference_to(memory_of(value))
            return result

    @contextlib.contextmanager
    def within() -> Any:
        cuda: dict[str, Any] = {
            "is_available": lambda: True,
            "device_count": lambda: 1,
            "current_device": lambda: 0,
            "synchronize": lambda *_: None,
            "empty_cache": lambda: None,
            "set_device": lambda _device: None,
        }
        # What is made the default here would outlive the stand-in, and break later checks. Compiling
        # takes longer than a probe may, and who asks for it means a real GPU.
        whole: dict[str, Any] = {"compile": lambda net, **_options: net}
        whole |= {f"set_default_{what}": mock.Mock() for what in ("device", "tensor_type")}
        with (
            mock.patch.multiple(torch.cuda, **cuda),
            mock.patch.multiple(torch, **whole),
            Pretended(),
        ):
            yield

    return contextlib.nullcontext() if real else within()


def placed(call: Any, net: Any, seen: Any) -> Any:
    """Call a function, and note where the network's parameters and inputs lie whenever it is used.

    What the call raises is left to other checks: on a GPU that which was not moved ends it.
    """

    def look(_layer: Any, inputs: Any) -> None:
        seen["images"].append(inputs[0].device.type == "cuda")
        seen["parameters"].append(all(part.device.type == "cuda" for part in net.parameters()))

    handle = net[0].register_forward_pre_hook(look)
    try:
        call()
    except Exception as error:
        seen["ended"] = type(error).__name__
    finally:
        handle.remove()
    return seen


@probe(uses=(tiny_net, gpu_or_stand_in, remembered, placed))
def epoch_placement(
    train_epoch: Any,
    state: Any,
    images: Any,
    labels: Any,
    batch_size: int,
    classes: int,
    real: bool,
) -> Any:
    """Where parameters, images and labels lie while an epoch is trained on "cuda"."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    seen: Any = {"images": [], "parameters": [], "labels": []}

    class Watching(nn.NLLLoss):
        def forward(self, input: Any, target: Any) -> Any:  # NLLLoss's names: some loops use them
            seen["labels"].append(target.device.type == "cuda")
            return super().forward(input, target)

    with gpu_or_stand_in(real), remembered(train_epoch, True):
        net = tiny_net(classes, True)
        net.load_state_dict(state)
        net.to("cuda")
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        loader = DataLoader(TensorDataset(images, labels), batch_size=batch_size)
        device = torch.device("cuda")
        return placed(lambda: train_epoch(net, loader, Watching(), optimizer, device), net, seen)


@probe(uses=(tiny_net, gpu_or_stand_in, remembered, placed))
def validation_placement(
    validate: Any, state: Any, images: Any, labels: Any, batch_size: int, classes: int, real: bool
) -> Any:
    """Where parameters and images lie while a network is validated on "cuda"."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    with gpu_or_stand_in(real), remembered(validate, True):
        net = tiny_net(classes, True)
        net.load_state_dict(state)
        net.to("cuda")
        loader = DataLoader(TensorDataset(images, labels), batch_size=batch_size)
        seen: Any = {"images": [], "parameters": []}
        return placed(lambda: validate(net, loader, torch.device("cuda")), net, seen)


@probe(uses=(tiny_net, gpu_or_stand_in, remembered, placed))
def fit_placement(
    fit: Any, state: Any, images: Any, labels: Any, batch_size: int, classes: int, real: bool
) -> Any:
    """Where the parameters of a network that lies on the CPU are while it is trained on "cuda"."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    with gpu_or_stand_in(real), remembered(fit, True):
        net = tiny_net(classes, True)
        net.load_state_dict(state)
        data = TensorDataset(images.to("cuda"), labels.to("cuda"))
        loader = DataLoader(data, batch_size=batch_size)
        seen: Any = {"images": [], "parameters": []}
        device = torch.device("cuda")
        return placed(lambda: fit(net, loader, loader, 1, 1e-3, device), net, seen)


_MOVED = {
    "images": "The images of a batch did not lie on the device that was passed in when the network got them. "
    "Are they moved, by .to(device), before the forward pass?",
    "labels": "The labels of a batch did not lie on the device that was passed in when the criterion got "
    "them. Are they moved, by .to(device), as well as the images?",
    "parameters": "The network's parameters did not lie on the device that was passed in when it was used. "
    "Is the network moved there, by .to(device), before it is trained?",
}


def expect_moved(
    student: Student, ask: Any, data: dict[str, Any], device: Device, *parts: str
) -> None:
    """Fail unless these parts (images, labels, parameters) lay on the device whenever they were used.

    A function that never used them is left to other checks.
    """
    wanted = ("state", "images", "labels", "batch_size", "classes")
    asked = {name: data[name] for name in wanted}
    for real in (False, True) if device.name == "cuda" else (False,):
        seen = fields(student.run(ask, **asked, real=real), *parts)
        for part in parts:
            answers = [
                expect_type(answer, bool, "an answer to this check")
                for answer in sequence(seen[part], "The answers to this check")
            ]
            expect(all(answers), _MOVED[part])
