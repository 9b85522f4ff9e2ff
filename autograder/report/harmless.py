"""Submissions that do no harm in nbgrader's formgrader, which shows them inside an instructor's session.

What is shown there is to be as harmless as on the kit's own pages, with figures in HTML and the heads of
tables left in. So two parts of ours are put into its HTMLExporter, by name::

    c.HTMLExporter.preprocessors = [..., "autograder.report.harmless.HarmlessNotebook"]
    c.HTMLExporter.filters = {"markdown2html": "autograder.report.harmless.harmless_markdown"}

The preprocessor cleans what a notebook holds; the filter cleans what markdown becomes: markdown makes
links of its own, and its source may hold an honest `<`.
"""

from __future__ import annotations

import html
import re
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from autograder.clean import PICTURES, clean_bundle, clean_text
from autograder.report.markdown import NotebookMarkdown, as_written, render_markdown
from autograder.report.pieces import few_colours, formula_of

_GRADE_ID = re.compile(r"[\w-]+")
_NO_ROOM = "autograder_as_written"  # metadata that the preprocessor leaves for the filter


@pass_context
def harmless_markdown(context: Context, source: str) -> str:
    """nbconvert's filter `markdown2html`, with clean HTML as its result."""
    cell = context.get("cell") or {}
    if cell.get("metadata", {}).get(_NO_ROOM):
        return as_written(source)
    return render_markdown(source, cell.get("attachments"))


class HarmlessNotebook(Preprocessor):  # type: ignore[misc]
    """Keeps of a notebook what can be shown, and nothing that could act."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Clean a copy for showing; the file stays as it is."""
        for name in ("student", "first_name", "last_name", "notebook_path"):
            if isinstance(resources.get(name), str):  # the template does not escape them
                resources[name] = html.escape(clean_text(resources[name]))
        nb.metadata = NotebookNode(language_info=NotebookNode(name="python"))
        markdown = NotebookMarkdown()
        for cell in nb.cells:
            about = cell.get("metadata", {}).get("nbgrader")
            cell.metadata = NotebookNode()
            if isinstance(about, dict) and _GRADE_ID.fullmatch(str(about.get("grade_id"))):
                cell.metadata.nbgrader = NotebookNode(about)
            cell.source = clean_text(str(cell.get("source", "")))
            if cell.cell_type == "code":
                shown = [_harmless(output, markdown) for output in cell.get("outputs", [])]
                cell.outputs = [output for output in shown if output is not None]
                if not isinstance(cell.get("execution_count"), int):
                    cell.execution_count = None
            elif cell.cell_type == "raw":
                cell.source = html.escape(cell.source)
            elif not markdown.has_room(cell.source):
                cell.metadata[_NO_ROOM] = True
        return nb, resources


def _harmless(output: dict[str, Any], markdown: NotebookMarkdown) -> NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        text = clean_text(str(output.get("text", "")))
        return NotebookNode(output_type=kind, name=name, text=few_colours(text))
    if kind == "error":
        lines = [few_colours(clean_text(str(line))) for line in output.get("traceback", [])]
        return NotebookNode(output_type=kind, ename="", evalue="", traceback=lines)
    if kind not in ("display_data", "execute_result"):
        return None
    data = markdown.bounded(clean_bundle(output.get("data")))
    formula = data.pop("text/latex", "")  # which nbconvert would leave to MathJax
    if formula and not data.keys() & {"text/html", "text/markdown", *PICTURES}:
        data["text/html"] = formula_of(formula)
    if "text/plain" in data:
        data["text/plain"] = few_colours(data["text/plain"])
    for mime in ("image/gif", "image/webp"):  # of which nbconvert knows nothing
        if mime in data and not data.keys() & {"text/html", "image/png", "image/jpeg"}:
            data["text/html"] = f'<img src="data:{mime};base64,{"".join(data[mime].split())}">'
    shown = NotebookNode(output_type=kind, data=NotebookNode(data), metadata=NotebookNode())
    if kind == "execute_result":
        shown.execution_count = None
    return shown if data else None
