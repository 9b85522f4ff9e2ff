"""What honest notebooks do shows in a box what it shows in a plain kernel."""

from __future__ import annotations

import shutil
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from autograder.sandbox import BoxSettings, open_box

CELLS = {
    "value": "1 + 1",
    "print": "import sys\nprint('out')\nprint('err', file=sys.stderr)",
    "line_magic": "%timeit -n1 -r1 -q pass\n%who_ls int",
    "cell_magic": "%%capture kept\nprint('kept')",
    "captured": "kept.stdout",
    "bash": "%%bash\nfor n in 1 2 3; do echo line $n; done",
    "shell": "!echo from a shell; exit 0",
    "shell_value": "answer = !seq 3\nanswer",
    "terminal": "!test -t 1 && echo a terminal",
    "write_and_run": "from pathlib import Path\nPath('more.py').write_text('y = 6 * 7')\n%run more.py\ny",
    "import_own_file": "import more\nmore.y",
    "subprocess": "import subprocess\nsubprocess.run([sys.executable, '-c', 'print(5)'], capture_output=True).stdout",
    "await": "import asyncio\nawait asyncio.sleep(0, 'slept')",
    "html": "from IPython.display import HTML\nHTML('<b>bold</b>')",
    "rich_error": "1 / 0",
    "input": "input('name? ')",
    "figure": "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.imshow([[0, 1], [1, 0]])\nplt.show()",
    "loader": (
        "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\n"
        "data = TensorDataset(torch.arange(40.0))\n"
        "[batch.sum().item() for (batch,) in DataLoader(data, batch_size=16, num_workers=2)]"
    ),
    "two_threads": (
        "torch.set_num_threads(2)\n"
        "image = torch.arange(2 * 3 * 64 * 64.0).reshape(2, 3, 64, 64).requires_grad_()\n"
        "loss = torch.nn.functional.conv2d(image, torch.ones(8, 3, 3, 3)).mean()\n"
        "loss.backward()\nround(loss.item()), tuple(image.grad.shape), torch.get_num_threads()"
    ),
    "pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool: print(list(pool.map(abs, [-1, -2])))"
    ),
    "fork_pool": (
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, -2]))"
    ),
    "save_and_load": (
        "torch.save(torch.nn.Linear(2, 2).state_dict(), 'net.pt')\n"
        "sorted(torch.load('net.pt', weights_only=True))"
    ),
    "progress": "from tqdm.auto import tqdm\nsum(tqdm(range(3), disable=True))",
    "vgg": "import torchvision\nsum(p.numel() for p in torchvision.models.alexnet(weights=None).parameters())",
    "home_and_temporary": (
        "import os, tempfile\n"
        "with tempfile.TemporaryFile() as f: f.write(b'x')\n"
        "os.path.isdir(os.path.expanduser('~')), os.access('.', os.W_OK)"
    ),
    "history": "Out[1]",
}  # fmt: skip


@pytest.fixture(scope="module")
def boxed() -> dict[str, Any]:
    with open_box(BoxSettings(), list(CELLS.values())) as box:
        runs = box.run_cells()
    return {name: plain(run.outputs) for name, run in zip(CELLS, runs, strict=True)}


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    folder = str(tmp_path_factory.mktemp("ordinary"))
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": folder}}
    )
    client.execute()
    return {name: plain(cell.outputs) for name, cell in zip(CELLS, notebook.cells, strict=True)}


def plain(outputs: list[Any]) -> Any:
    """Outputs without numbers of cells, addresses and times; streams joined, pictures by their kind."""
    found: dict[str, Any] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            # The box has a line's end as JupyterLab shows it, nbclient as a terminal sends it.
            text = output["text"].replace("\r\n", "\n")
            found[output["name"]] = found.get(output["name"], "") + text
        elif output["output_type"] == "error":
            found["error"] = (output["ename"], output["evalue"].partition("(")[0])
        else:
            data = dict(output["data"])
            if "image/png" in data:
                data["image/png"] = data["image/png"][:16]
            found.setdefault("data", []).append(data)
    return found


@pytest.mark.parametrize("name", CELLS)
def test_shows_the_same(name: str, boxed: dict[str, Any], ordinary: dict[str, Any]) -> None:
    assert boxed[name] == ordinary[name]
    assert boxed[name] or name == "cell_magic", "it shows something"


def test_torch_compiles() -> None:
    header = Path(sysconfig.get_path("include"), "Python.h")
    if shutil.which("g++") is None or not header.exists():
        pytest.skip("no C++ compiler here, or no header of Python's")
    cell = """
    import torch

    @torch.compile
    def double_plus(x):
        return torch.relu(2 * x + 1)

    print(double_plus(torch.arange(-2.0, 3.0)).tolist())
    """
    settings = BoxSettings(cell_wall_s=200.0)
    with open_box(settings, [textwrap.dedent(cell)]) as box:
        run = box.run_cells()[-1]
    assert run.status == "ok", run.message
    assert run.outputs[-1]["text"] == "[0.0, 0.0, 1.0, 3.0, 5.0]\n"
