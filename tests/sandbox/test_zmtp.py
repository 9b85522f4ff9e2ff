"""The wire to a kernel: what its other end may send, and how little of it is kept."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.sandbox import zmtp
from autograder.sandbox.zmtp import Channel

MORE, LONG, COMMAND = 1, 2, 4
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
READY = b"\x04\x06\x05READY"
MOST = 1000  # bytes of a message


def frame(body: bytes, flags: int = 0) -> bytes:
    if len(body) < 256 and not flags & LONG:
        return bytes((flags, len(body))) + body
    return bytes((flags | LONG,)) + len(body).to_bytes(8, "big") + body


def message(*parts: bytes) -> bytes:
    *first, last = parts
    return b"".join([*(frame(part, MORE) for part in first), frame(last)])


class Peer:
    """A channel, and the other end of it."""

    def __init__(self, folder: Path, kind: str) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "socket"))
            listener.listen(1)
            self.channel = Channel(str(folder / "socket"), kind, MOST)
            self.end, _ = listener.accept()

    def says(self, *contents: bytes) -> list[list[bytes]]:
        """Send bytes in pieces; the messages that the channel makes of them."""
        for content in contents:
            self.end.sendall(content)
            self.channel.read()
        messages = []
        while self.channel.has_mail:
            messages.append(self.channel.take())
        assert self.channel.take() is None
        return [parts for parts in messages if parts is not None]

    def hears(self) -> bytes:
        self.end.setblocking(False)
        try:
            return self.end.recv(2**20)
        except BlockingIOError:
            return b""

    @property
    def kept(self) -> int:
        """Bytes that the channel holds of what it was sent."""
        return len(self.channel._inbox) + sum(map(len, self.channel._parts))

    def close(self) -> None:
        self.channel.close()
        self.end.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    made = Peer(tmp_path, "DEALER")
    yield made
    made.close()


@pytest.fixture
def open_peer(peer: Peer) -> Peer:
    """After the greetings."""
    assert peer.says(GREETING, READY) == []
    peer.hears()
    return peer


def test_a_client_greets_and_says_what_it_is(peer: Peer) -> None:
    said = peer.hears()
    assert said.startswith(GREETING)
    assert said[len(GREETING) :] == frame(b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER", COMMAND)


def test_nothing_is_sent_before_the_other_end_is_ready(peer: Peer) -> None:
    peer.hears()
    peer.channel.send([b"first", b"second"])
    assert peer.hears() == b""
    peer.says(GREETING)
    assert peer.hears() == b""
    peer.says(READY)
    assert peer.hears() == message(b"first", b"second")
    peer.says(READY)
    assert peer.hears() == b"", "a second READY sends nothing again"


def test_a_subscriber_asks_for_everything(tmp_path: Path) -> None:
    peer = Peer(tmp_path, "SUB")
    peer.hears()
    peer.says(GREETING, READY)
    assert peer.hears() == message(b"\x01")
    peer.close()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 999, 1000])
def test_a_part_of_any_size_within_the_limit_arrives(size: int, open_peer: Peer) -> None:
    body = bytes(range(256)) * 4
    assert open_peer.says(message(body[:size])) == [[body[:size]]]


def test_a_short_part_may_have_a_long_length(open_peer: Peer) -> None:
    assert open_peer.says(frame(b"abc", LONG)) == [[b"abc"]]


def test_a_message_arrives_however_it_is_cut(open_peer: Peer) -> None:
    whole = message(b"a", b"b" * 300, b"") + message(b"c")
    assert open_peer.says(*(whole[n : n + 1] for n in range(len(whole)))) == [
        [b"a", b"b" * 300, b""],
        [b"c"],
    ]


def test_several_messages_arrive_in_order(open_peer: Peer) -> None:
    assert open_peer.says(b"".join(message(b"%d" % n) for n in range(5))) == [
        [b"%d" % n] for n in range(5)
    ]


OVERSIZE = {
    "one part": (b"x" * (MOST + 1),),
    "several parts": (b"x" * 600, b"x" * 300, b"x" * 101),
    "its last part": (b"x" * MOST, b"x"),
    "its first part": (b"x" * (MOST + 1), b"", b"x"),
    "too many parts": (b"",) * (zmtp._MAX_PARTS + 1),
}


@pytest.mark.parametrize("parts", OVERSIZE.values(), ids=OVERSIZE)
def test_a_message_over_a_limit_is_skipped_and_the_next_one_arrives(
    parts: tuple[bytes, ...], open_peer: Peer
) -> None:
    assert open_peer.says(message(*parts), message(b"next")) == [[b"next"]]
    assert open_peer.channel.skipped == 1
    assert open_peer.kept == 0


def test_as_many_parts_as_may_be_arrive(open_peer: Peer) -> None:
    parts = [b"x"] * zmtp._MAX_PARTS
    assert open_peer.says(message(*parts)) == [parts]
    assert open_peer.channel.skipped == 0


def test_of_a_message_without_end_no_more_is_kept_than_of_one_that_may_be(open_peer: Peer) -> None:
    most = 0
    for _ in range(500):
        assert open_peer.says(frame(b"x" * 100, MORE)) == []
        most = max(most, open_peer.kept)
    assert most <= MOST
    for _ in range(5000):
        open_peer.says(frame(b"", MORE))
    assert len(open_peer.channel._parts) <= zmtp._MAX_PARTS
    assert open_peer.says(frame(b""), message(b"next")) == [[b"next"]]


def test_a_length_that_lies_is_waited_for_and_nothing_of_it_kept(open_peer: Peer) -> None:
    announced = bytes((LONG,)) + b"\xff" * 8
    assert open_peer.says(announced, *[b"x" * 10_000] * 20) == []
    assert open_peer.kept == 0


def test_commands_are_skipped_at_any_size_and_place(open_peer: Peer) -> None:
    huge = frame(b"y" * 5000, COMMAND)
    assert open_peer.says(
        frame(b"PING", COMMAND), frame(b"a", MORE), huge, frame(b"b"), huge, message(b"next")
    ) == [[b"a", b"b"], [b"next"]]
    assert open_peer.channel.skipped == 0
    assert open_peer.kept == 0


def test_a_greeting_is_not_taken_for_messages(peer: Peer) -> None:
    assert peer.says(message(b"x" * 62), READY, message(b"next")) == [[b"next"]]


def test_no_more_is_read_at_once_than_asked_for(
    open_peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zmtp, "_READ_BYTES", 50)
    open_peer.end.sendall(message(b"x" * 18) * 10)
    open_peer.channel.read()
    assert [open_peer.channel.take() for _ in range(4)] == [[b"x" * 18], [b"x" * 18], None, None]


def test_what_does_not_fit_is_sent_later(open_peer: Peer) -> None:
    body = b"z" * 2**22
    open_peer.channel.send([body])
    assert open_peer.channel.wants_to_write
    heard = b""
    while len(heard) < len(frame(body)):
        heard += open_peer.hears()
        open_peer.channel.flush()
    assert heard == frame(body)
    assert not open_peer.channel.wants_to_write


def test_an_end_that_closes_is_seen_and_what_it_said_before_counts(open_peer: Peer) -> None:
    open_peer.end.sendall(message(b"last"))
    open_peer.end.close()
    open_peer.channel.read()
    assert open_peer.channel.take() == [b"last"]
    assert not open_peer.channel.broken
    open_peer.channel.read()
    assert open_peer.channel.broken
    open_peer.channel.send([b"too late"])
    assert not open_peer.channel.wants_to_write


def test_where_nobody_listens_the_channel_is_broken_from_the_start(tmp_path: Path) -> None:
    channel = Channel(str(tmp_path / "none"), "DEALER", MOST)
    assert channel.broken
    channel.close()
