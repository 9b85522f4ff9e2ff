"""A submission on its way through nbgrader's converter: what was read, its judgements, the cards written."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from autograder.judge.job import Judgement
from autograder.judge.service import judge_service
from autograder.judge.submission import Submission
from autograder.scorecard import Scorecard


@dataclass
class JudgedSubmission:
    """The one object that passes from a door to the marks, whichever door it is.

    `autograder grade` has begun its jobs before; nbgrader's own tools ask for one judgement after the
    other.
    """

    submission: Submission
    under_way: dict[str, Future[Judgement]] = field(default_factory=dict)  # by notebook
    cards: dict[str, Scorecard] = field(default_factory=dict)  # as they were kept, by notebook

    def begin(self, anew: bool = False) -> None:
        """Have all notebooks judged, and do not wait for it.

        Args:
            anew: whatever the ledger has.
        """
        for name, job in self.submission.jobs.items():
            key = self.submission.keys[name]
            self.under_way[name] = judge_service().submit(job, key, anew)

    def is_judged(self) -> bool:
        return all(future.done() for future in self.under_way.values())

    def judgement(self, notebook: str) -> Judgement:
        """The judgement of a notebook, once it is there.

        Raises:
            KitError: when it cannot be judged, which is no fault of the student's.
        """
        job, key = self.submission.jobs[notebook], self.submission.keys[notebook]
        return judge_service().result(job, key, self.under_way.pop(notebook, None))
