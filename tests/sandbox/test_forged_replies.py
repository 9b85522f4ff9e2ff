"""A student's code owns the kernel and can say anything on its sockets and on the wire.

Each attack is a function in the notebook that a probe calls. It must end as a value (a liar may say
what he likes), as a fault of the student's, and never as an exception of ours; and the next question
must be answered as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch  # noqa: F401 - or the first answer has it imported, and counts it as growth

from autograder.errors import BadReply, LimitHit, StudentFault
from autograder.grading import Student
from autograder.sandbox import BoxSettings, open_box
from autograder.sandbox.settings import LANDLOCK
from tests.memory import PeakMemory
from tests.sandbox.here import FORM

TOOLS = '''
import array, json, os, socket, struct, sys, threading, time

probe = sys.modules["box_probe"]
wire = probe._wire


def file(content=b"", size=None):
    fd = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, content)
    if size is not None:
        os.truncate(fd, size)
    return fd


def send(packet, *fds, flags=0):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    wire.sendmsg([packet], rights, flags)


def number():
    frame = sys._getframe()
    while frame:
        request = frame.f_locals.get("request")
        if isinstance(request, dict) and "id" in request:
            return request["id"]
        frame = frame.f_back
    return 1


def header():
    return json.dumps({"id": number()}).encode()


def message(tree, blob=b""):
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return len(text).to_bytes(8, "little") + text + blob


def reply(**parts):
    return message({"$": "dict", "v": [[key, value] for key, value in parts.items()]})


TENSOR = {"$": "tensor", "v": "0"}


def blob(shape):
    about = b'{"0": {"dtype": "F32", "shape": [' + shape + b'], "data_offsets": [0, 4]}}'
    return len(about).to_bytes(8, "little") + about + b"1234"


def end():
    """Leave this once without the honest reply."""
    honest = probe._send

    def once(*_):
        probe._send = honest

    probe._send = once


def good():
    return 42


kernel = get_ipython().kernel
'''

ATTACKS = {
    "garbage": "send(os.urandom(2000)); end()",
    "text": "send(b'hello'); end()",
    "empty_packet": "send(b''); end()",
    "empty_packets_and_a_reply": "[send(b'') for _ in range(3)]",
    "nested_json": "send(b'[' * 4000); end()",
    "json_list": "send(b'[1]', file(reply(ended='returned', value=1))); end()",
    "long_number": "send(b'1' * 4000); end()",
    "no_descriptor": "send(header()); end()",
    "many_descriptors": "send(header(), *[file() for _ in range(8)]); end()",
    "very_many_descriptors": "send(header(), *[file() for _ in range(200)]); end()",
    "a_pipe": "send(header(), os.pipe()[0]); end()",
    "a_socket": "send(header(), socket.socketpair()[0].detach()); end()",
    "a_folder": "send(header(), os.open('/', os.O_RDONLY)); end()",
    "a_device": "send(header(), os.open('/dev/zero', os.O_RDONLY)); end()",
    "a_file": "open('f', 'w').close(); send(header(), os.open('f', os.O_RDONLY)); end()",
    "write_only": "open('g', 'w').write('x'); send(header(), os.open('g', os.O_WRONLY)); end()",
    "a_file_of_the_system": "send(header(), os.open('/proc/self/mem', os.O_RDONLY)); end()",
    "cut_short": "fd = file(bytes(2**24)); send(header(), fd); os.truncate(fd, 9); end()",
    "empty": "send(header(), file()); end()",
    "huge": "send(header(), file(size=2**29)); end()",
    "no_message": "send(header(), file(os.urandom(5000))); end()",
    "deep_message": "send(header(), file(message(b'[' * 50_000))); end()",
    "large_json": "send(header(), file(message(b'[' + b'[],' * 10_000_000 + b'0]'))); end()",
    "long_shape": (
        "shape = b','.join([b'9' * 4000] * 2000)\n"
        "    send(header(), file(reply(ended='returned', value=TENSOR) + blob(shape))); end()"
    ),
    "a_tensor_many_times": (
        "value = [TENSOR] * 1000\n"
        "    send(header(), file(reply(ended='returned', value=value) + blob(b'1'))); end()"
    ),
    "pickle": "import pickle; send(header(), file(pickle.dumps(print))); end()",
    "no_answer_kind": "send(header(), file(message([1, 2]))); end()",
    "odd_end": "send(header(), file(reply(ended='won'))); end()",
    "end_is_a_list": "send(header(), file(reply(ended=[1], value=1))); end()",
    "no_value": "send(header(), file(reply(ended='returned'))); end()",
    "raised_oddly": "send(header(), file(reply(ended='raised', kind=[1], text=None))); end()",
    "missing_oddly": "send(header(), file(reply(ended='missing', name=[1]))); end()",
    "wrong_number": "send(b'{\"id\": 999999}', file(reply(ended='returned', value=1))); end()",
    "closes_the_wire": "wire.close()",
    "closes_the_wire_with_a_question_in_it": "os.close(wire.detach())",
    "shuts_the_wire_down": "wire.shutdown(socket.SHUT_RDWR)",
    "reads_ahead": "threading.Thread(target=lambda: wire.recv(65536), daemon=True).start(); end()",
    "fills_the_wire": (
        "wire.setblocking(False)\n"
        "    try:\n        while True: wire.send(b'x' * 1000)\n"
        "    except BlockingIOError: pass\n"
        "    end()"
    ),
    "floods_the_wire": (
        "def flood():\n        while True: wire.send(b'x' * 1000)\n"
        "    threading.Thread(target=flood, daemon=True).start(); end()"
    ),
    "says_nothing": "end()",
    "garbage_on_iopub": (
        "s = kernel.iopub_thread.socket\n"
        "    for parts in ([b''], [os.urandom(100)] * 9, [b'<IDS|MSG>'], [b'<IDS|MSG>'] + [b'{}'] * 5,"
        " [b'<IDS|MSG>', b''] + [b'[' * 9999] * 5, [b'<IDS|MSG>', b''] + [b'1'] * 5):\n"
        "        s.send_multipart(parts)"
    ),
    "large_message_on_iopub": "kernel.iopub_thread.socket.send_multipart([b'x' * 40_000_000])",
    "many_parts_on_iopub": "kernel.iopub_thread.socket.send_multipart([b'x' * 2**20] * 60)",
    "garbage_on_shell": (
        "s = kernel.shell_stream.socket if getattr(kernel, 'shell_stream', None) else None\n"
        "    ident = kernel.get_parent_ident() if hasattr(kernel, 'get_parent_ident') else []\n"
        "    for parts in ([b''], [os.urandom(99)] * 9, [b'<IDS|MSG>'] + [b'{}'] * 5):\n"
        "        s and s.send_multipart([*ident, *parts])"
    ),
    "early_reply_on_shell": (
        "parent = kernel.get_parent()\n"
        "    kernel.session.send(kernel.shell_stream, 'execute_reply', {'status': 'ok'}, parent=parent,"
        " ident=kernel._parent_ident.get('shell', []) if isinstance(kernel._parent_ident, dict) else [])\n"
        "    time.sleep(1.5)"
    ),
    "patched_probe": "probe.serve = lambda: None",
    "patched_codec": "sys.modules['plain_data'].dump_parts = lambda value: (b'no message',)",
    "no_kernel_sockets": "[os.close(n) for n in range(3, 60) if n not in (wire.fileno(),)]",
    "half_characters": "send(header(), file(message(b'\"\\\\ud83d\"'))); end()",
}


def notebook() -> list[str]:
    functions = [f"def {name}():\n    {body}\n    return 1\n" for name, body in ATTACKS.items()]
    return [TOOLS, *functions]


@contextmanager
def open_student() -> Iterator[Student]:
    settings = BoxSettings(
        cell_wall_s=10.0, probe_wall_s=3.0, restarts=200, reply_mib=64, notebook_wall_s=900.0
    )
    with open_box(settings, notebook()) as box:
        runs = box.run_cells()
        assert [run.message for run in runs] == [""] * len(runs)
        yield Student(box)


@pytest.fixture(scope="module")
def student() -> Iterator[Student]:
    with open_student() as made:
        yield made


# What stays broken in a kernel that lives on: the liar loses his own points, and only his.
LASTING = {"patched_probe", "patched_codec", "empty_packet", "empty_packets_and_a_reply"}
LASTING |= {"reads_ahead", "floods_the_wire", "fills_the_wire"}


CLOSED = {"a_folder", "a_file_of_the_system"}  # to a box that Landlock keeps from files
FORGED = {
    "wrong_number",
    "no_message",
    "empty",
    "huge",
    "large_json",
    "long_shape",
    "a_tensor_many_times",
    "pickle",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_as_the_students_own_fault(name: str, student: Student) -> None:
    if name in LASTING:
        with open_student() as own:
            attack(name, own)
    else:
        assert attack(name, student)[-1] == 42


def attack(name: str, student: Student) -> list[object]:
    """Have the notebook attack once, and then ask some ordinary questions; what became of those."""
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    answers: list[object] = []
    with PeakMemory() as peak:
        try:
            value = getattr(student, name)()
        except StudentFault as fault:
            closed = FORM == LANDLOCK and name in CLOSED and "PermissionError" in str(fault)
            known = isinstance(fault, BadReply | LimitHit)
            assert name.endswith("_oddly") or known or closed, repr(fault)
            str(fault).encode()
        else:
            assert name not in FORGED, f"{value!r} was taken for an answer"
        for _ in range(3):  # what was left on the wire may cost another question, not all of them
            try:
                answers.append(student.good())
            except StudentFault as fault:
                answers.append(fault)
    assert peak.mib < 200
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 4
    return answers
