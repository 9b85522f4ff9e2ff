"""What all tests share."""

from __future__ import annotations

import functools
import itertools
import multiprocessing.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from autograder.judge.job import Job
    from tests.postgresql import Server
    from tests.tiny_course import TinyCourse

# A shell's own options for pytest are not for the graders that the tests run.
os.environ.pop("PYTEST_ADDOPTS", None)

# One thread a worker of pytest, as one thread a worker that grades: networks as small as the graders'
# gain nothing from a second one, and two workers' threads that wait for each other on busy cores burn
# ten times the time of the computation.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# One form of the wall and no other, for the tests that can be run behind each (see `sandbox/forms.py`).
if "AUTOGRADER_WALL" in os.environ:
    from autograder.sandbox import BoxSettings

    BoxSettings.wall.default_value = os.environ["AUTOGRADER_WALL"]

# A file's tests stay in one process (see the Makefile), so the longest files begin, and none ends alone.
LONGEST = (
    "cases/test_cases.py",
    "attacks/test_disruption.py",
    "test_demo.py",
    "test_notebooks.py",
    "sandbox/test_limits.py",
    "report/test_injection.py",
    "attacks/test_forged_answers.py",
    "judge/test_where_the_check_stands.py",
    "cluster/test_cluster.py",
    "nbgrader_plugin/test_doors.py",
    "test_formgrader.py",
    "attacks/test_as_an_ordinary_user.py",
    "attacks/test_without_namespaces.py",
    "cases/test_in_the_box.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, in the order above; the others stay in theirs."""
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session", autouse=True)
def _alembic_is_asked_once() -> Iterator[None]:
    """For each new gradebook nbgrader starts a program of some seconds, which says the same each time."""
    from nbgrader import api

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "get_alembic_version", functools.cache(api.get_alembic_version))
        yield


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released tiny course, to be copied: making a gradebook takes nbgrader some seconds."""
    from autograder.course import load_course
    from autograder.release.release import build
    from tests.tiny_course import TinyCourse

    tiny = TinyCourse(tmp_path_factory.mktemp("released"))
    build(load_course(tiny.root), "tiny")
    return tiny.root


@pytest.fixture
def tiny(tmp_path: Path, released: Path) -> TinyCourse:
    """A released tiny course of a test's own, in which ada has submitted right work."""
    from tests.tiny_course import TinyCourse

    made = TinyCourse(tmp_path / "course", released=released)
    made.submission("ada")
    return made


@pytest.fixture(scope="session", autouse=True)
def _one_judge() -> Iterator[None]:
    """All tests of a process share one worker, for starting one takes long; none is left behind."""
    from autograder.judge import service
    from autograder.sandbox import warm

    # Where multiprocessing keeps its sockets is settled once, and not in a temporary folder of some test.
    multiprocessing.util.get_temp_dir()
    service._service = service.JudgeService(workers=1)
    yield
    service._service.close()
    warm.close_warm_processes()
    left = [child for child in psutil.Process().children(recursive=True) if _is_ours(child)]
    assert left == [], "judges or boxes that outlived the tests"


def _is_ours(process: psutil.Process) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "spawn_main" in command or "bwrap" in command or "box_" in command


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The students for whom a worker was really asked."""
    asked: list[str] = []
    from autograder.judge.pool import LocalPool

    real = LocalPool.submit

    def submit(self: LocalPool, job: Job, key: str) -> object:
        asked.append(job.student)
        return real(self, job, key)

    monkeypatch.setattr(LocalPool, "submit", submit)
    return asked


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server of the tests' own."""
    from tests import postgresql

    if postgresql.missing_server():
        pytest.skip(postgresql.missing_server())
    with postgresql.running_server() as running:
        yield running


@pytest.fixture(scope="session")
def released_database(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the tiny course as it is once released, to be copied."""
    from autograder.course import load_course
    from autograder.release.release import build
    from tests.tiny_course import TinyCourse

    name = server.make_database("released")
    tiny = TinyCourse(tmp_path_factory.mktemp("on-server"), postgresql_url(server.url(name)))
    build(load_course(tiny.root), "tiny")
    return name


@pytest.fixture
def tiny_on_server(
    tmp_path: Path, released: Path, server: Server, released_database: str
) -> TinyCourse:
    """A released tiny course as `tiny`, whose gradebook is a database of a test's own."""
    from tests.tiny_course import TinyCourse

    made = TinyCourse(tmp_path / "on-server", released=released)
    (made.root / "records/gradebook.db").unlink()
    name = server.make_database(f"course-{next(_numbers)}", like=released_database)
    made.config += postgresql_url(server.url(name))
    made.configure("")
    made.submission("ada")
    return made


_numbers = itertools.count()


def postgresql_url(url: str) -> str:
    return f"c.CourseDirectory.db_url = {url!r}\n"
