"""One end of a ZeroMQ connection that keeps no more than it is told to, whatever the other end sends.

The other end here is a student's kernel. A limit has to hold for a whole message, however many parts it
has, and for all that nobody has read yet. So the driver speaks the protocol itself: ZMTP 3.0 without
encryption (rfc.zeromq.org/spec/23), of which a client needs a greeting, one command, and frames with a
length. Nothing is read ahead: what the driver has not asked for waits in the system's socket buffer, and
then the kernel waits.
"""

from __future__ import annotations

import socket
from collections import deque

_GREETING = (
    b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
)
_MORE, _LONG, _COMMAND = 1, 2, 4  # a frame's flags
_READ_BYTES = 2**18
_MAX_PARTS = 64  # a Jupyter message has seven, and one for each buffer


class Channel:
    """A client's socket: `DEALER`, or `SUB` with a subscription to everything."""

    def __init__(self, path: str, kind: str, max_message: int) -> None:
        """Connect to a Unix socket on which somebody listens already.

        Args:
            max_message: bytes; larger messages are skipped as they arrive.
        """
        self._max_message = max_message
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._outbox = bytearray()
        self._waiting = bytearray()  # for the other end's READY; before that it takes no message
        self._ready = False
        self._inbox = bytearray()
        self._skip = len(_GREETING)  # the other end's greeting tells nothing that matters here
        self._parts: list[bytes] = []
        self._size = 0
        self._oversize = False
        self._messages: deque[list[bytes]] = deque()
        self.broken = False
        self.skipped = 0  # messages that were too large
        try:
            self._socket.connect(path)
        except OSError:  # nobody is there any more
            self.broken = True
        self._socket.setblocking(False)
        ready = b"\x05READY" + b"\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind.encode()
        self._outbox += _GREETING + _frame(ready, _COMMAND)
        self.flush()
        if kind == "SUB":
            self.send([b"\x01"])

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def has_mail(self) -> bool:
        """Whether a whole message waits to be taken."""
        return bool(self._messages)

    @property
    def wants_to_write(self) -> bool:
        """Whether something waits for room in the other end's buffer."""
        return bool(self._outbox) and not self.broken

    def close(self) -> None:
        self._socket.close()

    def send(self, parts: list[bytes]) -> None:
        """Send a message; what does not fit now goes with a later `flush`."""
        last = len(parts) - 1
        queue = self._outbox if self._ready else self._waiting
        queue += b"".join(_frame(p, _MORE if n < last else 0) for n, p in enumerate(parts))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        try:
            while self.wants_to_write:
                del self._outbox[: self._socket.send(self._outbox[:_READ_BYTES])]
        except BlockingIOError:
            pass
        except OSError:
            self.broken = True

    def read(self) -> None:
        """Take in what has arrived, some of it at most."""
        try:
            content = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        self.broken |= not content
        self._inbox += content
        self._parse()

    def take(self) -> list[bytes] | None:
        """The next message's parts, if one has arrived whole."""
        return self._messages.popleft() if self._messages else None

    def _parse(self) -> None:
        start = 0
        while True:
            skipped = min(self._skip, len(self._inbox) - start)
            self._skip -= skipped
            start += skipped
            head = 9 if len(self._inbox) > start and self._inbox[start] & _LONG else 2
            if self._skip or len(self._inbox) - start < head:
                break
            flags = self._inbox[start]
            size = int.from_bytes(self._inbox[start + 1 : start + head], "big")
            if self._over(flags, size):
                start += head
                self._skip = size
                self._end_part(flags, None)
            elif len(self._inbox) - start < head + size:
                break
            else:
                body = bytes(self._inbox[start + head : start + head + size])
                start += head + size
                self._end_part(flags, body)
        del self._inbox[:start]

    def _over(self, flags: int, size: int) -> bool:
        """Whether a part is not to be kept: a command, or too much for one message."""
        if flags & _COMMAND:
            return True
        self._oversize |= self._size + size > self._max_message or len(self._parts) >= _MAX_PARTS
        return self._oversize

    def _end_part(self, flags: int, body: bytes | None) -> None:
        if flags & _COMMAND:
            if not self._ready:  # the first command is READY, and no later one matters
                self._ready = True
                self._outbox += self._waiting
                self._waiting.clear()
                self.flush()
            return
        if body is not None:
            self._parts.append(body)
            self._size += len(body)
        else:
            self._parts.clear()
        if not flags & _MORE:
            if self._oversize:
                self.skipped += 1
            else:
                self._messages.append(self._parts)
            self._parts, self._size, self._oversize = [], 0, False


def _frame(body: bytes, flags: int) -> bytes:
    if len(body) < 256:
        return bytes((flags, len(body))) + body
    return bytes((flags | _LONG,)) + len(body).to_bytes(8, "big") + body
