"""The two pictures in the README, made from the demo's class."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from html import unescape
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI

from autograder.report.table import Marks, class_table
from autograder.scorecard import Scorecard
from tests.browser import open_browser

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
CLASS, FEEDBACK = FOLDER / "class.svg", FOLDER / "feedback.webp"

_FONT_FACE = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)
_WIDE = 90  # columns


def class_picture(
    cards: Iterable[Scorecard], marks: Marks, reasons: Mapping[str, list[str]]
) -> str:
    """The session of `make demo` as SVG. rich would load a font from elsewhere; this does not."""
    console = Console(file=io.StringIO(), width=_WIDE, record=True, force_terminal=True)
    console.print(class_table(list(cards), marks))
    for student, why in reasons.items():
        console.print(f"{student} needs staff: {'; '.join(why)}", style="yellow", highlight=False)
    svg = console.export_svg(title="make demo", theme=MONOKAI, unique_id="class")
    return _FONT_FACE.sub("", svg).replace("Fira Code", "ui-monospace, Menlo, Consolas")


def words_of(svg: str) -> list[str]:
    """What can be read in a picture, whatever the version of rich that drew it."""
    text = re.sub(r"<style>.*?</style>|<title>.*?</title>", "", svg, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", " ", text)).split()


def draw_feedback(page: Path, target: Path, item: str) -> None:
    """A feedback page where it says what came of an item."""
    with open_browser(width=1000, height=860) as browser:
        browser.get(page.as_uri())
        where = browser.find_element("link text", item).get_attribute("href").partition("#")[2]
        browser.execute_script(
            "document.documentElement.style.overflow = 'hidden';"
            "document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})",
            where,
        )
        shot = browser.get_screenshot_as_png()
    Image.open(io.BytesIO(shot)).save(target, quality=80, method=6)
