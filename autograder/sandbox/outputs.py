"""A cell's outputs from the kernel's messages, within a budget, and harmless to look at."""

from __future__ import annotations

from typing import Any

from autograder.clean import clean_bundle, clean_text

_MAX_LINES = 1000  # of a traceback; a recursion that never ends has some sixty


class OutputCollector:
    """Collects the outputs of one cell; what goes beyond the budget is cut off, with a word."""

    def __init__(self, max_bytes: int, max_outputs: int) -> None:
        self._left_bytes = max_bytes
        self._left_outputs = max_outputs
        self._outputs: list[dict[str, Any]] = []
        self._cut = False
        self._clear_next = False

    def add(self, kind: str, content: dict[str, Any]) -> None:
        """Take one iopub message; anything that is no output, or malformed, is ignored."""
        if kind == "clear_output":
            self._clear_next = True
            return
        if self._cut or self._left_bytes <= 0:  # nothing more is kept, so nothing more is cleaned
            self._cut = True
            return
        output = _output_from(kind, content)
        if output is None:
            self._left_bytes -= _size_of_html(content)
            return
        if self._clear_next:
            self._outputs.clear()
            self._clear_next = False
        size = max(_size(output), _size_of_html(content))
        if size > self._left_bytes:
            self._cut = True
            return
        last = self._outputs[-1] if self._outputs else {}
        if kind == "stream" and last.get("name") == output["name"]:
            last["text"] = _overwrite_lines(last["text"] + output["text"])
        elif self._left_outputs > 0:
            self._left_outputs -= 1
            self._outputs.append(output)
        else:
            self._cut = True
        self._left_bytes -= size

    def cut(self) -> None:
        """Say that something is missing, and take no more."""
        self._cut = True

    def outputs(self) -> list[dict[str, Any]]:
        """The outputs in nbformat's form."""
        note = "[The rest of this cell's output was cut off: it is over the limit.]\n"
        cut = [{"output_type": "stream", "name": "stderr", "text": note}] if self._cut else []
        return [*self._outputs, *cut]


def _output_from(kind: str, content: dict[str, Any]) -> dict[str, Any] | None:
    if kind == "stream":
        name = "stderr" if content.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": _text(content, "text")}
    if kind in ("display_data", "execute_result"):
        data = clean_bundle(content.get("data"))
        if not data:
            return None
        output: dict[str, Any] = {"output_type": kind, "data": data, "metadata": {}}
        if kind == "execute_result":
            count = content.get("execution_count")
            known = type(count) is int and 0 <= count < 2**31
            output["execution_count"] = count if known else None
        return output
    if kind == "error":
        lines = content.get("traceback")
        return {
            "output_type": "error",
            "ename": _text(content, "ename"),
            "evalue": _text(content, "evalue"),
            "traceback": [clean_text(line) for line in _lines(lines)],
        }
    return None


def _size(output: dict[str, Any]) -> int:
    if "data" in output:
        return sum(len(value) for value in output["data"].values())
    if "text" in output:
        return len(output["text"])
    return len(output["ename"]) + len(output["evalue"]) + sum(map(len, output["traceback"]))


def _size_of_html(content: dict[str, Any]) -> int:
    """What had to be read, although little or nothing of it may be left."""
    data = content.get("data")
    value = data.get("text/html") if isinstance(data, dict) else None
    return sum(len(str(part)) for part in value) if isinstance(value, list) else len(str(value))


def _text(content: dict[str, Any], name: str) -> str:
    text = content.get(name, "")
    return clean_text(text) if isinstance(text, str) else ""


def _lines(lines: Any) -> list[str]:
    found = lines[:_MAX_LINES] if isinstance(lines, list) else []
    return [line for line in found if isinstance(line, str)]


def _overwrite_lines(text: str) -> str:
    """What a terminal would show of a progress bar: the text after a line's last carriage return."""
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    done = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines[:-1]]
    open_line = lines[-1]
    kept = open_line.rsplit("\r", 1)
    return "\n".join([*done, "\r".join(kept[-1:]) if not open_line.endswith("\r") else open_line])
