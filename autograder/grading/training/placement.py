"""Training functions and devices: how they are called on one, and whether they use the one they were given.

On a GPU the results are compared as on the CPU. There, batches lie on the device already and the network
of `fit` is moved beforehand, so that these checks tell what they tell on a CPU runner. Whether a function
moves what it must move is a question of its own: `..._placement`. It is asked on every runner, with
batches that lie on the CPU. On one without a GPU a stand-in takes the GPU's place: all is computed on the
CPU, and it is remembered which memory was moved to "cuda".
"""

from __future__ import annotations

from typing import Any

from autograder.grading.compare import expect, expect_type
from autograder.grading.device import Device
from autograder.grading.probe import Probe
from autograder.grading.replies import fields, sequence
from autograder.grading.student import Student
from autograder.grading.training.task import Drawn


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
    packs = torch._C._VariableFunctions._pack_padded_sequence
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
            if func is packs:  # how many sequences go on at each step stays on the CPU
                before.add(address_of(result[1]))
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
            "is_current_stream_capturing": lambda: False,
        }
        stream = mock.Mock(**{"is_capturing.return_value": False})
        accelerator = getattr(torch, "accelerator", torch)  # new in torch 2.6
        # What is made the default here would outlive the stand-in, and break later checks. Compiling
        # takes longer than a probe may, and who asks for it means a real GPU.
        whole: dict[str, Any] = {"compile": lambda net, **_options: net}
        whole |= {f"set_default_{what}": mock.Mock() for what in ("device", "tensor_type")}
        with (
            mock.patch.multiple(torch.cuda, **cuda),
            mock.patch.multiple(torch, **whole),
            # An optimizer's step would ask the driver whether a graph is recorded.
            mock.patch.object(
                accelerator, "current_stream", mock.Mock(return_value=stream), create=True
            ),
            # Recurrent layers would have cuDNN lay out their weights, which are not really there.
            mock.patch.object(torch.backends.cudnn, "is_acceptable", return_value=False),
            Pretended(),
        ):
            yield

    return contextlib.nullcontext() if real else within()


def placed(call: Any, net: Any, seen: Any) -> Any:
    """Call a function, and note where the network's parameters and inputs lie whenever it is used.

    What the call raises is left to other checks: on a GPU that which was not moved ends it.
    """

    import torch

    def look(_layer: Any, inputs: Any) -> None:
        if inputs and isinstance(inputs[0], torch.Tensor):
            seen["inputs"].append(inputs[0].device.type == "cuda")
        seen["parameters"].append(all(part.device.type == "cuda" for part in net.parameters()))

    # On every layer: who calls net.forward() goes past the network's own hooks.
    handles = [layer.register_forward_pre_hook(look) for layer in net.modules()]
    try:
        call()
    except Exception as error:
        seen["ended"] = type(error).__name__
    finally:
        for handle in handles:
            handle.remove()
    return seen


_MOVED = {
    "inputs": "The {noun}s of a batch did not lie on the device that was passed in when the network got "
    "them. Are they moved, by .to(device), before the forward pass?",
    "labels": "The labels of a batch did not lie on the device that was passed in when the criterion got "
    "them. Are they moved, by .to(device), as well as the {noun}s?",
    "parameters": "The network's parameters did not lie on the device that was passed in when it was used. "
    "Is the network moved there, by .to(device), before it is trained?",
}


def expect_moved(student: Student, ask: Probe, drawn: Drawn, device: Device, *parts: str) -> None:
    """Fail unless these parts (inputs, labels, parameters) lay on the device whenever they were used.

    A function that never used them is left to other checks.
    """
    for real in (False, True) if device.name == "cuda" else (False,):
        seen = fields(student.run(ask, drawn=drawn.data, real=real), *parts)
        for part in parts:
            answers = [
                expect_type(answer, bool, "an answer to this check")
                for answer in sequence(seen[part], "The answers to this check")
            ]
            expect(all(answers), _MOVED[part].format(noun=drawn.task.noun))
