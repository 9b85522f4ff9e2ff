"""Slots of GPUs without a GPU: who gets which, with how much memory, and who is judged again alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder import doctor, sandbox
from autograder.autograde import grade, score
from autograder.cluster import bundle
from autograder.course import Course, load_course
from autograder.errors import BoxUnavailable, KitError, LimitHit, StudentRaised
from autograder.judge import judge, looks, slots
from autograder.judge.keys import judgement_key
from autograder.judge.slots import GpuSlots, GpuWatch, uses_gpu, with_gpu
from autograder.sandbox import BoxSettings, CellRun, warm
from autograder.sandbox.gpu import Gpu
from autograder.scorecard import Check, Verdict
from tests.sandbox.test_gpu import LIGHT, stand_in
from tests.tiny_course import TinyCourse

__all__ = ["stand_in"]  # a fixture

# A fourth of 40 GiB, once a worker for each slot has CUDA's part of it; less what a judge computes with.
SHARE = (40960 - 8 * 600) // 4 - 1536
GPUS = "\nc.CourseSettings.gpus = [2, 5]\nc.CourseSettings.gpu_slots = 4\n"


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """GPUs of 40 GiB, and locks that no grader on this machine looks at."""
    found = SimpleNamespace(memory_mib=40960, name="A stand-in")
    for module in (slots, doctor):
        monkeypatch.setattr(module, "find_gpu", lambda _number: found)
    monkeypatch.setattr(doctor, "check_wall", lambda *_asked, **_more: "a wall")
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # a box's sockets are below it
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield
        warm.close_warm_processes()


@pytest.fixture
def tiny(tmp_path: Path, released: Path) -> TinyCourse:
    return TinyCourse(tmp_path / "course", released=released)


def configured(tiny: TinyCourse, more: str = GPUS) -> Course:
    tiny.configure(more)
    return load_course(tiny.root)


def some(folder: Path, each: int = 2) -> GpuSlots:
    return GpuSlots((2, 5), each, folder)


def test_gpus_are_filled_one_by_one_before_any_is_shared(tmp_path: Path) -> None:
    holders = [some(tmp_path).one() for _ in range(4)]
    assert [holder.__enter__() for holder in holders] == [2, 5, 2, 5]
    holders[1].__exit__(None, None, None)
    with some(tmp_path).one() as gpu:
        assert gpu == 5
    for holder in (holders[0], *holders[2:]):
        holder.__exit__(None, None, None)


def in_a_thread(slot: Any) -> tuple[threading.Thread, threading.Event]:
    """Take a slot and give it back, elsewhere; and whether that was possible."""
    taken = threading.Event()

    def take() -> None:
        with slot:
            taken.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return thread, taken


def test_who_finds_no_slot_waits_for_one(tmp_path: Path) -> None:
    one = GpuSlots((0,), 1, tmp_path)
    with one.one():
        thread, taken = in_a_thread(one.one())
        assert not taken.wait(3 * slots._LOOK_AGAIN_S)
    thread.join(timeout=60)
    assert taken.is_set()


def test_alone_means_that_nobody_else_is_on_the_gpu(tmp_path: Path) -> None:
    both = some(tmp_path)
    with both.alone(2):
        with both.one() as first, both.one() as second:
            assert (first, second) == (5, 5)
        thread, taken = in_a_thread(both.alone(2))  # two that want the same wait in one order
        assert not taken.wait(0.1)
    thread.join(timeout=60)
    assert taken.is_set()


def test_a_slot_comes_back_when_its_process_is_killed(tmp_path: Path) -> None:
    one = GpuSlots((0,), 1, tmp_path)
    code = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX);"
    code += "print(flush=True); time.sleep(600)"
    file = str(one._file(0, 0))
    with subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert slots._lock(Path(file), wait=False) is None
        holder.kill()
    with one.one() as gpu:
        assert gpu == 0


class Judging:
    """A judge that notes what it was given, and runs out of memory so many times."""

    def __init__(self, runs_out: int) -> None:
        self.given: list[tuple[int | None, int]] = []
        self._runs_out = runs_out

    def __call__(self, settings: BoxSettings, watch: GpuWatch) -> str:
        self.given.append((settings.gpu, settings.gpu_memory_mib))
        watch.ran_out = len(self.given) <= self._runs_out
        return f"judgement {len(self.given)}"


def test_a_box_gets_its_share_of_the_gpu(tiny: TinyCourse) -> None:
    judging = Judging(runs_out=0)
    assert with_gpu(configured(tiny), "tiny", judging) == "judgement 1"
    assert judging.given == [(2, SHARE)]


@pytest.mark.parametrize("runs_out", [1, 2])
def test_out_of_memory_is_judged_once_more_alone_with_what_was_promised(
    runs_out: int, tiny: TinyCourse
) -> None:
    judging = Judging(runs_out)
    assert with_gpu(configured(tiny), "tiny", judging) == "judgement 2"
    assert judging.given == [(2, SHARE), (2, 16384)]


def test_the_second_time_is_alone_and_the_slot_was_given_back(tiny: TinyCourse) -> None:
    free: list[int] = []

    def judge(_settings: BoxSettings, watch: GpuWatch) -> None:
        watch.ran_out = True
        folder = slots._folder()
        held = [slots._lock(folder / f"gpu-2-slot-{slot}", wait=False) for slot in range(4)]
        found = [lock for lock in held if lock is not None]
        free.append(len(found))
        for lock in found:
            lock.close()

    with_gpu(configured(tiny), "tiny", judge)
    assert free == [3, 0]


def test_other_settings_of_the_box_stay_as_the_course_has_them(tiny: TinyCourse) -> None:
    course = configured(tiny, GPUS + "c.BoxSettings.gpu_memory_mib = 3000\n")
    own = slots.settings_for(course, 5, 4)
    assert (own.gpu, own.gpu_memory_mib, own.cell_wall_s) == (5, 3000, 4.0)


def test_slots_too_small_for_a_box_are_refused(tiny: TinyCourse) -> None:
    with pytest.raises(KitError, match="too little memory for 20 boxes"):
        slots.settings_for(configured(tiny), 5, 20)


def test_a_machines_many_cores_take_nothing_of_a_gpu(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(memory_mib=15360, name="A small one")
    monkeypatch.setattr(slots, "find_gpu", lambda _number: found)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(224)))
    course = configured(tiny, "\nc.CourseSettings.gpus = [0]\n")
    assert slots.settings_for(course, 0, 1).gpu_memory_mib == 15360 - 600 - 1536


@pytest.mark.parametrize("limit", ["cell_wall_s", "probe_wall_s", "notebook_wall_s"])
@pytest.mark.parametrize(("sharing", "tries"), [(4, 2), (1, 1)])
def test_time_that_ran_out_beside_others_is_given_once_more_alone(
    tiny: TinyCourse, limit: str, sharing: int, tries: int
) -> None:
    seen: list[BoxSettings] = []

    def judge(settings: BoxSettings, watch: GpuWatch) -> None:
        seen.append(settings)
        watch.look_at([CellRun("limit", limit=limit)])

    with_gpu(configured(tiny, GPUS + f"c.CourseSettings.gpu_slots = {sharing}\n"), "tiny", judge)
    assert len(seen) == tries


def test_a_judge_that_ran_out_is_noted_and_a_students_words_are_not() -> None:
    out = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
    for verdict, ran_out in ((Verdict.UNGRADED, True), (Verdict.RAISED, False)):
        watch = GpuWatch()
        watch.look_at_checks([Check("a", "", verdict, staff_detail=out)])
        assert watch.ran_out == ran_out


def test_a_notebook_that_needs_no_gpu_takes_none(tiny: TinyCourse) -> None:
    course = configured(tiny, GPUS + "c.CourseSettings.gpu_notebooks = ['3_*']\n")
    assert (uses_gpu(course, "tiny"), uses_gpu(course, "3_training")) == (False, True)
    judging = Judging(runs_out=1)
    assert with_gpu(course, "tiny", judging) == "judgement 1"
    assert judging.given == [(None, 16384)]
    assert not uses_gpu(configured(tiny, ""), "tiny")


def test_two_settings_that_name_a_gpu_are_refused(tiny: TinyCourse) -> None:
    course = configured(tiny, GPUS + "c.BoxSettings.gpu = 0\n")
    with pytest.raises(KitError, match="Take the first one out"):
        with_gpu(course, "tiny", Judging(0))
    (finding,) = doctor._gpus(course)
    assert not finding.good


def test_a_folder_of_somebody_else_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder = slots._folder()
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KitError, match="not this user's own folder"):
        slots._folder()


OUT_OF_MEMORY = """
class OutOfMemoryError(RuntimeError):
    pass
def double(x):
    raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
"""


def test_a_job_whose_box_runs_out_gets_a_second_box_alone_and_then_the_verdict(
    tiny: TinyCourse, stand_in: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the real box; a device that every Linux has stands in for the GPU's."""
    configured(tiny, GPUS + f"c.BoxSettings.warm_imports = {LIGHT}\n")
    tiny.submission("ada", {"double": OUT_OF_MEMORY})
    job = tiny.job()
    opened: list[tuple[int | None, int]] = []

    def open_box(settings: BoxSettings, *args: Any, **more: Any) -> Any:
        opened.append((settings.gpu, settings.gpu_memory_mib))
        return sandbox.open_box(settings, *args, **more)

    monkeypatch.setattr(looks, "open_box", open_box)
    card = judge.judge_job(job).card
    assert stand_in.memory_mib == 81920
    assert opened == [(2, SHARE), (2, 16384)]
    assert {item.grade_id: item.verdict for item in card.items} == {
        "double_tests": Verdict.LIMIT,
        "mean_tests": Verdict.PASSED,
        "why": None,
    }
    assert card.device == "cpu", "the judge sees no GPU, whatever the box could see"


class Raising:
    """A box that answers every probe with one error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def ask(self, *_: Any, **__: Any) -> Any:
        raise self._error


SAID = {
    "the box's limit": (LimitHit("gpu_memory_mib", "it held more"), True),
    "another limit": (LimitHit("memory_mib", "it used more"), False),
    "CUDA itself": (StudentRaised("AcceleratorError", "CUDA error: out of memory"), True),
    "cuBLAS": (StudentRaised("RuntimeError", "CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
    "a mistake": (StudentRaised("ValueError", "out of memory"), False),
}


@pytest.mark.parametrize(("error", "ran_out"), SAID.values(), ids=SAID)
def test_a_probe_that_runs_out_is_noted_and_judged_as_ever(error: Exception, ran_out: bool) -> None:
    watch = GpuWatch()
    with pytest.raises(type(error)):
        watch.around(Raising(error)).ask("", "", {}, {})
    assert watch.ran_out == ran_out


def test_a_cell_that_runs_out_is_noted() -> None:
    watch = GpuWatch()
    watch.look_at([CellRun("ok"), CellRun("limit", limit="memory_mib")])
    assert not watch.ran_out
    watch.look_at([CellRun("error", message="CUDA out of memory", limit="gpu_memory_mib")])
    assert watch.ran_out


def test_the_key_of_a_judgement_tells_with_a_gpu_from_without_but_not_which(
    tiny: TinyCourse,
) -> None:
    tiny.submission("ada")
    without = configured(tiny, "")
    job = tiny.job()
    keys = [
        judgement_key(course, job)
        for course in (without, configured(tiny), configured(tiny, GPUS.replace("[2, 5]", "[0]")))
    ]
    assert keys[0] != keys[1] == keys[2]


def test_a_bundle_takes_the_slots_along(tiny: TinyCourse, tmp_path: Path) -> None:
    tiny.submission("ada")
    course = configured(tiny)
    job = tiny.job()
    packed = bundle.pack(course, "tiny")
    unpacked = bundle.Unpacked(packed, tmp_path / "worker")
    there = judgement_key(unpacked.course, unpacked.job(job), packed.data)
    unpacked.remove()
    assert there == judgement_key(course, job)
    assert (unpacked.course.settings.gpus, unpacked.course.settings.gpu_slots) == ([2, 5], 4)


def test_a_gpu_that_is_missing_stops_a_class_before_it_begins(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.submission("ada")
    asked: list[int | None] = []

    def check_wall(gpu: int | None, _weakest: str) -> str:
        asked.append(gpu)
        if gpu == 5:
            raise BoxUnavailable("there is no GPU 5")
        return "a wall"

    monkeypatch.setattr(slots, "check_wall", check_wall)
    course = configured(tiny)
    with pytest.raises(BoxUnavailable, match="no GPU 5"):
        grade.grade_class(course, "tiny")
    with pytest.raises(BoxUnavailable, match="no GPU 5"):
        score.score_path(course, "tiny", course.submitted("ada", "tiny"), "ada")
    assert asked == [2, 5, 2, 5]
    assert slots.gpus_of(configured(tiny, "")) == [None]


def test_the_doctor_says_what_each_gpu_gives(tiny: TinyCourse) -> None:
    first, second = doctor._gpus(configured(tiny))
    assert (first.what, second.what, first.good) == ("GPU 2", "GPU 5", True)
    assert f"4 at a time, each with {SHARE} of 40960 MiB" in first.text
    assert "the process that judges has not" in first.text
    assert "judged again alone, with 16384" in first.text
