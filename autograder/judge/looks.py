"""The looks at one notebook: its cells in a box, and the hidden tests beside it.

The first look is after the last cell; `second_look` says what is looked at again, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from autograder.course import Course, GradeCell, SourceNotebook
from autograder.grading.bonus_file import BonusFile
from autograder.grading.device import Device
from autograder.grading.plugin import Judged, judge
from autograder.judge.device import current, device_for
from autograder.judge.in_the_notebook import InTheNotebook
from autograder.judge.job import Job
from autograder.judge.needs import box_of_job_needs_torch, set_imports
from autograder.judge.second_look import SecondLook
from autograder.judge.slots import GpuWatch
from autograder.judge.surroundings import missing_name
from autograder.judge.training_data import box_data, judge_images
from autograder.sandbox import Box, BoxSettings, CellRun, open_box, warm
from autograder.sandbox.names import given_names, unneeded
from autograder.scorecard import Check


class Looks:
    """Judges one notebook in boxes of its own."""

    def __init__(
        self,
        job: Job,
        course: Course,
        source: SourceNotebook,
        cells: Iterable[GradeCell],
        forks: Path | None,
    ) -> None:
        """Prepare it.

        Args:
            cells: the grade cells that are no bonus.
            forks: address of a warm process that another process owns.

        Raises:
            KitError: when the course's images cannot be read.
        """
        self._job, self._course, self._source, self._forks = job, course, source, forks
        self.graders = course.graders(job.assignment) / f"test_{job.notebook}.py"
        self._data = box_data(course)
        self._needs_torch = box_of_job_needs_torch(course, job)
        items = tuple(cells)
        self._second = SecondLook(job, items)
        self._in_notebook = InTheNotebook(job, items, course.settings.stderr_costs_points)
        self._from_outside = any(
            not item.manual and item.grade_id not in job.in_notebook for item in items
        )
        self._bonus_files = {
            file.bonus.grade_id: BonusFile(file.path, file.digest, file.bonus.max_mib)
            for file in job.bonus_files
        }

        self.wall = ""  # the form of it that the cells ran behind

    def judge(self, settings: BoxSettings, watch: GpuWatch) -> tuple[list[CellRun], Judged, Device]:
        """Run the cells and ask the hidden tests, twice where that may give more points.

        Cells that are only looked at are not run. Where it turns out that something does need one of them,
        all is done anew with them.

        Returns:
            the cells as people see them, the checks, and the device that was judged on.
        """
        set_imports(settings, self._course, self._job.assignment, self._needs_torch)
        # The other process's warm process knows the GPU of the course's settings only.
        if self._forks is not None and settings.gpu == BoxSettings(config=self._course.config).gpu:
            warm.join(settings, self._data, self._forks)
        left_out = frozenset() if settings.pictures_anew else self._only_looked_at()
        looked = self._look(settings, watch, left_out)
        if left_out and self._misses(looked[0], looked[1], left_out):
            looked = self._look(settings, watch, frozenset())
        return looked

    def _only_looked_at(self) -> frozenset[int]:
        """The cells that need not be run: they only show something, and nothing else has a name from them."""
        tagged = self._source.as_handed_in
        locked = [n for n, grade_id in enumerate(self._job.grade_ids) if tagged.get(grade_id)]
        return unneeded(self._in_notebook.cells, unneeded(self._job.cells, locked))

    def _misses(self, runs: list[CellRun], judged: Judged, left_out: Collection[int]) -> bool:
        """Whether something failed for want of a name that a cell has which was not run."""
        checks = (check for checks in judged.checks.values() for check in checks)
        said = [run.message for run in runs if run.status == "error"]
        said += [text for check in checks for text in (check.message, check.staff_detail)]
        names = {name for number in left_out for name in given_names(self._job.cells[number])}
        return any(missing_name(text) in names for text in said)

    def _look(
        self, settings: BoxSettings, watch: GpuWatch, left_out: frozenset[int]
    ) -> tuple[list[CellRun], Judged, Device]:
        pace, job = self._second.pace(), self._job

        def opened(
            used_s: float = 0.0, cells: Sequence[str] = job.cells
        ) -> AbstractContextManager[Box]:
            return open_box(
                settings,
                cells,
                dict(job.files),
                self._data,
                seed=int(job.content[:8], 16),
                pace=pace,
                used_s=used_s,
                torch=self._needs_torch,
            )

        def asked(box: Box, only: str) -> Judged:
            return self._ask(box, settings, watch, (only,))[0]

        with opened() as box:
            runs = box.run_cells(left_out=left_out)
            self.wall = box.wall
            strikes = self._second.strikes(runs)
            judged, device = self._ask(box, settings, watch, job.only, strikes)
        if not watch.ran_out:  # else all is judged once more
            checks = self._second.improve(judged.checks, runs, opened, asked, left_out)
            checks |= self._by_cells(runs, opened, watch, left_out)
            judged = replace(judged, checks=checks)
        return runs, judged, device

    def _by_cells(
        self,
        runs: list[CellRun],
        opened: Callable[[float, Sequence[str]], AbstractContextManager[Box]],
        watch: GpuWatch,
        left_out: frozenset[int],
    ) -> dict[str, tuple[Check, ...]]:
        """The checks of the items that are judged by the tests in their own cells."""
        if not self._in_notebook.hides_any:
            return self._in_notebook.checks(runs, runs)
        with opened(0.0, self._in_notebook.cells) as box:
            judged = box.run_cells(self._in_notebook.end, left_out)
            watch.look_at(judged)
        return self._in_notebook.checks(runs, judged)

    def _ask(
        self,
        box: Box,
        settings: BoxSettings,
        watch: GpuWatch,
        only: Collection[str] = (),
        strikes: Mapping[str, int] | None = None,
    ) -> tuple[Judged, Device]:
        """Run the hidden tests beside a box; those of some items where `only` names them."""
        watch.look_at(box.runs)
        watched = watch.around(box)
        device = device_for(settings, watched)
        if not self._from_outside and not self.graders.is_file():
            return Judged({}), device
        images = judge_images(self._course) if device.has_gpu or self._bonus_files else None
        with current(device):
            judged = judge(
                self.graders,
                watched,
                self._job.secret(self._course.secret()),
                self._job.content,
                device,
                images,
                self._bonus_files,
                only,
                strikes,
            )
        watch.look_at_checks(check for checks in judged.checks.values() for check in checks)
        return judged, device
