"""Starts an ipykernel on sockets that the trusted side has bound and listens on.

The kernel gets five listening Unix sockets and the wire as inherited file descriptors, so box and
host share no folder and the student's code can put nothing where the host connects to.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import resource
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

# matplotlib's backends, and IPython's names for them, that draw into a window or a page that runs scripts.
_LIVE = re.compile(
    r"(module://)?(notebook|nbagg|widget|ipympl|qt|tk|gtk|wx|osx|macosx|webagg)", re.IGNORECASE
)
_INLINE = "module://matplotlib_inline.backend_inline"


def set_limits(limits: dict[str, int]) -> None:
    """Hard limits of this process and its children; an unprivileged process cannot raise them again."""
    for name, value in limits.items():
        number = getattr(resource, name)
        _soft, hard = resource.getrlimit(number)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(number, (value, value))


def run_kernel(options: dict[str, Any]) -> None:
    """Run the kernel until it is killed.

    Args:
        options: `fds` (of the sockets for shell, iopub, stdin, control, hb), `wire`, `key`, `seed`,
            `torch` (whether that is seeded, too), `environment`, `gpu_bytes`: what torch may allocate on the
            GPU, or None where there is none; `own_network`: whether it has a network namespace of its own.
    """
    import box_probe

    os.environ.update(options["environment"])
    _use_inherited_sockets(options["fds"])
    box_probe.open_wire(options["wire"])
    seed_all(options["seed"], options["torch"])
    temporary = os.environ.get("TMPDIR", "/tmp")
    if not options["own_network"]:
        _print_through(f"ipc://{temporary}/printed")
    if options["gpu_bytes"] is not None:
        limit_gpu(options["gpu_bytes"])
    sys.path[0] = ""  # as in an ordinary kernel: the working folder first

    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    app = IPKernelApp.instance(
        transport="ipc",
        ip="box",
        shell_port=1,
        iopub_port=2,
        stdin_port=3,
        control_port=4,
        hb_port=5,
        connection_file=f"{temporary}/kernel.json",
        parent_handle=0,
    )
    config = Config()
    config.Session.key = options["key"].encode()
    config.HistoryManager.enabled = False
    app.update_config(config)
    app.parse_command_line = lambda _argv: None  # there is none, and the parser takes long to make
    with _no_list_of_modules():
        app.initialize([])
    _connect_figures()
    app.start()
    # `exit()` and the like end the loop: they ask the program before which a person sits to shut the kernel
    # down. Here nobody sits, and the cells below are to find what those above have defined.
    while app.kernel._shutdown_message is None:
        with contextlib.suppress(KeyboardInterrupt):
            app.io_loop.start()


@contextlib.contextmanager
def _no_list_of_modules() -> Iterator[None]:
    """Spare ipykernel its list of all modules' files, for a debugger, which is not there.

    To look at a module copies pages of the warm process: of torch's 2,000 modules, a fifth of the start.
    """
    from ipykernel import ipkernel

    class WithoutModules:
        modules: ClassVar[dict[str, Any]] = {}

        def __getattr__(self, name: str) -> Any:
            return getattr(sys, name)

    ipkernel.sys = WithoutModules()
    try:
        yield
    finally:
        ipkernel.sys = sys


def limit_gpu(most: int) -> None:
    """Have torch raise its own OutOfMemoryError before the box is stopped for its GPU memory.

    It starts CUDA no earlier than the notebook does: that takes a second, and memory of the GPU.
    """
    import torch

    def limit() -> None:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, most / total), 0)

    torch.cuda._lazy_call(limit)  # type: ignore[no-untyped-call]


def _use_inherited_sockets(fds: list[int]) -> None:
    """Make ipykernel bind its sockets to descriptors that are bound already (libzmq's ZMQ_USE_FD)."""
    import zmq
    from ipykernel.heartbeat import Heartbeat
    from ipykernel.kernelapp import IPKernelApp

    def bind(socket: Any, port: int) -> int:
        socket.setsockopt(zmq.USE_FD, fds[port - 1])
        socket.bind(f"ipc://box-{port}")
        return port

    IPKernelApp._try_bind_socket = lambda _self, socket, port: bind(socket, port)
    Heartbeat._try_bind_socket = lambda self: bind(self.socket, self.port)
    Heartbeat.pick_port = lambda self: self.port


def _print_through(address: str) -> None:
    """Have ipykernel take what forked children print by another way than TCP, which there is none of."""
    import zmq
    from ipykernel.iostream import IOPubThread
    from zmq.eventloop.zmqstream import ZMQStream

    def listen(self: Any) -> None:
        self._pipe_uuid = os.urandom(16)
        inward = self.socket.context.socket(zmq.PULL)
        inward.linger = 0
        inward.bind(address)
        self._pipe_in = ZMQStream(inward, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def connect(_self: Any) -> tuple[Any, Any]:
        context = zmq.Context()  # a new one, after a fork
        outward = context.socket(zmq.PUSH)
        outward.linger = 3000
        outward.connect(address)
        return context, outward

    IOPubThread._setup_pipe_in = listen
    IOPubThread._setup_pipe_out = connect


def _connect_figures() -> None:
    """matplotlib's inline backend looks for IPython when it is imported; in a fork it was before."""
    backend = sys.modules.get("matplotlib_inline.backend_inline")
    if backend is not None:
        backend._enable_matplotlib_integration()
    _draw_into_the_notebook()


def _draw_into_the_notebook() -> None:
    """Have figures that ask for a window, or for a page with scripts, drawn as pictures: here is neither."""

    def inline(ask: Any, name: str) -> Any:
        @functools.wraps(ask)
        def ask_inline(backend: Any = None, *args: Any, **options: Any) -> Any:
            if isinstance(backend, str) and _LIVE.match(backend):
                print(
                    f"[Figures are drawn as pictures here, as by `inline`: `{backend}` needs a screen.]"
                )
                backend = name
            return ask(backend, *args, **options)

        return ask_inline

    from IPython import get_ipython

    shell = get_ipython()
    shell.enable_matplotlib = inline(shell.enable_matplotlib, "inline")  # by %matplotlib
    for module, name in (("matplotlib", "use"), ("matplotlib.pyplot", "switch_backend")):
        if (loaded := sys.modules.get(module)) is not None:
            setattr(loaded, name, inline(getattr(loaded, name), _INLINE))


def seed_all(seed: int, with_torch: bool) -> None:
    """Start every generator at a state of this submission's own, the same on every run."""
    import random

    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    if with_torch:
        import torch

        torch.manual_seed(seed)
