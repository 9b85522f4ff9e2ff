"""Submissions that eat, hang, flood or kill: each costs only itself, and nothing of it is left.

`seen` is what must be found in the attack's run, so that it is known to have been tried: a status, a
limit or a word that it printed. There is no limit on time here but a generous guard against hanging.
"""

from __future__ import annotations

import copy
import os
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.errors import StudentFault
from autograder.sandbox import Box, BoxSettings, CellRun, driver, open_box
from tests.memory import PeakMemory

HONEST = "import torch\ndef double(x): return 2 * x\nprint('honest')"
MOST_GROWTH_MIB = 300
QUESTION: tuple[str, str, dict[str, str], dict[str, Any]] = (
    "def call(double):\n    return double(21)",
    "call",
    {"double": "double"},
    {},
)


@dataclass(frozen=True)
class Disruption:
    name: str
    cell: str
    seen: tuple[str, ...]  # one of these is in the run


def _in_probe(body: str) -> str:
    return "def double(x):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ")


_FORGE = """
kernel = get_ipython().kernel
def say(kind, content):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
"""

IN_A_CELL = [
    Disruption(
        "fork_bomb",
        """
        import os, time
        made = 0
        try:
            for made in range(5000):
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
        except OSError as error:
            print("refused", made, error.errno)
        """,
        ("refused", "limit"),
    ),
    Disruption(
        "thread_bomb",
        """
        import threading, time
        threads = []
        try:
            for _ in range(5000):
                threads.append(threading.Thread(target=time.sleep, args=(60,), daemon=True))
                threads[-1].start()
        except (RuntimeError, MemoryError) as error:
            print("refused", len(threads))
        """,
        ("refused", "limit"),
    ),
    Disruption(
        "doubly_forked_daemon",
        """
        import os, subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import os, time\\nos.fork() and os._exit(0)\\nos.setsid()\\ntime.sleep(1000)"]).wait()
        print("daemon")
        """,
        ("daemon",),
    ),
    Disruption("heap", "kept = []\nwhile True: kept.append(bytearray(2**24))", ("memory", "MemoryError")),
    Disruption("tensors", "import torch\nkept = [torch.ones(2**22) for _ in range(10**4)]", ("memory",)),
    Disruption(
        "memfds",  # no process's memory, and on their way through a socket no process's descriptor
        """
        import os, socket
        ends = socket.socketpair()
        for number in range(200):
            kept = os.memfd_create("x")
            for _ in range(16): os.write(kept, bytes(2**20))
            socket.send_fds(ends[0], [b"x"], [kept])
            os.close(kept)
        """,
        ("PermissionError",),
    ),
    Disruption(
        "shared_mappings",
        """
        import mmap, time
        kept = []
        while len(kept) < 200:
            kept.append(mmap.mmap(-1, 2**24))
            kept[-1].write(b"x" * 2**24)
            time.sleep(0.01)
        """,
        ("memory",),
    ),
    Disruption(
        "memory_of_many_processes",
        """
        import os, time
        for _ in range(20):
            if os.fork() == 0:
                kept = bytearray(b"x") * (100 * 2**20)
                time.sleep(30)
                os._exit(0)
        time.sleep(30)
        """,
        ("memory", "limit"),
    ),
    Disruption(
        "fills_folders",
        """
        import os, tempfile
        for folder in (os.getcwd(), tempfile.gettempdir(), "/dev/shm"):
            try:
                for number in range(100):
                    with open(f"{folder}/{number}", "wb") as file: file.write(bytes(2**22))
            except OSError as error:
                print("refused", folder, error.errno)
        """,
        ("refused", "memory", "disk_mib"),
    ),
    Disruption(
        "many_files",
        """
        try:
            for number in range(10**5): open(f"{number}", "w").close()
        except OSError as error:
            print("refused", number, error.errno)
        """,
        ("refused", "disk_files"),
    ),
    Disruption(
        "files_without_a_name",
        """
        import os, time
        kept = []
        try:
            for number in range(200):
                kept.append(open("file", "wb", 0))
                os.unlink("file")
                kept[-1].write(bytes(2**22))
                time.sleep(0.01)
        except OSError as error:
            print("refused", number, error.errno)
        """,
        ("refused", "disk_mib"),
    ),
    Disruption(
        "folder_in_folder",
        """
        import os, time
        try:
            for number in range(1000):
                os.mkdir("a" * 200)
                os.chdir("a" * 200)
                if number == 50:
                    time.sleep(2)
        except OSError as error:
            print("refused", number, error.errno)
        os.chdir("/")
        print("deep", number)
        """,
        ("deep", "disk_files"),
    ),
    Disruption(
        "program_that_nobody_may_read",  # and of which nobody may see, therefore, what it holds
        """
        import os, shutil, subprocess, time
        shutil.copy("/bin/sleep", "sleep")
        os.chmod("sleep", 0o111)
        started = subprocess.Popen(["./sleep", "1000"])
        time.sleep(2.5)
        print("it runs", started.poll())
        """,
        ("it runs None", "memory_mib"),
    ),
    Disruption("prints_200_mb", "for _ in range(200): print('x' * 2**20)", ("cut off", "limit")),
    Disruption("prints_200_mb_at_once", "print('x' * 200 * 2**20)", ("cut off", "ok", "memory")),
    Disruption(
        "writes_200_mb_past_the_protocol",
        "import os\nfor _ in range(200):\n    try: os.write(1, bytes(2**20))\n    except OSError: print('refused'); break",
        ("refused", "ok", "limit"),
    ),
    Disruption(
        "displays_64_mb",
        "from IPython.display import display\ndisplay({'text/plain': 'x' * 2**26}, raw=True)\nprint('after')",
        ("after", "cut off"),
    ),
    Disruption(
        "displays_100_000_times",
        "from IPython.display import display\nfor _ in range(10**5): display({'text/plain': 'x'}, raw=True)",
        ("cut off", "limit"),
    ),
    Disruption("clears_100_000_times", "from IPython.display import clear_output\nfor i in range(10**5): clear_output(); print(i)", ("ok", "limit", "cut off")),
    Disruption(
        "message_of_many_parts",
        """
        import threading, time
        thread = get_ipython().kernel.iopub_thread
        done = threading.Event()
        def send():
            thread.socket.send_multipart([b"x"] + [b"x" * 2**23] * 60, copy=False)
            done.set()
        thread.schedule(send)
        print("sent", done.wait(5))
        """,
        ("sent",),
    ),
    Disruption(
        "error_of_a_long_name",
        _FORGE + "for _ in range(60): say('error', {'ename': 'E' * 10**7, 'evalue': '', 'traceback': []})",
        ("cut off", "limit"),
    ),
    Disruption(
        "error_of_many_lines",
        _FORGE + "for _ in range(40): say('error', {'ename': '', 'evalue': '', 'traceback': [''] * 2 * 10**6})",
        ("ok", "limit", "cut off", "error"),
    ),
    Disruption(
        "header_of_ten_mb",
        _FORGE
        + """
for _ in range(20):
    kernel.session.send(kernel.iopub_socket, "stream", {"text": "x"}, parent={"msg_id": ["x" * 10] * 10**6})
print("sent")
""",
        ("sent", "limit"),
    ),
    Disruption(
        "garbage_frames",
        """
        import os, socket
        sent = 0
        for name in os.listdir("/proc/self/fd"):
            try:
                with socket.socket(fileno=os.dup(int(name))) as s:
                    if s.type == socket.SOCK_STREAM and s.getsockname() and not s.getsockopt(1, 30):
                        s.setblocking(False)
                        for flags in (b"\\x00\\xff", b"\\x02" + b"\\xff" * 8, os.urandom(65536)):
                            s.send(flags)
                        sent += 1
            except OSError:
                pass
        print("sent", sent)
        """,
        ("sent", "limit"),
    ),
    Disruption(
        "huge_execute_reply",
        """
        kernel = get_ipython().kernel
        def reply(self, stream, ident, parent, *a, real=kernel.session.send, **k): return None
        real = kernel.session.send
        def send(stream, kind, content=None, **k):
            if kind == "execute_reply": content = {**content, "payload": ["x" * 2**26]}
            return real(stream, kind, content, **k)
        kernel.session.send = send
        """,
        ("ok", "limit"),
    ),
    Disruption("closes_descriptors", "import os\nos.closerange(3, 1000)", ("limit", "ok", "error")),
    Disruption("stops_itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", ("limit", "ok")),
    Disruption(
        "ignores_interrupts",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        ("cell_wall_s",),
    ),
    Disruption("catches_interrupts", "while True:\n    try:\n        while True: pass\n    except BaseException: pass", ("cell_wall_s",)),
    Disruption("kills_all", "import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(os.getpid(), signal.SIGKILL)\nprint('alive')", ("limit", "alive", "error")),
    Disruption("exits", "import os\nos._exit(0)", ("limit",)),
    Disruption("crashes", "import ctypes\nctypes.string_at(0)", ("limit",)),
    Disruption(
        "overflows_the_stack",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)",
        ("limit", "memory", "RecursionError"),
    ),
    Disruption("recurses", "def f(n): return f(n + 1)\nf(0)", ("RecursionError", "limit")),
    Disruption(
        "leaves_hooks",
        "import atexit, os, time\natexit.register(time.sleep, 1000)\nos.register_at_fork(before=lambda: time.sleep(1000))\nprint('hooked')",
        ("hooked",),
    ),
    Disruption(
        "catches_every_signal",
        """
        import ctypes, signal
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG, none
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        print("deaf")
        """,
        ("deaf",),
    ),
    Disruption(
        "hides_from_the_watchdog",
        """
        import ctypes, os
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        import mmap
        kept = [mmap.mmap(-1, 2**24) for _ in range(100)]
        for part in kept: part.write(b"x" * 2**24)
        import time
        time.sleep(1)
        """,
        ("memory",),
    ),
    Disruption(
        "memory_in_sockets",
        """
        import os, socket, time
        kept = []
        def fill():
            try:
                while True:
                    for end in (pair := socket.socketpair()):
                        kept.append(end)
                        try: end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**23)
                        except PermissionError: pass
                        try:
                            while True: end.send(bytes(2**16), socket.MSG_DONTWAIT)
                        except BlockingIOError: pass
            except OSError: time.sleep(30)
        for _ in range(40):
            if os.fork() == 0: fill()
        time.sleep(30)
        """,
        ("memory",),
    ),
    Disruption(
        "memory_of_page_tables",
        """
        import mmap, time
        kept = []
        for _ in range(4):
            room = mmap.mmap(-1, 2**40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=mmap.PROT_READ)
            kept.append(room)
            for place in range(0, 2**40, 2**21): room[place]
        time.sleep(30)
        """,
        ("memory",),
    ),
    Disruption(
        "memory_of_a_process_without_its_first_thread",
        """
        import ctypes, os, threading, time
        def eat():
            kept = []
            for _ in range(100): kept.append(bytearray(b'x' * 2**24))
            time.sleep(30)
        if os.fork() == 0:
            threading.Thread(target=eat).start()
            number = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
            ctypes.CDLL(None).syscall(number, 0)  # exit, of this thread alone
        time.sleep(2)
        """,
        ("memory", "ok", "cell_wall_s"),
    ),
]  # fmt: skip

EATS_MEMORY = [
    attack
    for attack in IN_A_CELL
    if attack.name in ("heap", "shared_mappings", "memory_of_many_processes")
    or attack.name in ("hides_from_the_watchdog", "memory_of_a_process_without_its_first_thread")
    or attack.name in ("memory_in_sockets", "memory_of_page_tables")
]

IN_A_PROBE = [
    Disruption("prints_while_asked", _in_probe("for _ in range(100): print('x' * 2**20)\nreturn 42"), ("42",)),
    Disruption("hangs_when_asked", _in_probe("while True: pass"), ("probe_wall_s",)),
    Disruption("exits_when_asked", _in_probe("import os; os._exit(1)"), ("kernel",)),
    Disruption("crashes_when_asked", _in_probe("import ctypes; ctypes.string_at(0)"), ("kernel",)),
    Disruption("eats_when_asked", _in_probe("return [bytearray(2**28) for _ in range(100)]"), ("memory",)),
    Disruption("stops_when_asked", _in_probe("import os; os.kill(os.getpid(), 19)\nreturn 42"), ("probe_wall_s", "42")),
    Disruption(
        "spins_in_threads_while_asked",
        "import threading\ndef spin():\n    while True: pass\n"
        "for _ in range(4): threading.Thread(target=spin, daemon=True).start()\ndef double(x): return 2 * x",
        ("42",),
    ),
    Disruption(
        "answers_with_sparse_gigabytes",
        """
        import array, box_probe, json, os, socket
        def serve():
            number = json.loads(box_probe._wire.recvmsg(65536, 1000)[0])["id"]
            for size in (2**30, 2**26 - 4096, 2**26 - 4096):
                fd = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR, 0o600)
                try: os.ftruncate(fd, size)
                except OSError: continue
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
                box_probe._wire.sendmsg([json.dumps({"id": number}).encode()], rights)
        box_probe.serve = serve
        """,
        ("BadReply",),
    ),
    Disruption(
        "answers_a_hundred_times",
        """
        import box_probe, plain_data, torch
        def serve(real=box_probe.serve):
            message = plain_data.dumps({"ended": "returned", "value": torch.zeros(10 * 2**20)})
            for _ in range(10): box_probe._send(1, message)
        box_probe.serve = serve
        """,
        ("tensor", "memory", "BadReply"),
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> BoxSettings:
    made = BoxSettings()
    made.cell_wall_s, made.probe_wall_s, made.notebook_wall_s = 3.0, 2.0, 30.0
    made.memory_mib, made.disk_mib, made.disk_files = 600, 64, 5000
    made.reply_mib, made.restarts, made.processes = 64, 2, 100
    return made


@contextmanager
def nothing_is_left() -> Iterator[None]:
    """The grader did not swell, and no process, mount, folder or control group outlives the box."""
    before = _traces()
    with PeakMemory() as peak:
        yield
    assert peak.mib < MOST_GROWTH_MIB
    deadline = time.monotonic() + 10
    while (left := _traces() - before) and time.monotonic() < deadline:
        time.sleep(0.05)  # the attendant leaves a moment after its box
    assert not left


def _traces() -> set[str]:
    me = psutil.Process()
    children = {f"process {child.pid}" for child in me.children(recursive=True)}
    mounts = set(Path("/proc/self/mountinfo").read_text().splitlines())
    descriptors = {f"descriptors {len(list(Path('/proc/self/fd').iterdir()))}"}
    groups = {  # by os.walk, to which a group that vanishes meanwhile is no error
        str(Path(folder, name))
        for folder, names, _files in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith(f"autograder-box-{os.getpid()}-")
    }
    temporary = Path(tempfile.gettempdir())
    folders = {
        str(path) for name in ("box-*", "autograder-user-*") for path in temporary.rglob(name)
    }
    shared = (entry for entry in os.scandir("/dev/shm") if entry.stat().st_uid != os.getuid())
    folders |= {entry.path for entry in shared if 64000 <= entry.stat().st_uid < 65000}
    return children | mounts | groups | folders | descriptors


@pytest.fixture(scope="module", autouse=True)
def _who_does_not_stop_is_killed_soon() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "_INTERRUPT_GRACE_S", 1.0)
        yield


@pytest.fixture(scope="module", autouse=True)
def _folders_of_our_own() -> Iterator[None]:
    """Other graders of this machine have folders of the same name; a socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="a", dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # boxes that are other users have theirs in it
        tempfile.tempdir, before = folder, tempfile.tempdir
        yield
        tempfile.tempdir = before


@pytest.fixture(scope="module")
def warmed(settings: BoxSettings) -> BoxSettings:
    with open_box(settings, [HONEST]) as box:  # what it starts stays for the others
        assert_honest(box)
    return settings


def assert_honest(box: Box) -> None:
    runs = box.run_cells()
    assert [(run.status, run.message) for run in runs] == [("ok", "")]
    assert box.ask(*QUESTION) == 42


def said(run: CellRun) -> str:
    outputs = f"{run.outputs}"
    return f"{run.status} {run.limit} {run.message} {outputs[:1000]} {outputs[-1000:]}"


@pytest.mark.parametrize("attack", IN_A_CELL, ids=lambda attack: attack.name)
def test_cell_costs_only_itself(attack: Disruption, warmed: BoxSettings) -> None:
    with nothing_is_left():
        with open_box(warmed, [HONEST]) as neighbour:
            neighbour.run_cells()
            cells = [HONEST, textwrap.dedent(attack.cell), "print('later')"]
            with open_box(warmed, cells) as box:
                honest, attacking, _later = box.run_cells()
                assert honest.status == "ok"
                assert any(word in said(attacking) for word in attack.seen), said(attacking)
                _ask_anything(box)
            assert neighbour.ask(*QUESTION) == 42
        with open_box(warmed, [HONEST]) as box:
            assert_honest(box)


AT_FULL_SIZE = [
    Disruption("one_1_gb_message", "print('x' * 2**30)", ("cut off", "cell_wall_s", "memory")),
    Disruption(
        "one_1_gb_frame",
        """
        from IPython import get_ipython
        kernel = get_ipython().kernel
        kernel.iopub_socket.send_multipart([b"topic", b"<IDS|MSG>", bytes(2**30)])
        print("sent")
        """,
        ("sent", "cut off", "cell_wall_s", "memory"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("attack", AT_FULL_SIZE, ids=lambda attack: attack.name)
def test_a_gigabyte_costs_only_its_cell(attack: Disruption, warmed: BoxSettings) -> None:
    roomy = copy.deepcopy(warmed)
    roomy.memory_mib, roomy.cell_wall_s = 6000, 6.0
    with nothing_is_left(), open_box(roomy, [HONEST, textwrap.dedent(attack.cell)]) as box:
        _honest, attacking = box.run_cells()
        assert any(word in said(attacking) for word in attack.seen), said(attacking)
        assert box.ask(*QUESTION) == 42


@pytest.mark.parametrize("attack", EATS_MEMORY, ids=lambda attack: attack.name)
def test_watchdog_holds_memory_where_there_is_no_control_group(
    attack: Disruption, warmed: BoxSettings
) -> None:
    watched = copy.deepcopy(warmed)
    watched.control_groups = False
    watched.cell_wall_s = 30.0
    with nothing_is_left(), open_box(watched, [HONEST, textwrap.dedent(attack.cell)]) as box:
        _honest, attacking = box.run_cells()
        assert "memory" in said(attacking) or "MemoryError" in said(attacking), said(attacking)


@pytest.mark.parametrize("attack", IN_A_PROBE, ids=lambda attack: attack.name)
def test_probe_costs_only_itself(attack: Disruption, warmed: BoxSettings) -> None:
    with nothing_is_left():
        with open_box(warmed, [HONEST, textwrap.dedent(attack.cell)]) as box:
            runs = box.run_cells()
            assert [run.status for run in runs] == ["ok", "ok"], runs
            answer = _ask_anything(box)
            assert any(word in answer for word in attack.seen), answer
            _ask_anything(box)
        with open_box(warmed, [HONEST]) as box:
            assert_honest(box)


def _ask_anything(box: Box) -> str:
    try:
        return repr(box.ask(*QUESTION))[:1000]
    except StudentFault as fault:
        return f"{type(fault).__name__} {getattr(fault, 'limit', '')} {fault}"
