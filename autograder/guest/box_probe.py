"""The box's side of the wire: answers probes, one at a time, inside the student's kernel.

The grader sends a request over a socket (one packet of JSON, and the data in a memfd), then asks the
kernel to run ``__import__('box_probe').serve()``. The reply goes back in a file without a name.
Everything here can be read and patched by the student's code: that is allowed for, since replies are
only data from a liar and are judged against a fresh challenge. What is written here is for honest
students: their exceptions must come back with the line of their code that raised.
"""

from __future__ import annotations

import array
import json
import linecache
import os
import socket
import types
from typing import Any

import plain_data  # bound beside this file in the box

_wire: Any = None
_replies = "/dev/shm"  # where they are written: in memory whose size the box limits


def open_wire(fd: int) -> None:
    """Take over the socket on which probes arrive; called once, before any code of the student's."""
    global _wire, _replies
    # Where a box shares that memory with others, there may be little of it.
    _replies = os.environ.get("TMPDIR", _replies)
    _wire = socket.socket(fileno=fd)


def serve() -> None:
    """Receive one probe, run it in the student's namespace, send what it returned."""
    packet, ancillary, _flags, _address = _wire.recvmsg(
        65536, socket.CMSG_SPACE(array.array("i").itemsize)
    )
    request = json.loads(packet)
    data = _data_in(ancillary)
    reply = _answer(request, data)
    try:
        message = plain_data.dump_parts(reply)
    except plain_data.CodecError as error:
        message = plain_data.dump_parts({"ended": "bad", "text": str(error)})
    _send(request["id"], *message)


def _answer(request: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    from IPython import get_ipython

    namespace = get_ipython().user_ns
    given = dict(data)
    for parameter, name in request["names"].items():
        if name not in namespace:
            return {"ended": "missing", "name": name}
        given[parameter] = namespace[name]
    module = types.ModuleType("probe")
    filename = f"<probe {request['function']}>"
    try:
        exec(compile(request["source"], filename, "exec"), module.__dict__)
        return {"ended": "returned", "value": getattr(module, request["function"])(**given)}
    except KeyboardInterrupt:
        return {"ended": "interrupted"}
    except BaseException as error:  # also SystemExit: whatever the student's code raises is its own
        return {"ended": "raised", **_describe(error)}


def _describe(error: BaseException) -> dict[str, str]:
    where = ""
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "ipykernel_" in code.co_filename or code.co_filename.startswith("<ipython-input"):
            line = linecache.getline(code.co_filename, traceback.tb_lineno).strip()
            where = f"in `{code.co_name}`, line {traceback.tb_lineno} of its cell: `{line[:120]}`"
        traceback = traceback.tb_next
    try:
        text = " ".join(str(error).split())[:300]
    except Exception:
        text = ""
    return {"kind": type(error).__name__[:80], "text": text, "where": where}


def _data_in(ancillary: list[tuple[int, int, bytes]]) -> Any:
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fd = array.array("i", content[:4])[0]
            try:
                return plain_data.load_file(fd, os.fstat(fd).st_size)
            finally:
                os.close(fd)
    raise RuntimeError("a probe came without its data")


def _send(number: int, *message: bytes) -> None:
    # A file without a name; a memfd's size is limited by nothing.
    fd = os.open(_replies, os.O_TMPFILE | os.O_RDWR, 0o600)
    try:
        for part in message:
            view = memoryview(part)
            while view:
                view = view[os.write(fd, view) :]
        header = json.dumps({"id": number}).encode()
        _wire.sendmsg([header], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    finally:
        os.close(fd)
