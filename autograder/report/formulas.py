r"""Formulas as MathML, which browsers show without a script; as TeX where a letter would be lost.

latex2mathml reads most of what people write, but some of it wrongly and without a word. What is known of
that is written in another way before (`aligned` has no rows, `split` has), and afterwards the result is
compared with its source: all letters and numbers must be there, and no sign of TeX. Else the formula is shown
as it was written.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from xml.etree import ElementTree

import nh3

_LONGEST = 2_000  # characters of a formula that is read
_DEEPEST = 25  # braces in braces

_MATHML = "http://www.w3.org/1998/Math/MathML"
_TAGS = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mstyle", "mpadded", "mphantom"),
    *("msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts"),
    *("mfrac", "msqrt", "mroot", "mtable", "mtr", "mtd"),
}
_ATTRIBUTES = {
    "math": {"xmlns", "display"},
    "mi": {"mathvariant"},
    "mo": {"stretchy", "fence", "form", "largeop", "movablelimits", "minsize", "maxsize"},
    "mover": {"accent"},
    "munder": {"accentunder"},
    "mspace": {"width"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mfrac": {"linethickness"},
    "mtable": {"displaystyle"},
    "mtd": {"columnalign"},
}
_VALUE = re.compile(rf"{re.escape(_MATHML)}|[\w.%-]{{1,20}}")

_UNDER = {"max", "min", "lim", "sup", "inf", "limsup", "liminf", "argmax", "argmin", "det", "Pr"}
_WIDE = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_WITH_SCRIPTS = ("}msub", "}msup", "}msubsup", "}munder", "}mover", "}munderover")
_REWRITTEN = (
    (re.compile(r"(?<!\\)%[^\n]*"), ""),  # comments
    (re.compile(r"\\label\{[^{}]*\}|\\nonumber\b|\\notag\b"), ""),
    (re.compile(r"(\\\\\*?)\s*\[[^\]\n]{0,12}\]"), r"\1"),  # the room between rows
    (re.compile(r"\\(begin|end)\{(?:aligned|align\*?)\}"), r"\\\1{split}"),
    (re.compile(r"\\(begin|end)\{(?:gather(?:ed)?\*?|multline\*?)\}"), r"\\\1{matrix}"),
    (re.compile(r"\\(?:bigl|bigr|bigm|Bigl|Bigr|Bigm|biggl|biggr|Biggl|Biggr)\b"), ""),
    (re.compile(r"\\(?:bm|boldsymbol|pmb)\b"), r"\\boldsymbol"),
    (re.compile(r"\\math(?:rm|up)\s*\{([a-zA-Z])\}"), r"\\text{\1}"),  # `d` would be slanted
    (re.compile(r"\\mathbb\s*\{1\}|\\mathbb\s+1"), "\N{MATHEMATICAL DOUBLE-STRUCK DIGIT ONE}"),
    (re.compile(r"\\(mathbb|mathcal|mathbf|mathrm|mathfrak)\s+([a-zA-Z])"), r"\\\1{\2}"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\arg(?![a-zA-Z])"), r"\\operatorname{arg}"),
)
_NAMED = re.compile(
    r"\\(?:operatorname(\*?)|mathop)\s*\{(?:\\(?:mathrm|rm|text|sf|mathsf)\b\s*)?\{?([^{}]*)\}?\}"
)
_MACRO = re.compile(r"\\(?:begin|end)\s*\{[a-z]+\*?\}(?:\{[lcr|]*\})?|\\[a-zA-Z]+")
_ODD_COLUMNS = re.compile(
    r"\\begin\{array\}(?!\s*\{[lcr]*\})"
)  # lines between them would not be seen
_ENVIRONMENT = re.compile(r"\\begin\{")
_VARIANTS = {
    "bold": "BOLD", "italic": "ITALIC", "bold-italic": "BOLD ITALIC", "double-struck": "DOUBLE-STRUCK",
    "script": "SCRIPT", "fraktur": "FRAKTUR", "sans-serif": "SANS-SERIF", "monospace": "MONOSPACE",
    "bold-sans-serif": "SANS-SERIF BOLD", "bold-script": "BOLD SCRIPT", "bold-fraktur": "BOLD FRAKTUR",
}  # fmt: skip


@lru_cache(maxsize=2048)
def mathml(tex: str, *, block: bool) -> str:
    """A formula as clean MathML; empty where it cannot be shown with all that is in it.

    Args:
        tex: of any origin, without the dollars around it.
        block: whether it has a line of its own.
    """
    if len(tex) > _LONGEST or not _is_balanced(tex) or _ODD_COLUMNS.search(tex):
        return ""
    try:
        from latex2mathml.converter import convert

        written, under = _rewritten(tex)
        root = ElementTree.fromstring(convert(written, display="block" if block else "inline"))
        _put_right(root, under | _UNDER if block else set())
        made = ElementTree.tostring(root, "unicode")
    except Exception:  # the converter raises what it likes, and more where formulas nest deeply
        return ""
    clean = nh3.clean(
        made.replace("ns0:", "").replace(":ns0", ""),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=lambda _tag, _name, value: value if _VALUE.fullmatch(value) else None,
        clean_content_tags={"annotation", "annotation-xml", "script", "style"},
        link_rel=None,
    )
    text = html.unescape(re.sub(r"<[^>]*>", "", clean))
    is_whole = text == "".join(root.itertext()) and not _lost(written, text)
    return clean if is_whole and text.strip() else ""


def _is_balanced(tex: str) -> bool:
    """Whether every brace has its other one: the converter closes them where it likes."""
    depth = 0
    for sign in re.findall(r"\\.|[{}]", tex):
        depth += (sign == "{") - (sign == "}")
        if not 0 <= depth <= _DEEPEST:
            return False
    return depth == 0


def _rewritten(tex: str) -> tuple[str, set[str]]:
    """A formula as the converter understands it, and the names that have their limits below them."""
    under = set()
    for pattern, instead in _REWRITTEN:
        tex = pattern.sub(instead, tex)

    def named(match: re.Match[str]) -> str:
        name = re.sub(r"\\[,; ]|\\[a-z]+\s*|[~\s]", "", match[2])
        if match[1] or match[0].startswith(r"\mathop"):
            under.add(name)
        return rf"\operatorname{{{name}}}"

    tex = _NAMED.sub(named, tex)
    if r"\\" in tex and not _ENVIRONMENT.search(tex):
        kind = "split" if "&" in tex else "matrix"
        tex = rf"\begin{{{kind}}}{tex}\end{{{kind}}}"
    return tex, under


def _put_right(root: ElementTree.Element, under: set[str]) -> None:
    """What browsers do not know, in the words that they know.

    Raises:
        ValueError: where there are none.
    """
    for element in list(root.iter()):
        tag = element.tag.rpartition("}")[2]
        if tag == "menclose" or element.get("linebreak"):
            raise ValueError(tag)
        if tag in _WIDE and (element[0].text or "") in under and element[0].tag.endswith("}mo"):
            element.tag = f"{{{_MATHML}}}{_WIDE[tag]}"
        variant = element.attrib.get("mathvariant", "normal")
        if variant != "normal":
            del element.attrib["mathvariant"]
            element.text = "".join(_letter(sign, variant) for sign in element.text or "")
    for element in list(root.iter()):
        if element.tag.rpartition("}")[2] in ("mrow", "mtd", "mstyle", "math"):
            _space_names(element)


def _space_names(row: ElementTree.Element) -> None:
    """The name of a function as a name, with a little room beside it: as an operator it stands too near."""
    for at in reversed(range(len(row))):
        base = row[at]
        while base.tag.endswith(_WITH_SCRIPTS) and len(base):
            base = base[0]
        name = base.text or ""
        if not base.tag.endswith(("}mo", "}mi")) or len(name) < 2 or not name.isalpha():
            continue
        base.tag = f"{{{_MATHML}}}mi"
        for place in (at + 1, at):  # after it, then before it
            beside = row[place - (place == at)] if 0 < place < len(row) else None
            if beside is not None and not beside.tag.endswith("}mo"):
                row.insert(place, ElementTree.Element(f"{{{_MATHML}}}mspace", width="0.17em"))


def _letter(sign: str, variant: str) -> str:
    """A letter in a style, of which MathML in browsers has only those of Unicode.

    Raises:
        KeyError, ValueError: when there is none.
    """
    if not sign.isalnum():
        return sign
    name = unicodedata.name(sign).replace("LATIN ", "").replace("GREEK ", "").replace("LETTER ", "")
    style = _VARIANTS[variant]
    if variant == "italic":  # how letters of formulas are anyway
        return sign
    for wanted in (f"MATHEMATICAL {style} {name}", f"{style} {name}", f"BLACK-LETTER {name}"):
        try:
            return unicodedata.lookup(wanted)
        except KeyError:
            continue
    raise KeyError(sign)


def _lost(tex: str, text: str) -> bool:
    """Whether letters or numbers of the source are not in the result, or signs of TeX are."""
    source = Counter(filter(str.isalnum, unicodedata.normalize("NFKC", _MACRO.sub(" ", tex))))
    shown = Counter(filter(str.isalnum, unicodedata.normalize("NFKC", text)))
    return bool(source - shown) or "\\" in text or ("&" in text and r"\&" not in tex)
