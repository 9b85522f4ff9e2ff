"""Starts an ipykernel inside the box on sockets that the trusted side has bound and listens on.

The kernel gets five listening Unix sockets and the wire as inherited file descriptors, so box and
host share no folder and the student's code can put nothing where the host connects to. Options come
as one JSON argument: `fds` (channel name to descriptor), `wire`, `key`, `limits`.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

# ipykernel imports debugpy if it is there; no debugger in the box, and half of the start-up less.
sys.modules["debugpy"] = None  # type: ignore[assignment]


def set_limits(limits: dict[str, int]) -> None:
    """Hard limits of this process and its children; an unprivileged process cannot raise them again."""
    for name, value in limits.items():
        number = getattr(resource, name)
        _soft, hard = resource.getrlimit(number)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(number, (value, value))


def use_inherited_sockets(fds: dict[str, int]) -> None:
    """Make ipykernel bind its sockets to descriptors that are bound already (libzmq's ZMQ_USE_FD)."""
    import zmq
    from ipykernel.heartbeat import Heartbeat
    from ipykernel.kernelapp import IPKernelApp

    ports = {1: "shell", 2: "iopub", 3: "stdin", 4: "control", 5: "hb"}

    def bind(socket: Any, port: int) -> int:
        socket.setsockopt(zmq.USE_FD, fds[ports[port]])
        socket.bind(f"ipc://box-{port}")
        return port

    IPKernelApp._try_bind_socket = lambda self, socket, port: bind(socket, port)  # noqa: ARG005
    Heartbeat._try_bind_socket = lambda self: bind(self.socket, self.port)
    Heartbeat.pick_port = lambda self: self.port


def main() -> None:
    options = json.loads(sys.argv[1])
    sys.argv[1:] = []
    set_limits(options["limits"])
    sys.path.insert(0, str(Path(__file__).parent))
    use_inherited_sockets(options["fds"])
    import box_probe

    box_probe.open_wire(options["wire"])
    sys.path[0] = ""  # as in an ordinary kernel: the working folder first

    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance(
        transport="ipc",
        ip="box",
        shell_port=1,
        iopub_port=2,
        stdin_port=3,
        control_port=4,
        hb_port=5,
        connection_file="/tmp/kernel.json",
        parent_handle=0,
    )
    from traitlets.config import Config

    config = Config()
    config.Session.key = options["key"].encode()
    config.HistoryManager.enabled = False
    app.update_config(config)
    app.initialize([])
    app.start()


main()
