"""Shows the pictures that were handed in, where grading draws none.

What the source tags `as-handed-in` is only looked at, so while grading it is not drawn anew. The outputs that
stand in the submitted file take the place of ours: taken in like those of a box, with the same bounds, and
pictures rewritten byte for byte. They are anybody's word and decide nothing; a line says whose they are.
"""

from __future__ import annotations

import base64
import contextlib
from typing import Any

from autograder.clean import PICTURES
from autograder.clean.png import rewritten
from autograder.course import Unreadable
from autograder.course.reading import read_outputs
from autograder.judge.submission import Submission
from autograder.sandbox import BoxSettings
from autograder.sandbox.box import is_cut_short
from autograder.sandbox.outputs import Output, OutputCollector

SAID = "[as you handed it in]\n"
NOTHING = "[Not run while grading, for it is only looked at; it was handed in without outputs.]\n"
_PNG = "image/png"


def with_handed_in(
    submission: Submission, notebook: str, outputs: tuple[list[Output], ...]
) -> tuple[list[Output], ...]:
    """The outputs that people see: those of the box, or what was handed in where that is shown.

    Ours stay where the cell did not end well, and where nothing was handed in.

    Args:
        outputs: of the box, by code cell.
    """
    course, job = submission.course, submission.jobs[notebook]
    settings = BoxSettings(config=course.config)
    tagged = course.notebooks(submission.assignment)[notebook].as_handed_in
    if settings.pictures_anew or not tagged or job.unreadable:
        return outputs
    path = submission.folder / submission.notebooks[notebook].file
    try:
        handed_in = read_outputs(path, course.settings.max_notebook_mib, tagged)
    except Unreadable:  # it is gone, or something else by now
        handed_in = {}
    shown = []
    for grade_id, ours in zip(job.grade_ids, outputs, strict=True):
        if grade_id in tagged and not is_cut_short(ours):
            theirs = _taken(handed_in.get(grade_id, []), settings)
            if theirs:
                ours = [_line(SAID), *theirs]
            elif not ours and tagged[grade_id]:
                ours = [_line(NOTHING)]
        shown.append(ours)
    return tuple(shown)


def _taken(outputs: list[Any], settings: BoxSettings) -> list[Output]:
    """Outputs from a file as if a box had sent them, within its bounds."""
    collector = OutputCollector(settings.output_mib * 2**20, settings.outputs)
    for output in outputs[: settings.outputs + 1]:
        if isinstance(output, dict):
            text = output.get("text")
            joined = "".join(map(str, text)) if isinstance(text, list) else text
            collector.add(str(output.get("output_type")), {**output, "text": joined})
    taken = collector.outputs()
    for output in taken:
        if "data" in output:
            _rewrite(output["data"])
    return [output for output in taken if output.get("data") != {}]


def _rewrite(data: dict[str, str]) -> None:
    """Keep of the pictures a PNG, in a file of our own making."""
    picture = None
    with contextlib.suppress(ValueError):  # cut off, as in a file that was not saved whole
        picture = rewritten(base64.b64decode(data.get(_PNG, "")))
    for mime in PICTURES:
        data.pop(mime, None)
    if picture is not None:
        data[_PNG] = base64.b64encode(picture).decode()


def _line(text: str) -> Output:
    return {"output_type": "stream", "name": "stdout", "text": text}
