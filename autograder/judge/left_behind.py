"""Whether hidden tests left something behind in a box, for the next item's to stumble over.

A probe compares what all functions of a notebook share: switches, modules, the notebook's names. It is asked
of a student's kernel, so a liar can hide what it left there, and harms nobody but its own next item.
"""

from __future__ import annotations

from typing import Any

from autograder.errors import StudentFault
from autograder.grading.probe import probe
from autograder.grading.student import BoxLike, Student


def is_as_before(box: BoxLike) -> bool:
    """Whether a box's kernel is in the state of the last call; False for the first one."""
    try:
        return Student(box).run(unchanged) is True
    except StudentFault:  # its kernel died, too
        return False


@probe
def unchanged() -> bool:
    """Compares what functions share with each other: switches, modules, the notebook's names."""
    import os
    import sys
    import threading
    import warnings

    from IPython import get_ipython

    held: list[Any] = []  # a value that is gone could leave its id to the next one

    def public(names: Any) -> dict[str, Any]:
        shown = {name: value for name, value in list(names.items()) if name[:1] != "_"}
        held.append(shown)
        return {name: id(value) for name, value in shown.items()}

    shared = (
        *("builtins", "math", "random", "time", "numpy", "numpy.random", "matplotlib.pyplot"),
        *("torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils.data"),
        *("torchvision.transforms", "torchvision.models"),
    )
    modules = {name: sys.modules[name] for name in shared if name in sys.modules}
    state: dict[str, dict[str, Any]] = {
        name: public(vars(module)) for name, module in modules.items()
    }
    state["builtins"].pop("input", None)  # ipykernel puts a new one there for each request
    state["names"] = public(get_ipython().user_ns)
    state["process"] = {
        "folder": os.getcwd(),  # noqa: PTH109
        "path": list(sys.path),
        "environment": dict(os.environ),
        "warnings": list(warnings.filters),
        "threads": threading.active_count(),
    }
    torch = modules.get("torch")
    if torch is not None:
        state["classes"] = {
            f"{kind.__name__}.{name}": value
            for kind in (torch.Tensor, torch.nn.Module, torch.nn.Linear, torch.nn.Conv2d)
            for name, value in public(vars(kind)).items()
        }
        state["switches"] = {
            "gradients": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "dtype": str(torch.get_default_dtype()),
            "device": str(getattr(torch, "get_default_device", str)()),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "threads": torch.get_num_threads(),
            "anomalies": torch.is_anomaly_enabled(),
        }
    if "numpy" in modules:
        state["numpy's errors"] = modules["numpy"].geterr()
    if "matplotlib.pyplot" in modules:
        state["figures"] = {
            name: str(value) for name, value in modules["matplotlib.pyplot"].rcParams.items()
        }
    kept = vars(sys.modules["box_probe"])  # where no notebook looks
    before = kept.get("state_before")
    kept["state_before"], kept["state_held"] = state, held
    # A module that is imported meanwhile, or a name that an import adds to one, is no change.
    return before is not None and all(
        name in state and all(state[name].get(key) == value for key, value in part.items())
        for name, part in before.items()
    )
