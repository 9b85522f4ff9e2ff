"""Submissions that forge answers to the kit's judge: none earns a point.

The evidence that a forgery does what its name says: either an assertion that stands beside it in the same
kernel prints FOOLED, or the forged reply is shown to reach the judge.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import StudentFault
from autograder.grading.plugin import Judged, judge
from autograder.sandbox import Box, BoxSettings, open_box
from autograder.scorecard import Verdict

GRADERS = '''
"""Hidden tests."""
import torch
from autograder.grading import expect_close, expect_type, graded, probe

@graded("double")
def test_double(student, challenge):
    """Doubles."""
    number = int(challenge.rng.integers(10, 10**6))
    expect_close(student.double(number), 2 * number)

@graded("plain")
def test_double_by_a_plain_assert(student, challenge):
    """Doubles, said plainly."""
    number = int(challenge.rng.integers(10, 10**6))
    assert student.double(number) == 2 * number

@probe
def product_of(multiply, a, b):
    return {"product": multiply(a, b), "shape": tuple(multiply(a, b).shape)}

@graded("product")
def test_product(student, challenge):
    """Multiplies."""
    a, b = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(challenge.seed))
    seen = expect_type(student.run(product_of, a=a, b=b), dict)
    expect_close(seen.get("product"), a @ b)
'''
RIGHT = "import torch\ndef double(x): return 2 * x\ndef multiply(a, b): return a @ b"
WRONG = "import torch\ndef double(x): return 0\ndef multiply(a, b): return a * 0"
DOUBLES = "assert double(21) == 42\nprint('FOOLED')"
MULTIPLIES = "a = torch.ones(2, 2)\nassert torch.allclose(multiply(a, a), a @ a)\nprint('FOOLED')"


@dataclass(frozen=True)
class Forgery:
    """A cell that forges, and an assertion in its own kernel that shows that it does."""

    name: str
    cell: str
    naive: str = DOUBLES


IN_THE_INTERPRETER = [
    Forgery(
        "object_equal_to_everything",
        """
        class Liar:
            def __eq__(self, other): return True
            __hash__ = None
        def double(x): return Liar()
        """,
    ),
    Forgery(
        "integer_equal_to_everything",
        """
        class Liar(int):
            def __eq__(self, other): return True
            __hash__ = int.__hash__
        def double(x): return Liar(0)
        """,
    ),
    Forgery(
        "object_of_a_false_class",
        """
        class Liar:
            __class__ = property(lambda self: int)
            def __eq__(self, other): return True
            __hash__ = None
        def double(x): return Liar()
        """,
        "assert isinstance(double(21), int)\n" + DOUBLES,
    ),
    Forgery(
        "object_with_every_conversion",
        """
        class Liar:
            def __float__(self): return 42.0
            def __index__(self): return 42
            def __array__(self, *a, **k): return __import__('numpy').array(42)
        def double(x): return Liar()
        """,
        "assert float(double(21)) == 42 and __import__('numpy').isclose(double(21), 42)\nprint('FOOLED')",
    ),
    Forgery(
        "tensor_with_lying_functions",
        """
        class Liar(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return True
        def multiply(a, b): return torch.zeros(1).as_subclass(Liar)
        """,
        MULTIPLIES,
    ),
    Forgery(
        "array_with_lying_functions",
        """
        import numpy as np
        class Liar(np.ndarray):
            def __array_function__(self, *a, **k): return True
            def __array_ufunc__(self, *a, **k): return np.array(True)
        def double(x): return np.zeros(()).view(Liar)
        def multiply(a, b): return np.zeros((3, 3)).view(Liar)
        """,
        "import numpy as np\nassert np.allclose(double(21), 42) and (double(21) == 42)\nprint('FOOLED')",
    ),
    Forgery(
        "assert_dropped_by_a_transformer",
        """
        import ast
        class Drop(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(Drop())
        """,
    ),
    Forgery(
        "assert_dropped_from_the_text",
        """
        def drop(lines): return [line for line in lines if "assert" not in line]
        get_ipython().input_transformers_post.append(drop)
        """,
    ),
    Forgery(
        "compile_patched",
        """
        import ast, builtins
        class Drop(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
        def compiled(source, *a, _compile=builtins.compile, **k):
            if isinstance(source, str) and a[0] == "x":
                source = ast.fix_missing_locations(Drop().visit(ast.parse(source)))
            return _compile(source, *a, **k)
        builtins.compile = compiled
        """,
        "exec(compile('assert double(21) == 42', 'x', 'exec'))\nprint('FOOLED')",
    ),
    Forgery(
        "torch_patched",
        "torch.allclose = torch.equal = lambda *a, **k: True\ntorch.Tensor.__eq__ = lambda *a: True",
        MULTIPLIES,
    ),
    Forgery(
        "numpy_patched",
        "import numpy as np\nnp.allclose = np.isclose = np.array_equal = lambda *a, **k: True",
        "import numpy as np\nassert np.allclose(double(21), 42)\nprint('FOOLED')",
    ),
    Forgery(
        "builtins_patched",
        """
        import builtins
        builtins.abs = lambda x: 0
        """,
        "assert abs(double(21) - 42) < 1e-6\nprint('FOOLED')",
    ),
    Forgery(
        "pytest_patched",
        """
        import pytest, unittest
        pytest.approx = lambda *a, **k: double(0)
        unittest.TestCase.assertEqual = lambda *a, **k: None
        """,
        "import pytest\nassert double(21) == pytest.approx(42)\nprint('FOOLED')",
    ),
    Forgery(
        "pickle_patched",
        """
        import pickle, plain_data
        pickle.dumps = lambda *a, **k: b"full marks"
        plain_data.dump_parts = lambda value, real=plain_data.dump_parts: real(
            {"ended": "returned", "value": {"score": 100}} if "ended" in value else value)
        """,
        "import pickle\nassert pickle.dumps({'score': 0}) == b'full marks'\nprint('FOOLED')",
    ),
    Forgery(
        "answer_read_from_the_callers_frame",
        """
        import sys
        def double(x):
            frame = sys._getframe()
            while frame:
                for name in ("expected", "number", "want", "reference"):
                    if isinstance(frame.f_locals.get(name), int) and name != "number":
                        return frame.f_locals[name]
                frame = frame.f_back
        """,
        "def check(expected=42): assert double(21) == expected\ncheck()\nprint('FOOLED')",
    ),
    Forgery(
        "answer_found_by_the_garbage_collector",
        """
        import gc
        def double(x):
            for found in gc.get_objects():
                if type(found) is dict and "expected" in found and type(found["expected"]) is int:
                    return found["expected"]
        """,
        "keep = {'expected': 42, 'tracked': []}\nassert double(21) == 42\nprint('FOOLED')",
    ),
    Forgery("answers_known_by_heart", "def double(x): return {21: 42, 2: 4, 3: 6}.get(x)"),
    Forgery(
        "answer_kept_from_the_last_probe",
        """
        import box_probe
        kept = []
        def answer(request, data, real=box_probe._answer):
            kept.append((request["source"], data))
            return {"ended": "returned", "value": kept[0][1]["args"][0] if "args" in kept[0][1] else 0}
        box_probe._answer = answer
        """,
        "print('FOOLED' if box_probe._answer({'source': ''}, {'args': [42]})['value'] == 42 else '')",
    ),
    Forgery(
        "exception_hook_swallows",
        "get_ipython().set_custom_exc((AssertionError,), lambda *a, **k: print('FOOLED'))",
    ),
]

_SEND = """
import array, box_probe, json, os, plain_data, socket, threading, time
def packet(number, message, descriptors=1):
    fd = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, message)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd] * descriptors))]
    box_probe._wire.sendmsg([json.dumps({"id": number}).encode()], rights if descriptors else [])
    return fd
LIE = plain_data.dumps({"ended": "returned", "value": 4711})
def receive():
    return json.loads(box_probe._wire.recvmsg(65536, 1000)[0])["id"]
"""


@dataclass(frozen=True)
class Lie:
    """A cell that lies on the wire; `arrives` is what the grader then gets for an answer."""

    name: str
    cell: str
    arrives: Any = StudentFault


def _serve(body: str) -> str:
    return f"{_SEND}\ndef serve():\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\nbox_probe.serve = serve"


def _answers(value: str) -> str:
    return f"import box_probe, numpy as np, torch\nbox_probe._answer = lambda *a: {value}"


ON_THE_WIRE = [
    Lie("claims_the_value", _serve("packet(receive(), LIE)"), 4711),
    Lie(
        "sends_before_it_is_asked",
        f"""{_SEND}
def shout():
    while True:
        for number in range(1, 30):
            try: os.close(packet(number, LIE))
            except OSError: pass
        time.sleep(0.01)
threading.Thread(target=shout, daemon=True).start()
def double(x):
    time.sleep(0.3)
    return 0""",
        4711,
    ),
    Lie(
        "answers_twice",
        _serve("n = receive(); packet(n, LIE); packet(n, LIE); packet(n + 1, LIE)"),
        4711,
    ),
    Lie("answers_another_question", _serve("packet(receive() + 1, LIE)")),
    Lie(
        "truncates_after_sending",
        _serve("fd = packet(receive(), LIE + bytes(2**20)); os.ftruncate(fd, 0)"),
    ),
    Lie("sends_no_descriptor", _serve("packet(receive(), LIE, descriptors=0)")),
    Lie("sends_eight_descriptors", _serve("packet(receive(), LIE, descriptors=8)")),
    Lie(
        "sends_a_device",
        _serve("""
        fd = os.open("/dev/zero", os.O_RDONLY)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        box_probe._wire.sendmsg([json.dumps({"id": receive()}).encode()], rights)
        """),
    ),
    Lie(
        "sends_a_pipe",
        _serve("""
        fd, _end = os.pipe()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        box_probe._wire.sendmsg([json.dumps({"id": receive()}).encode()], rights)
        """),
    ),
    Lie("sends_no_message", _serve("packet(receive(), b'full marks')")),
    Lie("sends_a_pickle", _serve("import pickle; packet(receive(), pickle.dumps(print))")),
    Lie("sends_deep_json", _serve("receive(); box_probe._wire.send(b'[' * 4000)")),
    Lie("sends_empty_packets", _serve("receive(); [box_probe._wire.send(b'') for _ in range(5)]")),
    Lie(
        "sends_a_strange_header",
        _serve("receive(); box_probe._wire.send(b'[1]'); box_probe._wire.send(b'5')"),
    ),
    Lie("closes_the_wire_unread", _serve("box_probe._wire.close()")),
    Lie("closes_the_wire_before", "import box_probe\nbox_probe._wire.close()"),
    Lie("shuts_the_wire", "import box_probe\nbox_probe._wire.shutdown(2)"),
    Lie("says_nothing", "import box_probe\nbox_probe.serve = lambda: None"),
    Lie("loses_the_module", "import sys\nsys.modules['box_probe'] = None"),
    Lie("claims_passed", _answers('{"ended": "passed", "score": 1, "verdict": "passed"}')),
    Lie("claims_true", _answers('{"ended": "returned", "value": True}'), True),
    Lie("ends_in_an_array", _answers('{"ended": np.zeros(3)}')),
    Lie("ends_in_a_tensor", _answers('{"ended": torch.ones(3)}')),
    Lie("is_no_dict", _answers("[1, 2, 3]")),
    Lie("is_interrupted", _answers('{"ended": "interrupted"}')),
    Lie("misses_markup", _answers('{"ended": "missing", "name": "<script>alert(1)</script>"}')),
    Lie(
        "forges_the_kernels_reply",
        """
        kernel = get_ipython().kernel
        import box_probe
        def serve():
            parent = kernel.get_parent()
            for kind, content in (("status", {"execution_state": "idle"}), ("execute_result", {
                "data": {"text/plain": "4711"}, "metadata": {}, "execution_count": -1})):
                kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)
            kernel.session.send(kernel.shell_stream if hasattr(kernel, "shell_stream") else None,
                "execute_reply", {"status": "ok", "score": 100}, parent=parent)
        box_probe.serve = serve
        """,
    ),
]

ODD_ENDS = {
    "exit": "import sys\ndef double(x): sys.exit(0)\nmultiply = double_ = None",
    "hard_exit": "import os\ndef double(x): os._exit(0)",
    "interrupt": "def double(x): raise KeyboardInterrupt",
    "generator_exit": "def double(x): raise GeneratorExit",
    "str_raises": """
        class Bad(Exception):
            def __str__(self): raise RuntimeError
        def double(x): raise Bad
        """,
    "str_exits": """
        class Bad(Exception):
            def __str__(self): raise SystemExit
        def double(x): raise Bad
        """,
    "str_prints_100_mb": """
        class Bad(Exception):
            def __str__(self): print("x" * 10**8); return "y" * 10**8
        def double(x): raise Bad
        """,
    "type_is_markup": 'def double(x): raise type("<script>alert(1)</script>", (Exception,), {})("<img onerror=x>")',
    "named_as_ours": "class KitError(Exception): pass\nBoxFailed = KitError\ndef double(x): raise KitError('ours')",
    "skips": "import pytest\ndef double(x): pytest.skip('not today')",
    "xfails": "import pytest\ndef double(x): pytest.xfail('known')",
    "exits_pytest": "import pytest\ndef double(x): pytest.exit('enough', 0)",
    "nan": "def double(x): return float('nan')",
    "infinite": "def double(x): return float('inf')",
    "complex": "def double(x): return complex(2 * x)\ndef multiply(a, b): return a * 1j",
    "sparse": "def multiply(a, b): return (a * 0).to_sparse()",
    "meta": "def multiply(a, b): return (a @ b).to('meta')",
    "quantised": "def multiply(a, b): return torch.quantize_per_tensor(a * 0, 0.1, 0, torch.quint8)",
    "nested": "def double(x):\n    v = []\n    for _ in range(10**5): v = [v]\n    return v",
    "cyclic": "def double(x):\n    v = []; v.append(v)\n    return v",
    "million": "def double(x): return list(range(10**6))",
    "wide_dict": "def double(x): return {i: i for i in range(10**5)}",
    "huge_integer": "def double(x): return 10**10**6",
    "half_characters": "def double(x): return '\\ud800' * 100",
    "long_text": "def double(x): return 'x' * 10**8",
    "function": "def double(x): return double",
    "module": "def double(x): return torch",
    "self_describing": "class X:\n    __module__ = property(lambda s: 1/0)\n    def __repr__(s): 1/0\ndef double(x): return X()",
    "len_raises": "class X(list):\n    def __len__(s): return 10**18\n    def __iter__(s):\n        while True: yield 1\ndef double(x): return X()",
}  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> BoxSettings:
    made = BoxSettings()
    made.cell_wall_s, made.probe_wall_s = 10.0, 6.0
    made.memory_mib, made.disk_mib, made.reply_mib = 1024, 256, 64
    return made


@pytest.fixture(scope="module")
def graders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graders") / "test_forged.py"
    path.write_text(GRADERS)
    return path


def judged(graders: Path, box: Box) -> Judged:
    return judge(graders, box, b"secret of the course", "submission")


def verdicts(found: Judged) -> dict[str, Verdict]:
    return {name: check.verdict for name, (check,) in found.checks.items()}


def text_of(run: Any) -> str:
    return "".join(str(output.get("text", "")) for output in run.outputs)


def assert_earns_nothing(found: Judged) -> None:
    seen = verdicts(found)
    assert set(seen) == {"double", "plain", "product"}, found.trouble
    assert Verdict.PASSED not in seen.values(), seen
    # A submission that lies is not a case for staff either.
    assert Verdict.UNGRADED not in seen.values(), found


def test_a_right_solution_passes(settings: BoxSettings, graders: Path) -> None:
    with open_box(settings, [RIGHT]) as box:
        box.run_cells()
        assert set(verdicts(judged(graders, box)).values()) == {Verdict.PASSED}


@pytest.mark.parametrize("forgery", IN_THE_INTERPRETER, ids=lambda forgery: forgery.name)
def test_fools_a_naive_check_and_earns_nothing(
    forgery: Forgery, settings: BoxSettings, graders: Path
) -> None:
    cells = [WRONG, textwrap.dedent(forgery.cell), forgery.naive]
    with open_box(settings, cells) as box:
        runs = box.run_cells()
        assert "FOOLED" in text_of(runs[-1]), runs
        assert_earns_nothing(judged(graders, box))


@pytest.mark.parametrize("lie", ON_THE_WIRE, ids=lambda lie: lie.name)
def test_lie_on_the_wire_arrives_as_data_only_and_earns_nothing(
    lie: Lie, settings: BoxSettings, graders: Path
) -> None:
    with open_box(settings, [WRONG, textwrap.dedent(lie.cell)]) as box:
        runs = box.run_cells()
        assert [run.status for run in runs] == ["ok", "ok"], runs
        ask: tuple[str, str, dict[str, str], dict[str, Any]]
        ask = ("def call(double):\n    return double(1)", "call", {"double": "double"}, {})
        if lie.arrives is StudentFault:
            with pytest.raises(StudentFault):
                box.ask(*ask)
        else:
            assert box.ask(*ask) == lie.arrives
        assert_earns_nothing(judged(graders, box))


@pytest.mark.parametrize("cell", ODD_ENDS.values(), ids=ODD_ENDS)
def test_odd_end_is_the_students_own(cell: str, settings: BoxSettings, graders: Path) -> None:
    with open_box(settings, [WRONG, textwrap.dedent(cell)]) as box:
        assert [run.status for run in box.run_cells()] == ["ok", "ok"]
        found = judged(graders, box)
    assert_earns_nothing(found)
    for (check,) in found.checks.values():
        assert len(check.message) < 2000
        assert "\ud800" not in check.message


def test_last_expression_of_a_grade_cell_is_no_score(settings: BoxSettings, graders: Path) -> None:
    cells = [WRONG, "print('score: 100')\n{'score': 100, 'passed': True, 'verdict': 'passed'}"]
    with open_box(settings, cells) as box:
        runs = box.run_cells()
        assert "100" in str(runs[1].outputs)
        assert_earns_nothing(judged(graders, box))


def test_reply_of_another_form_than_the_grader_expects_earns_nothing(
    settings: BoxSettings, tmp_path: Path
) -> None:
    """A grader that takes a reply's form for granted breaks on a lie: a case for staff, no points."""
    careless = tmp_path / "test_careless.py"
    careless.write_text(
        GRADERS.replace(
            "expect_type(student.run(product_of, a=a, b=b), dict)",
            "student.run(product_of, a=a, b=b)",
        ).replace('seen.get("product")', 'seen["product"]')
    )
    with open_box(
        settings,
        [
            WRONG,
            "import box_probe\nbox_probe._answer = lambda *a: {'ended': 'returned', 'value': 5}",
        ],
    ) as box:
        box.run_cells()
        assert verdicts(judged(careless, box))["product"] in (Verdict.UNGRADED, Verdict.FAILED)
