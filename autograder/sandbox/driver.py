"""Talks to one boxed kernel, and treats every byte that it says as hostile.

Actors: the kernel, which the student's code owns (it can send anything on its sockets, at any time,
signed with a key that it knows), and this driver in the trusted process. The driver sends
`execute_request`s, collects outputs within a budget, and receives probes' replies on the wire. Nothing
from the kernel is trusted to be there, to be complete, or to be small: messages over `_MAX_MESSAGE`
are skipped and none is read ahead (`zmtp`), outputs over the budget are dropped, and every wait has a
deadline that no message can move. A kernel that hangs is interrupted once and then reported as `Dead`.
"""

from __future__ import annotations

import array
import errno
import json
import os
import select
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.session import Session

from autograder import plain_data
from autograder.errors import BadReply, BoxFailed
from autograder.sandbox import in_flight
from autograder.sandbox.kernel import BoxedKernel
from autograder.sandbox.outputs import Displays, OutputCollector
from autograder.sandbox.settings import BoxSettings
from autograder.sandbox.wall import memory_file
from autograder.sandbox.watchdog import LOOK_EVERY_S, Excess, Watchdog
from autograder.sandbox.zmtp import Channel

_MAX_MESSAGE = 12 * 2**20  # one Jupyter message; a large figure is 2 MiB
_MAX_HEADER = 2**16  # its header and its parent's, in JSON; some hundred bytes
_INTERRUPT_GRACE_S = 3.0  # how long an interrupted cell may take to end
_MOST_PATIENCE = 3.0  # times its limit, that a cell may wait for a busy machine besides
_IDLE_GRACE_S = 5.0  # how long outputs may lag behind the reply that follows them
_USED_UP = (
    "Some program of your user, perhaps another submission, has so many descriptors on their way through "
    "sockets that no answer came through. Grade again, as root: then each box has a count of its own."
)


class Dead(Exception):
    """The kernel has ended or will not answer any more; `limit` names a limit it ran into."""

    def __init__(self, limit: str, message: str) -> None:
        self.limit = limit
        super().__init__(message)


@dataclass
class CellRun:
    """One cell: `ok`, `error`, `limit` (stopped at a limit, or it ended the kernel), `skipped` (there was no
    kernel or no time for it), or `left out` (not asked for). By the driver: `interrupted` (out of time).
    """

    status: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""
    limit: str = ""  # the setting that it ran into
    is_cut: bool = False  # whether outputs are missing, which were over the limit


class Driver:
    """One kernel's client. Not for use by two threads."""

    def __init__(self, kernel: BoxedKernel, settings: BoxSettings) -> None:
        self._kernel = kernel
        self._settings = settings
        self._session = Session(key=kernel.key.encode(), username="grader")
        self._watchdog = Watchdog(kernel.pidfd, settings, kernel.confined)
        self._shell = Channel(kernel.socket_path("shell"), "DEALER", _MAX_MESSAGE)
        self._control = Channel(kernel.socket_path("control"), "DEALER", _MAX_MESSAGE)
        self._iopub = Channel(kernel.socket_path("iopub"), "SUB", _MAX_MESSAGE)
        self._wire_open = True
        kernel.wire.setblocking(False)  # not by a flag: Python's recv_fds takes it and ignores it
        self._displays: Displays = {}
        self._asked = 0
        self.waited_s = 0.0  # for a processor, of what cells and probes were given besides

    def close(self) -> None:
        """Drop the connections and end the kernel with everything in its box."""
        for channel in (self._shell, self._control, self._iopub):
            channel.close()
        self._kernel.kill()
        self._watchdog.close()

    def wait_until_ready(self) -> None:
        """Wait for the kernel's first answer.

        Raises:
            BoxFailed: when it does not come; no code of the student's has run yet.
        """
        deadline = time.monotonic() + self._settings.start_wall_s
        ready = {"reply": False, "welcome": False}
        number = self._send(self._shell, "kernel_info_request", {})

        def on_shell(message: _Message) -> None:
            ready["reply"] |= message.parent == number

        def on_iopub(message: _Message) -> None:
            # The answer to our request is proof that the subscription has arrived (iopub_welcome is
            # sent by ipykernel 7, the status message by every version).
            ready["welcome"] |= message.kind == "iopub_welcome" or message.parent == number

        try:
            while not all(ready.values()):
                if ready["reply"] and not ready["welcome"]:
                    number = self._send(self._shell, "kernel_info_request", {})
                self._turn(min(deadline, time.monotonic() + 0.5), on_shell, on_iopub)
                if time.monotonic() > deadline:
                    raise Dead("start_wall_s", "no answer")
        except Dead:
            raise BoxFailed(
                "A kernel did not start in its box. The box's last words: "
                f"{self._kernel.last_words() or 'none'}. Run `autograder doctor`."
            ) from None

    def execute(self, code: str, wall_s: float) -> CellRun:
        """Run a cell, at most for `wall_s` seconds.

        Raises:
            Dead: when the kernel ended, or did not stop when it was interrupted.
            BoxFailed: when it ended by no doing of its own.
        """
        most_bytes = self._settings.output_mib * 2**20
        collector = OutputCollector(most_bytes, self._settings.outputs, self._displays)
        skipped = self._iopub.skipped
        content = self._run(code, wall_s, collector, store_history=True)
        if self._iopub.skipped > skipped:
            collector.cut()
        if content is None:
            return CellRun("interrupted", collector.outputs())
        if content.get("status") == "ok":
            return CellRun("ok", collector.outputs(), is_cut=collector.is_cut)
        error = f"{content.get('ename', 'Error')}: {content.get('evalue', '')}".removesuffix(": ")
        message = " ".join(error.split())[:300]
        return CellRun("error", collector.outputs(), message, is_cut=collector.is_cut)

    def watch(self, wall_s: float) -> None:
        """See whether the kernel goes on living for so long, with nothing to do.

        Raises:
            Dead: when it ended.
            BoxFailed: when it ended by no doing of its own.
        """
        deadline = time.monotonic() + wall_s
        while self._turn(deadline, lambda _message: None, lambda _message: None):
            pass

    def ask(self, request: dict[str, Any], data: Any, wall_s: float) -> Any:
        """Put one question to `box_probe` in the kernel; what is printed meanwhile is dropped.

        Raises:
            Dead: as for `execute`.
            BadReply: when the answer is missing or no data.
            BoxFailed: when it is missing by no doing of the kernel's.
        """
        self._asked += 1
        self._send_packet({**request, "id": self._asked}, plain_data.dumps(data))
        replies: list[Any] = []
        collector = OutputCollector(0, 0)
        code = "__import__('box_probe').serve()"
        content = self._run(code, wall_s, collector, store_history=False, replies=replies)
        if not replies:  # the reply may have come just after the kernel's own
            self._on_wire(replies)
        if replies:
            return replies[0]
        if content is None:
            return {"ended": "interrupted"}
        if in_flight.used_up(self._settings.open_files):
            raise BoxFailed(_USED_UP)
        raise BadReply("Your notebook's kernel did not answer a check.")

    def _run(
        self,
        code: str,
        wall_s: float,
        collector: OutputCollector,
        store_history: bool,
        replies: list[Any] | None = None,
    ) -> dict[str, Any] | None:
        """Execute and wait for reply and idle; the reply's content, or None after an interrupt."""
        request = {
            "code": code,
            "silent": not store_history,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        waited_s, patience_s = self._watchdog.start_cell(), _MOST_PATIENCE * wall_s
        number = self._send(self._shell, "execute_request", request)
        reply: list[dict[str, Any]] = []
        idle: list[bool] = []

        def on_shell(message: _Message) -> None:
            if message.parent == number and message.kind == "execute_reply" and not reply:
                reply.append(message.content)

        def on_iopub(message: _Message) -> None:
            if message.parent != number:
                return
            if message.kind == "status" and message.content.get("execution_state") == "idle":
                idle.append(True)
            else:
                collector.add(message.kind, message.content)

        deadline = time.monotonic() + wall_s
        interrupted = False
        while not reply:
            if not self._turn(deadline, on_shell, on_iopub, replies):
                # What it spent waiting for a processor, on a machine with others, is not its time.
                more_s = min(self._watchdog.waited_s() - waited_s, patience_s)
                if more_s > LOOK_EVERY_S and not interrupted:
                    waited_s, patience_s = waited_s + more_s, patience_s - more_s
                    self.waited_s += more_s
                    deadline = time.monotonic() + more_s
                    continue
                if interrupted:
                    raise Dead("time", "it did not stop when it was interrupted")
                interrupted = True
                self._send(self._control, "interrupt_request", {})
                deadline = time.monotonic() + _INTERRUPT_GRACE_S
        deadline = time.monotonic() + _IDLE_GRACE_S
        while not idle and self._turn(deadline, on_shell, on_iopub, replies):
            pass
        self._bite(self._watchdog.look_at_end())
        return None if interrupted else reply[0]

    def _turn(
        self,
        deadline: float,
        on_shell: Callable[[_Message], None],
        on_iopub: Callable[[_Message], None],
        replies: list[Any] | None = None,
    ) -> bool:
        """Handle what has arrived; False when nothing did until the deadline.

        Raises:
            Dead: when the kernel has ended, or the box went over a limit.
        """
        ready: set[int] = set()
        mail = False
        while not ready and not mail:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            mail = self._shell.has_mail or self._iopub.has_mail
            ready = self._wait(0 if mail else min(left_s, LOOK_EVERY_S))
            self._bite(self._watchdog.look())
        for channel, handler in ((self._iopub, on_iopub), (self._shell, on_shell)):
            if channel.fileno() in ready and not channel.has_mail:
                channel.read()
            message = _message_of(channel.take() or [])
            if message is not None:
                handler(message)
        if self._kernel.wire.fileno() in ready:
            self._on_wire(replies)
        if self._kernel.pidfd in ready or self._shell.broken:
            select.select([self._kernel.pidfd], [], [], 1.0)  # its sockets close before it is gone
            self._bite(self._watchdog.after_death())
            raise self._end("its kernel died or closed its connection")
        return True

    def _end(self, how: str) -> Exception:
        """Whose doing it is that the kernel is gone."""
        if self._kernel.parent_is_gone():
            return BoxFailed("The warm process ended, and with it this notebook's kernel.")
        if self._kernel.was_killed():
            return BoxFailed(
                "Something outside of the box killed this notebook's kernel: the system, perhaps, because "
                "memory was short. Grade again; fewer at a time, if it happens again."
            )
        return Dead("kernel", how)

    def _wait(self, wall_s: float) -> set[int]:
        """The descriptors that have something to read; sends what could not be sent before."""
        poller = select.poll()
        poller.register(self._kernel.pidfd, select.POLLIN)
        if self._wire_open:
            poller.register(self._kernel.wire.fileno(), select.POLLIN)
        for channel in (self._shell, self._iopub, self._control):
            if not channel.broken:
                writes = select.POLLOUT if channel.wants_to_write else 0
                poller.register(channel.fileno(), select.POLLIN | writes)
        ready = dict(poller.poll(max(0, round(wall_s * 1000 + 0.5))))
        for channel in (self._shell, self._iopub, self._control):
            if channel.wants_to_write and channel.fileno() in ready:
                channel.flush()
        if not self._control.broken and self._control.fileno() in ready:
            self._control.read()  # its READY, without which it is sent nothing; replies; its end
            while self._control.take():
                pass
        return {descriptor for descriptor, event in ready.items() if event & ~select.POLLOUT}

    @staticmethod
    def _bite(excess: Excess | None) -> None:
        if excess is not None:
            raise Dead(excess.limit, excess.message)

    def _on_wire(self, replies: list[Any] | None) -> None:
        """Take a packet from the wire: the first answer to the question counts, all else is dropped."""
        descriptors: list[int] = []
        try:
            packet, descriptors, _flags, _address = socket.recv_fds(self._kernel.wire, 4096, 8)
            if not packet:  # the kernel closed its end of the wire, or says so
                self._wire_open = False
                return
            if replies is None or replies or len(descriptors) != 1:
                return
            if json.loads(packet).get("id") == self._asked:
                replies.append(self._reply_in(descriptors[0]))
        except BlockingIOError:
            return
        except ConnectionResetError:  # closed, with a question in it that nobody read
            self._wire_open = False
        except (ValueError, AttributeError, RecursionError, OSError):
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _reply_in(self, descriptor: int) -> Any:
        """The data in a file of the box's."""
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # reading anything else could take for ever
            raise ValueError("the reply is no file")
        if status.st_size > self._settings.reply_mib * 2**20:
            raise ValueError("the reply is too large")
        return plain_data.load_file(descriptor, status.st_size)

    def _send_packet(self, request: dict[str, Any], data: bytes) -> None:
        with memory_file(data) as descriptor:
            packet = json.dumps(request).encode()
            rights = array.array("i", [descriptor])
            try:
                self._kernel.wire.sendmsg(
                    [packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_DONTWAIT
                )
            except OSError as error:
                if error.errno == errno.ETOOMANYREFS:
                    raise BoxFailed(_USED_UP) from None
                raise self._end(f"its kernel takes no more questions ({error.strerror})") from None

    def _send(self, channel: Channel, kind: str, content: dict[str, Any]) -> str:
        message = self._session.msg(kind, content)
        channel.send(self._session.serialize(message))
        return str(message["header"]["msg_id"])


@dataclass(frozen=True)
class _Message:
    kind: str
    parent: str
    content: dict[str, Any]


def _message_of(frames: list[bytes]) -> _Message | None:
    """A message from its parts, or None for anything that is none."""
    try:
        start = frames.index(b"<IDS|MSG>")
        header, parent, _metadata, content = frames[start + 2 : start + 6]
        if max(len(header), len(parent)) > _MAX_HEADER:
            return None
        kind = json.loads(header)["msg_type"]
        above = json.loads(parent)
        said = json.loads(content)
        if isinstance(said, dict) and isinstance(above, dict):
            return _Message(str(kind), str(above.get("msg_id", "")), said)
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        pass
    return None
