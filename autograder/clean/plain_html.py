"""HTML in a plain form that a parser reads in one way only, and what it will cost to read it.

An HTML parser opens some elements again and again, and looks at all that it holds open, so a text can
cost it time with the square of its length. A text that does is told by counting what a parser would do.
That takes certainty about how the parser reads it; so the text is not only read here but written anew.
"""

from __future__ import annotations

import re

import nh3

_MAX_DEPTH = 200  # of nested elements; a browser's own limit is 512
_MAX_WORK = 1_000_000  # open elements, counted at every tag; a table of 10,000 cells has 80,000
_MAX_ATTRIBUTES = 32  # of one tag

# HTML's tokens, by the rules of its standard. Nothing is looked at twice: `*+` gives nothing back.
_TOKEN = re.compile(r"<(?:!--|[!?]|/(?=[^a-zA-Z])|(/?)([a-zA-Z][^\t\n\f\r />]*+))")
_ATTRIBUTE = re.compile(
    r"""[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)"""
    r"""(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+("[^"]*+"?|'[^']*+'?|[^\t\n\f\r >]*+))?+"""
)
_TAG_END = re.compile(r"[\t\n\f\r /]*+>")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_FOREIGN = frozenset({"svg", "math"})
_SIGNS = {"checkbox": "\u2610\u2611", "radio": "\u25cb\u25c9"}  # not ticked, ticked
_NAMED = frozenset({"video", "audio", "object", "iframe"})  # what is in them is for old browsers
_UNSEEN = _FOREIGN | {"script", "style"}
_VERBATIM = _UNSEEN | _NAMED | {"textarea", "title", "xmp", "noembed", "noframes", "noscript"}

# How a parser's open elements end without a tag of their own, as far as it can be relied upon.
_EMPTY = frozenset({"area", "br", "col", "hr", "img", "wbr"})
_BLOCKS = frozenset(
    {"article", "aside", "blockquote", "center", "details", "dl", "div", "figcaption", "figure"}
    | {"footer", "header", "hgroup", "nav", "ol", "pre", "summary", "ul", "li", "dt", "dd"}
)
_CELL, _BODY = frozenset({"td", "th"}), frozenset({"tbody", "thead", "tfoot"})
_TABLE_SCOPES = _CELL | {"table", "caption"}
_TABLE_PARTS = _CELL | _BODY | {"tr", "caption", "colgroup", "col"}
_IN_ROW = _CELL | {"p"}
_IN_BODY = _IN_ROW | {"tr"}
_IN_TABLE = _IN_BODY | _BODY
_ENDED_BY_START = {
    "p": frozenset({"p"}),
    "li": frozenset({"li"}),
    **dict.fromkeys(("dt", "dd"), frozenset({"dt", "dd"})),
    **dict.fromkeys(_CELL, _IN_ROW),
    "tr": _IN_BODY,
    **dict.fromkeys(_BODY, _IN_TABLE),
}
_ENDED_BY_END = {
    **dict.fromkeys(_CELL, frozenset({"p"})),
    "tr": _IN_ROW,
    **dict.fromkeys(_BODY, _IN_BODY),
    "table": _IN_TABLE | {"caption", "colgroup"},
    "ruby": frozenset({"rp", "rt"}),
    **dict.fromkeys(_BLOCKS, frozenset({"p", "li", "dt", "dd"})),
}
_IMPLIED_IN_TABLE = 2  # a parser adds <tbody> and <tr>
_WORK_OF_AMPERSAND = 5  # looked up and escaped again


class TooCostly(Exception):
    """HTML that nests so deeply, or opens so much again, that to parse it would take hours."""


def write_anew(text: str) -> str:
    """The tags that may stay, their attributes quoted, and the text between them: all in one plain form.

    Takes time in proportion to the text.

    Raises:
        TooCostly: when a parser's work would not be in proportion to it.
    """
    pieces: list[str] = []
    nesting = _Nesting()
    at = 0
    while (token := _TOKEN.search(text, at)) is not None:
        pieces.append(_as_text(text[at : token.start()], nesting))
        name = (token[2] or "").lower()
        if not name:
            at = _end_of_comment(text, token)
            continue
        kept, at = _attributes(text, token.end())
        if at < 0:  # the text ends within the tag: a parser drops it, too
            return "".join(pieces)
        if name in nh3.ALLOWED_TAGS:
            written = "".join(f' {key}="{value}"' for key, value in kept.items())
            tag = f"</{name}>" if token[1] else f"<{name}{written}>"
            pieces.append(tag)
            nesting.count_tag(name, bool(token[1]), tag)
        elif name == "input" and not token[1]:
            pieces.append(_as_text(_sign_of_box(kept), nesting))
        elif token[1] or (name in _FOREIGN and text[at - 2] == "/"):
            continue
        elif name in _VERBATIM:
            end = re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE).search(text, at)
            stop = end.start() if end else len(text)
            content = f"[{name}: not shown here]" if name in _NAMED else text[at:stop]
            pieces.append("" if name in _UNSEEN else _as_text(content, nesting))
            at = stop
    pieces.append(_as_text(text[at:], nesting))
    return "".join(pieces)


def _as_text(text: str, nesting: _Nesting) -> str:
    nesting.count_text(text)
    return text.replace("<", "&lt;")


def _end_of_comment(text: str, token: re.Match[str]) -> int:
    """Where a comment, a declaration or the like ends; with the text, where nothing ends it."""
    if token[0] != "<!--":
        return text.find(">", token.end()) + 1 or len(text)
    if (short := re.compile("-?>").match(text, token.end())) is not None:  # "<!-->", "<!--->"
        return short.end()
    end = re.compile("--!?>").search(text, token.end())
    return end.end() if end else len(text)


def _sign_of_box(attributes: dict[str, str]) -> str:
    """A check box as a sign: a form does not come through, and whether it is ticked must be seen."""
    signs = _SIGNS.get(attributes.get("type", "").lower())
    return f"{signs['checked' in attributes]} " if signs else ""


def _attributes(text: str, at: int) -> tuple[dict[str, str], int]:
    """A tag's attributes, each once and in quotes, and where the tag ends; -1 when it does not."""
    kept: dict[str, str] = {}
    while (found := _ATTRIBUTE.match(text, at)) is not None:
        at = found.end()
        name, value = found[1].lower(), found[2] or ""
        if len(kept) < _MAX_ATTRIBUTES and name not in kept and _NAME.fullmatch(name):
            bare = value.strip(value[0]) if value[:1] in ("'", '"') else value
            kept[name] = bare.replace('"', "&quot;")
    end = _TAG_END.match(text, at)
    return kept, end.end() if end else -1


class _Nesting:
    """What a parser will do with a text in the plain form: at least as much as it does.

    Its time goes with the elements that it holds open, since some are opened anew at the next piece.
    Besides, what stands in a table outside of its cells is moved before it, past all that lies there.
    """

    def __init__(self) -> None:
        self._open: list[tuple[str, int]] = []  # with the cost of opening it, or of opening it anew
        self._cost = 0  # of all of them
        self._pieces = 0
        self.work = 0
        self.depth = 1  # a `</p>` with nothing to end is an element of its own for a moment

    def count_tag(self, name: str, is_end: bool, tag: str) -> None:
        """Count a tag.

        Raises:
            TooCostly: when it is one too many.
        """
        if is_end:
            self._end(name)
        else:
            self._pop_while(_ENDED_BY_START.get(name, frozenset()))
            if name not in _TABLE_PARTS:
                self._count_moved()
            if name not in _EMPTY:
                self._open.append((name, 1 + len(tag) // 100))
                self._cost += self._open[-1][1]
                self.depth += _levels(name)
        self._add(self._cost + 1 + _WORK_OF_AMPERSAND * tag.count("&"))
        if self.depth > _MAX_DEPTH:
            raise TooCostly

    def count_text(self, text: str) -> None:
        """Count the text between two tags.

        Raises:
            TooCostly: when it is too much.
        """
        self._add(_WORK_OF_AMPERSAND * text.count("&"))
        if text.strip():
            self._count_moved()

    def _count_moved(self) -> None:
        self._pieces += 1
        inner = next((name for name, _cost in reversed(self._open) if name in _TABLE_SCOPES), "")
        if inner == "table":
            self._add(1 + self._pieces // 10)

    def _add(self, work: int) -> None:
        self.work += work
        if self.work > _MAX_WORK:
            raise TooCostly

    def _end(self, name: str) -> None:
        """An end tag ends the element that was opened last, and before it those that need no end tag."""
        ended = _ENDED_BY_END.get(name, frozenset())
        for opened, _cost in reversed(self._open):
            if opened == name:
                self._pop_while(ended - {name})
                self._pop()
                return
            if opened not in ended:
                return

    def _pop_while(self, names: frozenset[str]) -> None:
        while self._open and self._open[-1][0] in names:
            self._pop()

    def _pop(self) -> None:
        name, cost = self._open.pop()
        self._cost -= cost
        self.depth -= _levels(name)


def _levels(name: str) -> int:
    return 1 + _IMPLIED_IN_TABLE if name == "table" else 1
