"""A cell's outputs from the kernel's messages, within a budget, and harmless to look at.

What a cell clears or updates while it runs, as it does with the curve of a training loop, is shown as it was
last, like in Jupyter. So messages are kept as they came, and cleaned when the cell is done: what nobody will
see costs no more than its message, and gives its part of the budget back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograder.clean import clean_bundle, clean_text, known_part
from autograder.sandbox.stream_text import StreamText

_MAX_LINES = 1000  # of a traceback; a recursion that never ends has some sixty
_MAX_ID = 200  # characters of a display's id
_DISPLAYS = ("display_data", "execute_result")

Output = dict[str, Any]  # in nbformat's form
# The outputs of a kernel's earlier cells that later ones can update, by their display's id.
Displays = dict[str, list[Output]]


@dataclass
class _Stream:
    name: str
    text: StreamText = field(default_factory=StreamText)

    @property
    def size(self) -> int:
        return self.text.size


@dataclass
class _Display:
    """An output of which the bundle is still as it came."""

    kind: str
    count: int | None
    data: dict[str, str]
    id: str = ""
    size: int = 0


@dataclass
class _Raised:
    output: Output
    size: int


class OutputCollector:
    """Collects the outputs of one cell; what goes beyond the budget is cut off, with a word."""

    def __init__(self, max_bytes: int, max_outputs: int, displays: Displays | None = None) -> None:
        """Start without outputs.

        Args:
            max_bytes: what a cell may show; updates of what earlier cells show count as well.
            max_outputs: how many of them.
            displays: of the same kernel; what this cell shows is added when it is done.
        """
        self._most_bytes, self._most_outputs = max_bytes, max_outputs
        self._displays: Displays = {} if displays is None else displays
        self._outputs: list[_Stream | _Display | _Raised] = []
        self._updates: dict[str, _Display] = {}  # of what earlier cells show
        self._left = max_bytes
        self._cut = False
        self._clear_next = False

    def add(self, kind: str, content: dict[str, Any]) -> None:
        """Take one iopub message; anything that is no output, or malformed, is ignored."""
        if kind == "clear_output":
            if content.get("wait"):
                self._clear_next = True
            else:
                self._clear()
        elif kind == "update_display_data":
            self._update(content)
        elif kind in (*_DISPLAYS, "stream", "error"):
            if self._clear_next:
                self._clear()
            if self._cut or self._left <= 0:  # not looked at: it is not kept
                self._cut = True
            elif kind == "stream":
                self._add_to_stream(content)
            elif kind == "error":
                output = _error(content)
                lines = output["traceback"]
                size = len(output["ename"]) + len(output["evalue"]) + sum(map(len, lines))
                self._append(_Raised(output, size))
            else:
                self._update(content)
                display = _display(kind, content)
                if display.data:
                    self._append(display)

    def cut(self) -> None:
        """Say that something is missing, and take no more."""
        self._cut = True

    @property
    def is_cut(self) -> bool:
        """Whether something is missing."""
        return self._cut

    def outputs(self) -> list[Output]:
        """The outputs in nbformat's form; later cells of this kernel may still update them.

        To be called once, when the cell is done.
        """
        for name, update in self._updates.items():
            if data := clean_bundle(update.data):
                for shown in self._displays[name]:
                    shown["data"] = dict(data)
        outputs = []
        for kept in self._outputs:
            if isinstance(kept, _Stream):
                text = clean_text(str(kept.text))
                outputs.append({"output_type": "stream", "name": kept.name, "text": text})
            elif isinstance(kept, _Raised):
                outputs.append(kept.output)
            elif data := clean_bundle(kept.data):
                output: Output = {"output_type": kept.kind, "data": data, "metadata": {}}
                if kept.kind == "execute_result":
                    output["execution_count"] = kept.count
                outputs.append(output)
                if kept.id:
                    self._displays.setdefault(kept.id, []).append(output)
        if self._cut:
            note = "[The rest of this cell's output was cut off: it is over the limit.]\n"
            outputs.append({"output_type": "stream", "name": "stderr", "text": note})
        return outputs

    def _clear(self) -> None:
        self._outputs.clear()
        self._clear_next = self._cut = False
        self._left = self._most_bytes - sum(update.size for update in self._updates.values())

    def _add_to_stream(self, content: dict[str, Any]) -> None:
        name = "stderr" if content.get("name") == "stderr" else "stdout"
        text = content.get("text")
        text = text if isinstance(text, str) else ""
        last = self._outputs[-1] if self._outputs else None
        if len(text) > self._left:  # unless most of it is written over
            trial = StreamText()
            trial.write(text)
            if trial.size > self._left:
                self._cut = True
                return
        if not isinstance(last, _Stream) or last.name != name:
            last = _Stream(name)
            if not self._append(last):
                return
        before = last.size
        last.text.write(text)
        self._left -= last.size - before

    def _append(self, output: _Stream | _Display | _Raised) -> bool:
        if output.size > self._left or len(self._outputs) >= self._most_outputs:
            self._cut = True
            return False
        self._outputs.append(output)
        self._left -= output.size
        return True

    def _update(self, content: dict[str, Any]) -> None:
        """Give all that is shown under a display's id what the message brings, if it is not too much.

        A second display with the id of a first does that, too.
        """
        update = _display("display_data", content)
        if not update.id or not update.data:
            return
        here = [
            shown
            for shown in self._outputs
            if isinstance(shown, _Display) and shown.id == update.id
        ]
        before = self._updates.get(update.id)
        earlier = self._displays.get(update.id, ())
        old = sum(shown.size for shown in here) + (before.size * len(earlier) if before else 0)
        new = update.size * (len(here) + len(earlier))
        if new - old > self._left:
            self._cut = True
            return
        self._left -= new - old
        for shown in here:
            shown.data, shown.size = update.data, update.size
        if earlier:
            self._updates[update.id] = update


def _display(kind: str, content: dict[str, Any]) -> _Display:
    data = known_part(content.get("data"))
    count = content.get("execution_count")
    known = type(count) is int and 0 <= count < 2**31
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return _Display(
        kind,
        count if known else None,
        data,
        name if isinstance(name, str) and len(name) <= _MAX_ID else "",
        sum(map(len, data.values())),
    )


def _error(content: dict[str, Any]) -> Output:
    lines = content.get("traceback")
    lines = lines[:_MAX_LINES] if isinstance(lines, list) else []
    return {
        "output_type": "error",
        "ename": _text(content, "ename"),
        "evalue": _text(content, "evalue"),
        "traceback": [clean_text(line) for line in lines if isinstance(line, str)],
    }


def _text(content: dict[str, Any], name: str) -> str:
    text = content.get(name, "")
    return clean_text(text) if isinstance(text, str) else ""
