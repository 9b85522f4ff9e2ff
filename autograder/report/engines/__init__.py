"""One scorecard for the engines of others: what each of them reads, written from the same rows.

In none of them an ungraded item may become a zero of ours; each module says what its engine makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autograder.report.engines import classroom50
from autograder.report.engines.autolab import to_autolab
from autograder.report.engines.codegrade import to_codegrade
from autograder.report.engines.inginious import to_inginious
from autograder.report.engines.junit import to_junit
from autograder.report.engines.prairielearn import to_prairielearn
from autograder.report.engines.submitty import to_submitty
from autograder.scorecard import Scorecard


@dataclass(frozen=True)
class Engine:
    """How to write for an engine.

    Attributes:
        write: the text of its file from a card and the environment's variables; None where the engine would
            take any file for a mark.
        environment: variables that have to be there.
        has_points: whether it cannot do without points.
    """

    write: Callable[[Scorecard, Mapping[str, str]], str | None]
    environment: tuple[str, ...] = ()
    has_points: bool = True


ENGINES = {
    "junit": Engine(to_junit, has_points=False),
    "prairielearn": Engine(to_prairielearn),
    "classroom50": Engine(classroom50.to_classroom50, classroom50.ENVIRONMENT),
    "autolab": Engine(to_autolab),
    "codegrade": Engine(to_codegrade),
    "submitty": Engine(to_submitty),
    "inginious": Engine(to_inginious),
}
