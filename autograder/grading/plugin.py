"""The judge: pytest with a plugin that turns hidden tests into checks.

pytest collects the graders of one notebook and runs them in this trusted process. The plugin gives
them the fixtures `student` and `challenge`, watches how each test ends, and maps it to a verdict:

===========================================  ==========================================
the test ended with                          verdict
===========================================  ==========================================
nothing                                      passed
`Mismatch` (the `expect…` comparisons)       failed, the message is shown
`Explained`, one of them                     failed, without the hint: the cause was told before
`NameMissing`, `BadReply`                    failed, the message is shown
`StudentRaised`                              raised, the message is shown
`LimitHit`                                   limit, the message is shown
a plain `assert` or `pytest.fail`            failed, only title and hint are shown
anything else (also a skip, an xfail or a    ungraded: our fault, goes to staff
broken fixture)
===========================================  ==========================================

A grade cell whose tests were not collected at all gets no checks, which is `ungraded` as well.

What hangs is not tried again and again: after a check that did not end, or a second one that ended the
kernel, the checks of this item that are still to come are `limit` without being run.
"""

from __future__ import annotations

import contextlib
import io
import os
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from autograder.clean import clean_text
from autograder.errors import KitError, LimitHit, StudentFault, StudentRaised
from autograder.grading.bonus_file import BonusFile
from autograder.grading.broken import broke_pytest, cannot_be_loaded, did_not_run, has_not_ended
from autograder.grading.compare import Explained, Mismatch
from autograder.grading.device import Device
from autograder.grading.importing import imported_anew
from autograder.grading.student import BoxLike, Challenge, Student
from autograder.scorecard import Check, Verdict

_CPU = Device()
_DID_NOT_END = ("probe_wall_s", "cell_cpu_s")
_MOST_STRIKES = 2
_UNWANTED = (
    "cacheprovider",
    "doctest",
    "junitxml",
    "pastebin",
    "setuponly",
    "setupplan",
    "stepwise",
    "terminalreporter",
    "logging",
    "timeout",
    "xdist",
    "faulthandler",
    "unraisableexception",
    "threadexception",
)


@dataclass(frozen=True)
class Judged:
    """The checks of each grade cell, and what pytest had to say when it could not run them.

    Attributes:
        trouble: for staff, what and what to do; one sentence each.
        detail: for the log: tracebacks.
        size: of what was run: "short", unless a test said otherwise.
        used_device: whether a test asked for the device.
    """

    checks: dict[str, tuple[Check, ...]]
    trouble: str = ""
    detail: str = ""
    size: str = "short"
    used_device: bool = False


def judge(
    graders: Path,
    box: BoxLike,
    secret: bytes,
    submission: str,
    device: Device = _CPU,
    images: Path | None = None,
    bonus_files: Mapping[str, BonusFile] | None = None,
    only: Collection[str] = (),
    strikes: Mapping[str, int] | None = None,
) -> Judged:
    """Run the hidden tests of one notebook against one box.

    Args:
        graders: the file with the notebook's hidden tests.
        box: answers the probes.
        secret: the course's secret, from which the challenges are drawn.
        submission: a digest of the submission's content; the same submission gets the same challenges.
        device: what tests get that ask for the fixture `device`.
        images: what tests get that ask for `images`: a folder of labelled images
            (`load_images(images, train=True)`), which no box sees; None where there are drawn ones only.
        bonus_files: what tests get that ask for `bonus_files`: the files of bonus items, by grade_id. Tests
            of a bonus without a file are left out.
        only: the grade_ids whose tests alone are run; all where it is empty.
        strikes: how often an item's check ended the kernel before, by grade_id.

    Returns:
        the checks by grade_id. A test that did not run is `ungraded` or absent, never passed.

    Raises:
        KitError: when the file is missing.
    """
    if not graders.is_file():
        raise KitError(
            f"There is no grader file {graders}. Write it, or correct "
            "c.CourseSettings.graders_directory in course_config.py."
        )
    student, struck = Student(box), Counter(strikes or {})
    plugin = JudgePlugin(
        graders, student, secret, submission, device, images, bonus_files or {}, only, struck
    )
    output = io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        _nothing_but_pytest(),
        imported_anew(graders),
    ):
        pytest.main(
            [
                str(graders),
                "--import-mode=importlib",
                f"--rootdir={graders.parent}",
                f"--confcutdir={graders.parent}",  # nothing above is looked at, nor its conftest.py run
                "--override-ini=addopts=",
                "--override-ini=filterwarnings=",
                "--config-file=/dev/null",
                *(f"-pno:{name}" for name in _UNWANTED),
            ],
            plugins=[plugin],
        )
    return Judged(
        {grade_id: tuple(checks) for grade_id, checks in plugin.checks.items()},
        " ".join(plugin.trouble),
        "\n".join([*plugin.detail, *([] if plugin.checks else [output.getvalue().strip()])]),
        plugin.size,
        plugin.used_device,
    )


@contextlib.contextmanager
def _nothing_but_pytest() -> Iterator[None]:
    """Hide what a shell or an installed plugin adds to pytest: marks must not depend on it."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(before)


@dataclass(eq=False, repr=False)  # the secret is in nobody's traceback
class JudgePlugin:
    """Fixtures and verdicts for one run of one notebook's graders."""

    # As in `judge`:
    graders: Path
    student: Student
    secret: bytes
    submission: str
    device: Device
    images: Path | None
    bonus_files: Mapping[str, BonusFile]
    only: Collection[str]
    strikes: Counter[str]
    # What came of it:
    size: str = "short"
    used_device: bool = False
    checks: dict[str, list[Check]] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    detail: list[str] = field(default_factory=list)
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)  # by test

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line(
            "markers", "graded(grade_id, weight): a hidden test of a grade cell"
        )
        # pytest's own pictures of a failure, which nobody sees here, parse the whole grader each time.
        config.option.tbstyle = "native"

    @pytest.fixture(scope="session", name="student")
    def fixture_student(self) -> Student:
        """The student's notebook: `student.run(probe, **data)` or `student.name(arguments)`."""
        return self.student

    @pytest.fixture(name="challenge")
    def fixture_challenge(self, request: pytest.FixtureRequest) -> Challenge:
        """Fresh inputs for this test."""
        return Challenge(self.secret, self.submission, request.node.name)

    @pytest.fixture(scope="session", name="device")
    def fixture_device(self) -> Device:
        """Where to compute."""
        self.used_device = True
        return self.device

    @pytest.fixture(scope="session", name="images")
    def fixture_images(self) -> Path | None:
        """A folder of labelled images that no box sees, if the course has one."""
        return self.images

    @pytest.fixture(scope="session", name="bonus_files")
    def fixture_bonus_files(self) -> Mapping[str, BonusFile]:
        """The files that came for bonus items, by grade_id."""
        return self.bonus_files

    @pytest.fixture(name="note")
    def fixture_note(self, request: pytest.FixtureRequest) -> Callable[..., None]:
        """Say on the scorecard how this test decided: a sentence for everybody, and more for staff.

        `size`, where it was not the short one, goes to the head of the scorecard.
        """

        def say(text: str, staff: str = "", size: str = "") -> None:
            self.notes[request.node.nodeid] = (text, staff)
            self.size = size or self.size

        return say

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        call: pytest.CallInfo[None] = vars(report)["call"]  # pytest puts it there for its own use
        if call.excinfo is not None:
            self.trouble.append(cannot_be_loaded(self.graders, call.excinfo.value))
            self.detail.append(report.longreprtext)
        return report

    @pytest.hookimpl
    def pytest_internalerror(
        self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> None:
        self.trouble.append(broke_pytest(self.graders, excinfo.value))
        self.detail.append(str(excrepr))

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Every graded test starts as `ungraded`: one that never reports is never a pass."""
        items[:] = [item for item in items if not self._is_left_out(item)]
        for item in items:
            mark = item.get_closest_marker("graded")
            if mark is None:
                self.trouble.append(
                    f"{item.name} in {self.graders.name} is not marked with @graded and counts for nothing."
                )
                continue
            self._set(item, Verdict.UNGRADED, staff_detail=has_not_ended(self.graders, item.name))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Leave out what has cost enough."""
        mark = item.get_closest_marker("graded")
        if mark is None or self.strikes[mark.kwargs["grade_id"]] < _MOST_STRIKES:
            return None
        text = "This check was not tried: the ones before it did not end, or ended the kernel."
        self._set(item, Verdict.LIMIT, text)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if item.get_closest_marker("graded") is None:
            return report
        if call.excinfo is not None:
            verdict, message = _verdict_of(call.excinfo.value)
            if call.when != "call" and verdict is not Verdict.LIMIT:
                verdict, message = Verdict.UNGRADED, ""
            if isinstance(call.excinfo.value, LimitHit):
                self._strike(item, call.excinfo.value.limit)
            detail = "".join(traceback.format_exception(call.excinfo.value, limit=-6))
            if verdict is Verdict.UNGRADED:
                detail = f"{did_not_run(self.graders, item.name, call.excinfo.value)}\n{detail}"
            explained = isinstance(call.excinfo.value, Explained)
            passed = verdict is Verdict.PASSED
            self._set(item, verdict, message, "" if passed else detail, hinted=not explained)
        elif item.get_closest_marker("xfail") is not None:
            self._set(item, Verdict.UNGRADED, staff_detail="This test is marked xfail.")
        elif call.when == "call":
            self._set(item, Verdict.PASSED)
        if call.when == "call":
            self._say_for_staff(item, call)
        return report

    def _say_for_staff(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """What the report of the class tells of a check besides its verdict."""
        figures = tuple(self.student.figures)
        self.student.figures.clear()
        error = call.excinfo.value if call.excinfo is not None else None
        limit = error.limit if isinstance(error, LimitHit) else ""
        seconds = round(call.duration, 2)
        checks = self.checks[_grade_id(item)]
        last = checks.pop()
        checks.append(replace(last, limit=limit, figures=figures, seconds=seconds))

    def _strike(self, item: pytest.Item, limit: str) -> None:
        cost = _MOST_STRIKES if limit in _DID_NOT_END else int(limit == "kernel")
        self.strikes[_grade_id(item)] += cost

    def _is_left_out(self, item: pytest.Item) -> bool:
        mark = item.get_closest_marker("graded")
        if self.only and (mark is None or mark.kwargs["grade_id"] not in self.only):
            return True
        if mark is None or not mark.kwargs.get("bonus"):
            return False
        return mark.kwargs["grade_id"] not in self.bonus_files

    def _set(
        self,
        item: pytest.Item,
        verdict: Verdict,
        message: str = "",
        staff_detail: str = "",
        hinted: bool = True,
    ) -> None:
        mark = item.get_closest_marker("graded")
        assert mark is not None
        title, hint = _title_and_hint(getattr(item, "function", None))
        case = item.callspec.id if hasattr(item, "callspec") else ""  # of a parametrized test
        note, more = self.notes.get(item.nodeid, ("", ""))
        check = Check(
            name=item.nodeid.partition("::")[2],  # with its class, for two may have the same name
            title=f"{title} ({case})" if case else title,
            verdict=verdict,
            weight=mark.kwargs["weight"],
            message=clean_text(message),
            hint=hint if verdict is Verdict.FAILED and hinted else "",
            staff_detail=clean_text("\n".join(part for part in (more, staff_detail) if part)),
            note=clean_text(note),
        )
        checks = self.checks.setdefault(_grade_id(item), [])
        checks[:] = [other for other in checks if other.name != check.name] + [check]


def _grade_id(item: pytest.Item) -> str:
    mark = item.get_closest_marker("graded")
    assert mark is not None
    grade_id: str = mark.kwargs["grade_id"]
    return grade_id


def _verdict_of(error: BaseException) -> tuple[Verdict, str]:
    match error:
        case StudentRaised():
            return Verdict.RAISED, str(error)
        case LimitHit():
            return Verdict.LIMIT, str(error)
        case Mismatch() | StudentFault():  # `NameMissing` and `BadReply` among these
            return Verdict.FAILED, str(error)
        case pytest.xfail.Exception():  # which is a `pytest.fail.Exception`
            return Verdict.UNGRADED, ""
        case AssertionError() | pytest.fail.Exception():
            return Verdict.FAILED, ""
    return Verdict.UNGRADED, ""


def _title_and_hint(function: Any) -> tuple[str, str]:
    text = (getattr(function, "__doc__", None) or "").strip()
    title, _, rest = text.partition("\n")
    return title.strip(), " ".join(rest.split())
