"""A notebook with every kind of output: what nbconvert and nbgrader show of it, beside what the kit shows.

The notebook runs twice, in a plain kernel and in the box. `Row` says what is seen of each cell; wherever the
kit differs, the row says why.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import bs4
import nbclient
import nbgrader.server_extensions.formgrader.handlers as formgrader
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode, v4
from traitlets.config import Config

from autograder.clean import NO_SVG, NOT_SHOWN
from autograder.report.pieces import render_outputs
from autograder.sandbox import BoxSettings, open_box

pytestmark = pytest.mark.filterwarnings("ignore")

OURS = Config(
    {
        "HTMLExporter": {
            "preprocessors": ["autograder.report.harmless.HarmlessNotebook"],
            "filters": {"markdown2html": "autograder.report.harmless.harmless_markdown"},
        }
    }
)


@dataclass(frozen=True)
class Row:
    """A cell, and what is seen of it: text, *bold* text, and [kinds] of what is no text."""

    code: str
    jupyter: str  # by nbconvert and in nbgrader's own formgrader
    ours: str = ""  # on the feedback page, where that differs
    why: str = ""  # it does
    marking: str = ""  # in the formgrader, where that differs from the page


LINES = "JupyterLab writes over what a line has; nbconvert leaves that to the browser"
SAFE = "nothing of a submission runs in a page, and none of it comes from elsewhere"
TEX = "a formula is MathML, or its picture, on the page and in the formgrader: without a script or a network"
SVG = "SVG can hold scripts"
BITMAPS = "nbconvert knows no such pictures; JupyterLab shows them"

ROWS = {
    "print": Row("print('a', 1)", "a 1"),
    "stderr": Row("import sys\nprint('e', file=sys.stderr)", "e"),
    "value": Row("1 + 1", "2"),
    "two values": Row("display(1, 2)", "1 2"),
    "colours": Row("print('\\x1b[31mred\\x1b[0m')", "red"),
    "a line that returns": Row("print('a', end='\\r'); print('b')", "a b", "b", why=LINES),
    "a line that returns to a longer one": Row(
        "print('longer', end='\\rx\\n')", "longer x", "xonger", why=LINES
    ),
    "a backspace": Row("print('ab\\bc')", "ab\x08c", "ac", why=LINES),
    "a line of Windows": Row("print('a', end='\\r\\n'); print('b')", "a b"),
    "a progress bar": Row(
        "from tqdm import tqdm\nfor _ in tqdm(range(3), mininterval=0, bar_format='{l_bar}', desc='d'): pass",
        "d: 0%| d: 33%| d: 67%| d: 100%| d: 100%|",
        "d: 100%|",
        why=LINES,
    ),
    "an exception": Row(
        "%xmode Minimal\n1 / 0",
        "Exception reporting mode: Minimal ZeroDivisionError : division by zero",
        "Exception reporting mode: Minimal ZeroDivisionError: division by zero",
        why="the same words, without colours",
        marking="Exception reporting mode: Minimal ZeroDivisionError : division by zero",
    ),
    "HTML": Row("from IPython.display import *\nHTML('<b>bold</b> text')", "*bold* text"),
    "a table": Row(
        "class Table:\n    def _repr_html_(self): return '<table><tr><th>a</th><td>1</td></tr></table>'\nTable()",
        "a 1",
    ),
    "Markdown": Row("from IPython.display import *\nMarkdown('**0.81** of `x`')", "*0.81* of x"),
    "check boxes": Row(
        "from IPython.display import *\nMarkdown('- [x] a\\n- [ ] b')",
        "[input] a [input] b",
        "☑ a ☐ b",
        why="a form does not come through, and the tick must be seen",
    ),
    "Math": Row(
        "from IPython.display import *\nMath(r'\\frac{1}{2}')",
        "$\\displaystyle \\frac{1}{2}$",
        "1 2",
        why=TEX,
    ),
    "LaTeX": Row("from IPython.display import *\nLatex('so $x^2$')", "so $x^2$"),
    "a formula": Row(
        "class Formula:\n    def _repr_latex_(self): return '$x^2$'\n    def __repr__(self): return 'x**2'\nFormula()",
        "$x^2$",
        "x 2",
        why=TEX,
    ),
    "a formula with its picture": Row(
        "import io\nfrom PIL import Image as Pil\ndef pixels(kind):\n    file = io.BytesIO()\n    Pil.new('RGB', (2, 2)).save(file, kind)\n    return file.getvalue()\nclass Drawn(Formula):\n    def _repr_png_(self): return pixels('PNG')\nDrawn()",
        "$x^2$",
        "[png]",
        why=TEX,
    ),
    "HTML with its picture": Row(
        "class Both(Drawn):\n    def _repr_html_(self): return '<i>words</i>'\nBoth()", "words"
    ),
    "what Jupyter prefers": Row(
        "display({'text/plain': 'p', 'text/markdown': '*m*', 'text/latex': '$l$'}, raw=True)", "m"
    ),
    "JSON": Row(
        "from IPython.display import *\nJSON({'a': [1, 2]})",
        "<IPython.core.display.JSON object>",
        '{ "a": [ 1, 2 ] }',
        why="JupyterLab shows a tree; nbconvert knows no JSON",
    ),
    "PNG": Row("from IPython.display import *\nImage(pixels('PNG'))", "[png]"),
    "JPEG": Row("from IPython.display import *\nImage(pixels('JPEG'))", "[jpeg]"),
    "GIF": Row(
        "from IPython.display import *\nImage(pixels('GIF'))",
        "<IPython.core.display.Image object>",
        "[gif]",
        why=BITMAPS,
    ),
    "WebP": Row(
        "from IPython.display import *\nImage(pixels('WEBP'), format='webp')",
        "<IPython.core.display.Image object>",
        "[webp]",
        why=BITMAPS,
    ),
    "SVG": Row(
        "from IPython.display import *\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><text>in it</text></svg>')",
        "[svg+xml]",
        NO_SVG,
        why=SVG,
    ),
    "a figure": Row("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", "[png]"),
    "a figure as SVG": Row(
        "%config InlineBackend.figure_formats = ['svg']\nplt.plot([1, 2])\nplt.show()",
        "[svg+xml]",
        NO_SVG,
        why=SVG,
    ),
    "a figure in a page": Row(
        "%config InlineBackend.figure_formats = ['png']\n%matplotlib notebook\nplt.plot([1, 2])\nplt.show()",
        "[script]",
        "[Figures are drawn as pictures here, as by `inline`: `notebook` needs a screen.] [png]",
        why="scripts would draw it; it is drawn as a picture instead, with a word",
    ),
    "a script's plot": Row(
        "from IPython.display import *\nHTML('<div id=plot></div><script>draw()</script>')",
        "[script]",
        NOT_SHOWN,
        why=SAFE,
    ),
    "JavaScript": Row(
        "from IPython.display import *\nJavascript('draw()')", "[script]", NOT_SHOWN, why=SAFE
    ),
    "a script beside words": Row(
        "from IPython.display import *\nHTML('<p>words</p><script>draw()</script>')",
        "words [script]",
        "words",
        why=SAFE,
    ),
    "a picture from elsewhere": Row(
        "from IPython.display import *\nHTML('<img src=\"https://example.org/x.png\"> and words')",
        "[from elsewhere] and words",
        "[no picture] and words",
        why=SAFE,
    ),
    "a page in the page": Row(
        "from IPython.display import *\nIFrame('https://example.org', 10, 10)",
        "[iframe]",
        "[iframe: not shown here]",
        why=SAFE,
    ),
    "sound": Row(
        "from IPython.display import *\nAudio([0, 1], rate=8000)",
        "Your browser does not support the audio element.",
        "[audio: not shown here]",
        why=SAFE,
    ),
    "a film": Row(
        "from IPython.display import *\nHTML('<video src=\"data:video/mp4;base64,AAAA\">none</video>')",
        "[video]",
        "[video: not shown here]",
        why=SAFE,
    ),
    "a widget": Row("import ipywidgets\nipywidgets.IntSlider(3)", "IntSlider(value=3)"),
    "a bar in HTML": Row(
        "from IPython.display import *\nProgressBar(3)",
        "",
        "[ ] 0/3",
        why="the bar is dropped with its styles; its text says as much",
    ),
    "an object without words": Row(
        "class Plain:\n    def __repr__(self): return '<Plain>'\nPlain()", "<Plain>"
    ),
    "an update": Row("h = display('one', display_id=True)\nh.update('two')", "'two'"),
    "two of one id": Row(
        "_ = display('one', display_id='s'), display('two', display_id='s')", "'two' 'two'"
    ),
    "cleared": Row(
        "from IPython.display import *\nprint('old'); clear_output(wait=True); print('new')", "new"
    ),
    "cleared at the end": Row("print('old'); clear_output()", ""),
    "updated by the next cell": Row("later = display('first', display_id='later')", "'last'"),
    "an update of the cell before": Row("later.update('last')", ""),
}


def seen(fragment: str) -> str:
    """What a person sees of some HTML."""
    soup = bs4.BeautifulSoup(fragment, "html.parser")
    for tag in soup.find_all(["style", "noscript"]):
        tag.decompose()
    for tag in soup.find_all("script"):
        tag.replace_with(" [script] ")
    for tag in soup.find_all("img"):
        address = str(tag.get("src", ""))
        kind = re.match(r"data:image/([\w+]+)", address)
        tag.replace_with(
            f" [{kind[1] if kind else 'from elsewhere' if address else 'no picture'}] "
        )
    for name in ("svg", "video", "iframe", "input", "button"):
        for tag in soup.find_all(name):
            tag.replace_with(f" [{name}] ")
    for tag in soup.find_all(["b", "strong"]):
        tag.insert_before("*")
        tag.insert_after("*")
    return " ".join(soup.get_text(" ").replace("* ", "*").replace(" *", "*").split())


def notebook_of(cell: NotebookNode) -> NotebookNode:
    return v4.new_notebook(cells=[cell])


@functools.cache
def exporter(template: str, is_ours: bool) -> HTMLExporter:
    config = Config(OURS if is_ours else {})
    config.HTMLExporter.template_name = template
    config.HTMLExporter.extra_template_basedirs = [formgrader.template_path]
    return HTMLExporter(config=config)


def exported(cell: NotebookNode, template: str, is_ours: bool = False) -> str:
    about = {"base_url": "", "submission_id": "1", "index": 0, "total": 1, "student": "ada"}
    page, _ = exporter(template, is_ours).from_notebook_node(notebook_of(cell), about)
    soup = bs4.BeautifulSoup(page, "html.parser")
    area = ".jp-OutputArea-output" if template == "lab" else ".output_subarea"
    return "".join(map(str, soup.select(area)))


@pytest.fixture(scope="module")
def plain() -> dict[str, NotebookNode]:
    """The cells with their outputs in a plain kernel."""
    notebook = v4.new_notebook(cells=[v4.new_code_cell(row.code) for row in ROWS.values()])
    nbclient.NotebookClient(notebook, allow_errors=True, kernel_name="python3").execute()
    return dict(zip(ROWS, notebook.cells, strict=True))


@pytest.fixture(scope="module")
def boxed() -> dict[str, NotebookNode]:
    """The same from the box."""
    cells = [row.code for row in ROWS.values()]
    with open_box(BoxSettings(), cells) as box:
        runs = box.run_cells()
    return {
        name: v4.new_code_cell(code, outputs=[NotebookNode(output) for output in run.outputs])
        for name, code, run in zip(ROWS, cells, runs, strict=True)
    }


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("template", ["lab", "formgrade"])
def test_what_nbconvert_and_nbgrader_show(
    plain: dict[str, NotebookNode], name: str, template: str
) -> None:
    assert seen(exported(plain[name], template)) == ROWS[name].jupyter


@pytest.mark.parametrize("name", ROWS)
def test_what_differs_has_a_reason(name: str) -> None:
    row = ROWS[name]
    assert bool(row.why) == bool(row.ours or row.marking)
    assert not row.ours or row.ours != row.jupyter


def test_a_page_tells_what_differs_and_why() -> None:
    text = (Path(__file__).parents[2] / "docs" / "coming-from-nbgrader.md").read_text()
    table = text.partition("## What an output looks like")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (?!output|:--)(.+) \| .+ \| (.+) \|$", table, re.MULTILINE)
    told = {name: why for names, why in lines for name in names.split(", ")}
    assert told == {name: row.why for name, row in ROWS.items() if row.why}


@pytest.mark.parametrize("name", ROWS)
def test_what_the_feedback_page_shows(boxed: dict[str, NotebookNode], name: str) -> None:
    row = ROWS[name]
    assert seen("".join(render_outputs(boxed[name]))) == (row.ours or row.jupyter)


@pytest.mark.parametrize("name", ROWS)
def test_what_the_formgrader_shows(boxed: dict[str, NotebookNode], name: str) -> None:
    row = ROWS[name]
    shown = seen(exported(boxed[name], "formgrade", is_ours=True))
    assert shown == (row.marking or row.ours or row.jupyter)
