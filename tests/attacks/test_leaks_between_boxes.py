"""What one submission, one cell or one probe could tell another, and what an output could do to a reader."""

from __future__ import annotations

import json
import secrets
import textwrap
from typing import Any

import pytest

from autograder.errors import LimitHit, StudentRaised
from autograder.sandbox import BoxSettings, open_box
from autograder.sandbox.settings import BUBBLEWRAP_PROC, LANDLOCK
from tests.sandbox.here import FORM

SETTINGS = BoxSettings()
SETTINGS.cell_wall_s = SETTINGS.probe_wall_s = 20.0

# Name, what a submission changes, and the question whose answer then is "changed" in the same kernel.
STATE = {
    "builtins": ("import builtins\nbuiltins.planted = 1", "hasattr(__import__('builtins'), 'planted')"),
    "torch": ("import torch\ntorch.planted = 1", "hasattr(__import__('torch'), 'planted')"),
    "numpy": ("import numpy\nnumpy.add = None", "__import__('numpy').add is None"),
    "module": ("import sys\nsys.modules['planted'] = sys", "'planted' in __import__('sys').modules"),
    "probe": ("import box_probe\nbox_probe._answer = None", "__import__('box_probe')._answer is None"),
    "json": ("import json\njson.planted = 1", "hasattr(__import__('json'), 'planted')"),
    "environment": ("import os\nos.environ['PLANTED'] = '1'", "'PLANTED' in __import__('os').environ"),
    "random": ("import torch\ntorch.manual_seed(4711)", "__import__('torch').initial_seed() == 4711"),
    "threads": ("import torch\ntorch.set_num_threads(3)", "__import__('torch').get_num_threads() == 3"),
    "dtype": (
        "import torch\ntorch.set_default_dtype(torch.float64)",
        "__import__('torch').get_default_dtype() is __import__('torch').float64",
    ),
    "work": ("open('planted', 'w').close()", "__import__('os').path.exists('planted')"),
    "tmp": (
        "import tempfile\nopen(tempfile.gettempdir() + '/planted', 'w').close()",
        "__import__('os').path.exists(__import__('tempfile').gettempdir() + '/planted')",
    ),
    "shm": ("open('/dev/shm/planted', 'w').close()", "__import__('os').path.exists('/dev/shm/planted')"),
    "path": ("import sys\nsys.path.insert(0, '/planted')", "'/planted' in __import__('sys').path"),
    "history": ("planted = 1", "'planted' in get_ipython().user_ns"),
    "hooks": (
        "get_ipython().events.register('pre_run_cell', print)",
        "print in get_ipython().events.callbacks['pre_run_cell']",
    ),
    "limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
        "__import__('resource').getrlimit(7)[0] == 100",
    ),
}  # fmt: skip
QUESTIONS = "import json\nprint('STATE', json.dumps({%s}))" % ", ".join(  # noqa: UP031
    f"{name!r}: bool({question})" for name, (_change, question) in STATE.items()
)


def stated(run: Any) -> dict[str, bool]:
    text = "".join(output.get("text", "") for output in run.outputs)
    found: dict[str, bool] = json.loads(text.split("STATE ", 1)[1].splitlines()[0])
    return found


def test_what_a_submission_changes_is_its_own_kernels_only() -> None:
    changes = [
        change for name, (change, _question) in STATE.items() if name not in ("json", "probe")
    ]
    changes += [STATE[name][0] for name in ("json", "probe")]
    with open_box(SETTINGS, [*changes, QUESTIONS]) as box:
        assert stated(box.run_cells()[-1]) == dict.fromkeys(STATE, True)
    with open_box(SETTINGS, [QUESTIONS]) as box:
        assert stated(box.run_cells()[-1]) == dict.fromkeys(STATE, False)


def test_what_a_killed_kernel_wrote_is_not_in_the_next_one() -> None:
    plant = """
    import os, pathlib, subprocess, sys, tempfile
    tmp, work = tempfile.gettempdir(), os.getcwd()
    text = f"open('{tmp}/ran', 'w').close()"
    first = not pathlib.Path(tmp, "ran").exists() and not pathlib.Path(work, "kept").exists()
    for path in (f"{tmp}/ipython/profile_default/startup/00.py", f"{work}/sitecustomize.py",
                 f"{work}/usercustomize.py", f"{work}/ipython_config.py", f"{work}/kept"):
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(path).write_text(text)
    os.environ.update(PYTHONSTARTUP=f"{work}/kept", PYTHONPATH=work, LD_PRELOAD=f"{work}/kept")
    subprocess.run([sys.executable, "-c", ""], stderr=subprocess.DEVNULL)
    print("FIRST", first, "RAN", pathlib.Path(tmp, "ran").exists())
    """
    ask: tuple[str, str, dict[str, str], dict[str, Any]] = (
        "def look(first):\n    import os\n    return first, os.environ.get('LD_LIBRARY_PATH', '')",
        "look",
        {"first": "first"},
        {},
    )
    with open_box(SETTINGS, [textwrap.dedent(plant)]) as box:
        (run,) = box.run_cells()
        assert "FIRST True RAN True" in str(run.outputs), run  # it does run in a Python of its own
        with pytest.raises(LimitHit):
            box.ask("def die():\n    import os\n    os._exit(0)", "die", {}, {})
        assert box.ask(*ask) == (True, "")  # replayed, and as new as the first time


def test_memory_of_an_earlier_submission_is_not_in_a_later_one() -> None:
    halves = [secrets.token_hex(12), secrets.token_hex(12)]
    canary = "".join(halves)
    search = f"""
    import ctypes, os
    out, into = os.pipe()
    write = ctypes.CDLL(None).write
    def read(start, end):  # its own memory, by a pipe: the system says where there is none
        parts = []
        for place in range(start, end, 2**15):
            size = write(into, ctypes.c_void_p(place), ctypes.c_size_t(min(2**15, end - place)))
            if size <= 0: break
            parts.append(os.read(out, size))
        return b"".join(parts)
    def search(halves={halves!r}):
        first, second = (half.encode() for half in halves)
        found = 0
        with open("/proc/self/maps") as maps:
            for line in maps:
                span, rights, *_rest = line.split()
                start, end = (int(part, 16) for part in span.split("-"))
                if "w" not in rights or end - start > 2**28: continue
                text = read(start, end)
                at = text.find(first)
                while at >= 0:
                    found += text[at + len(first):].startswith(second) if len(text) - at < 2**16 else text[at + len(first): at + 100].startswith(second)
                    at = text.find(first, at + 1)
        return found
    print("FOUND", search())
    """
    cell = textwrap.dedent(search)
    with open_box(SETTINGS, [f"mine = '{canary}'", cell], {"data.txt": canary.encode()}) as box:
        told = str(box.run_cells()[-1].outputs)
        assert "FOUND" in told
        assert "FOUND 0" not in told  # the search finds it where it is
    with open_box(SETTINGS, [cell]) as box:
        assert "FOUND 0" in str(box.run_cells()[-1].outputs)


# What a box finds of its own, and against docs/security.md of another's that runs beside it.
OWN_SEEN = "work tmp shm socket " if FORM == LANDLOCK else "work tmp shm process socket "
OTHERS_SEEN = {LANDLOCK: "shm ", BUBBLEWRAP_PROC: "process "}.get(FORM, "")


def test_two_boxes_at_the_same_time_do_not_see_each_other() -> None:
    name = f"planted-{secrets.token_hex(6)}"
    plant = f"""
    import os, socket, subprocess, tempfile
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\\0{name}")
    listener.listen(9)
    try: tcp = socket.socket(); tcp.bind(("127.0.0.1", 0)); tcp.listen(9)
    except OSError: pass
    for folder in (os.getcwd(), tempfile.gettempdir(), "/dev/shm"): open(f"{{folder}}/{name}", "w").close()
    sleeper = subprocess.Popen(["/bin/sh", "-c", "sleep 100; : {name}"])
    """
    look = f"""
    import glob, json, os, socket, tempfile
    folders = {{"work": os.getcwd(), "tmp": tempfile.gettempdir(), "shm": "/dev/shm"}}
    found = [word for word, folder in folders.items() if os.path.exists(f"{{folder}}/{name}")]
    try:
        if any(b"sleep 100" in open(path, "rb").read() for path in glob.glob("/proc/[0-9]*/cmdline")):
            found.append("process")  # or two, for a moment, when the shell starts the sleeper
    except PermissionError: pass
    try:
        with socket.socket(socket.AF_UNIX) as s: s.connect("\\0{name}")
        found.append("socket")
    except OSError: pass
    print("SEEN", *found, ".")
    """
    plant, look = textwrap.dedent(plant), textwrap.dedent(look)
    with open_box(SETTINGS, [plant, look]) as first, open_box(SETTINGS, [look]) as second:
        assert f"SEEN {OWN_SEEN}." in str(first.run_cells()[-1].outputs)
        assert f"SEEN {OTHERS_SEEN}." in str(second.run_cells()[-1].outputs)


def test_descriptors_of_a_kernel_are_its_own_sockets_and_nothing_else() -> None:
    look = """
    import json, os, socket
    kinds = {"listening": 0, "wire": 0, "files": []}
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try: target = os.readlink(f"/proc/self/fd/{name}")
        except OSError: continue
        if target.startswith("socket:"):
            with socket.socket(fileno=os.dup(int(name))) as s:
                if s.family == socket.AF_UNIX and s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    kinds["listening"] += 1
                kinds["wire"] += s.type == socket.SOCK_SEQPACKET
        elif not target.startswith(("pipe:", "anon_inode:", "/dev/null", "/proc/")):
            kinds["files"].append(target)
    print("STATE", json.dumps(kinds))
    """
    with open_box(SETTINGS, ["x = 1"]), open_box(SETTINGS, [textwrap.dedent(look)]) as box:
        kinds: dict[str, Any] = stated(box.run_cells()[-1])
    # What forked children print comes through one more of its own where there is no TCP at all.
    assert kinds["listening"] <= (6 if FORM == LANDLOCK else 5)
    assert kinds["wire"] == 1  # no control socket of the warm process, no wire of another box
    assert {target.split(":")[0] for target in kinds["files"]} <= {"/memfd"}, kinds
    assert set(kinds["files"]) <= {"/memfd:log (deleted)"}, kinds


def test_mount_table_tells_paths_of_the_host_and_no_more() -> None:
    """A known leak: bind mounts name where they come from. What lies there cannot be opened."""
    look = """
    import json, os
    try: roots = [line.split()[3] for line in open("/proc/self/mountinfo")]
    except PermissionError: roots = []
    opened = [root for root in roots if root not in ("/",) and root.startswith("/") and os.path.exists(root)]
    print("STATE", json.dumps({"opened": [path for path in opened if "autograder" in path or ".venv" in path]}))
    """
    with open_box(SETTINGS, [textwrap.dedent(look)]) as box:
        assert not stated(box.run_cells()[-1])["opened"]


def test_what_is_printed_while_a_probe_runs_reaches_no_output() -> None:
    cells = [
        """
        import threading, time
        kernel = get_ipython().kernel
        here = kernel.get_parent()
        def double(x):
            print("LEAKED", x)
            kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": f"LEAKED {x}"}, parent=here)
            with open("seen", "w") as file: file.write(f"LEAKED {x}")
            return x
        """,
        "import os\nprint('LEAKED' if os.path.exists('seen') else 'nothing')",
    ]
    with open_box(SETTINGS, [textwrap.dedent(cell) for cell in cells]) as box:
        runs = box.run_cells()
        ask = "def call(double, x):\n    return double(x)"
        assert box.ask(ask, "call", {"double": "double"}, {"x": 4711}) == 4711
        with pytest.raises(LimitHit):
            box.ask("def die():\n    import os\n    os._exit(0)", "die", {}, {})
        assert box.ask(ask, "call", {"double": "double"}, {"x": 4712}) == 4712  # cells ran again
        assert "LEAKED" not in str([run.outputs for run in runs])
        assert "nothing" in str(runs[1].outputs)


def test_an_exception_can_carry_only_a_few_words_of_a_probe() -> None:
    """A known leak: the text of the student's own exception is shown, 300 characters of it."""
    cell = """
    import sys
    def double(x):
        frame = sys._getframe()
        while "request" not in frame.f_locals: frame = frame.f_back
        raise ValueError(frame.f_locals["request"]["source"] * 100)
    """
    with open_box(SETTINGS, [textwrap.dedent(cell)]) as box:
        box.run_cells()
        with pytest.raises(StudentRaised) as caught:
            box.ask("def call(double):\n    return double(1)", "call", {"double": "double"}, {})
    assert "def call" in str(caught.value)
    assert len(str(caught.value)) < 900


SCRIPTS = {
    "html": {
        "text/html": "<script>alert(1)</script><img src=x onerror=alert(1)><b onclick=x>b</b>"
    },
    "svg": {"image/svg+xml": "<svg onload=alert(1)></svg>", "text/plain": "a picture"},
    "javascript": {"application/javascript": "alert(1)"},
    "widget": {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}},
    "plotly": {"application/vnd.plotly.v1+json": {"x": "</script>"}},
    "false_png": {"image/png": "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+"},
    "frame": {"text/html": "<iframe srcdoc='<script>alert(1)</script>'></iframe>"},
    "link": {"text/html": "<a href='javascript:alert(1)'>x</a>"},
    "style": {"text/html": "<style>*{display:none}</style><p style='position:fixed'>x</p>"},
}


def test_outputs_come_out_without_scripts() -> None:
    cells = [
        f"from IPython.display import display\ndisplay({data!r}, raw=True)"
        for data in SCRIPTS.values()
    ]
    with open_box(SETTINGS, cells) as box:
        shown = {name: str(run.outputs) for name, run in zip(SCRIPTS, box.run_cells(), strict=True)}
    for name, text in shown.items():
        for word in (
            "<script",
            "onerror",
            "onload",
            "onclick",
            "javascript:",
            "<iframe",
            "style=",
            "<svg",
        ):
            assert word not in text, (name, text)
    assert "a picture" in shown["svg"]
