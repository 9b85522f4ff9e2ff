"""nbgrader's generate_feedback for those students whose pages would come out otherwise."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from nbgrader.converters import GenerateFeedback

_RENEWED = "autograder.nbgrader_plugin.late.RenewedPenalties"


class FeedbackConverter(GenerateFeedback):  # type: ignore[misc]
    """Leaves some folders of autograded notebooks alone."""

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
