"""nbgrader's generate_feedback for those students whose pages would come out otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from nbgrader.converters import GenerateFeedback

_OF_EXCHANGE = ("timestamp.txt", "submission_secret.txt")
_RENEWED = "autograder.nbgrader_plugin.late.RenewedPenalties"


class FeedbackConverter(GenerateFeedback):  # type: ignore[misc]
    """Leaves some folders of autograded notebooks alone, and writes pages with nothing beside them.

    Files of the course and of the student stay where they are: whoever reads a page has them.
    """

    def __init__(self, current: Collection[str], renewed: bool, **kwargs: Any) -> None:
        """
        Args:
            current: folders of autograded notebooks whose pages need not be made.
            renewed: whether all penalties were made again before this.
        """
        super().__init__(**kwargs)
        self._current = current
        named: list[Any] = self.preprocessors  # type: ignore[has-type]
        self.preprocessors = [one for one in named if not renewed or one != _RENEWED]

    def init_notebooks(self) -> None:
        super().init_notebooks()
        for folder in self._current:
            self.assignments.pop(folder, None)

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        source = Path(self._format_source(assignment_id, student_id))
        target = Path(self._format_dest(assignment_id, student_id))
        target.mkdir(parents=True, exist_ok=True)
        for name in _OF_EXCHANGE:  # by which nbgrader's exchange gives feedback back
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)
