"""A class is judged by workers elsewhere: same marks, whatever happens to them, and nobody else comes in."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from autograder.autograde.grade import Stopped, grade_class
from autograder.autograde.records import load_card
from autograder.cli import main
from autograder.cluster import pool as cluster_module
from autograder.cluster import tls, worker
from autograder.cluster.bundle import Unpacked, check_place, pack
from autograder.cluster.pool import on_cluster
from autograder.course import load_course
from autograder.course.bonus import Bonus, SubmittedFile
from autograder.errors import KitError
from autograder.judge.job import Job, Judgement
from autograder.judge.keys import environment
from autograder.judge.pool import LocalPool, PoolLost
from autograder.scorecard import NotebookCard, Scorecard, Verdict
from tests.dask_cluster import DaskCluster, kill
from tests.tiny_course import GRADERS, TinyCourse

# What a student's cell can see of anything that is not its own.
SPY = """
import os
print("FOUND", [
    os.path.join(folder, name)
    for top in ("/tmp", "/work", "/data", "/box", "/home", "/var", "/srv", "/mnt", "/run", {place!r})
    for folder, folders, names in os.walk(top)
    for name in folders + names
    if name in ("secret", "records", "test_tiny.py", "key.pem") or name.startswith("course")
])
"""

KILLS_ITS_WORKER = """

@graded("mean_tests")
def test_that_kills_the_judge(student):
    'Row.'
    import os, signal

    if student.mean([1.0]) < 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    tls.make_keys(folder)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[DaskCluster]:
    made = DaskCluster(tmp_path_factory.mktemp("cluster"), keys)
    made.add_worker("stays")
    yield made
    made.close()


@pytest.fixture
def tiny(tmp_path: Path, released: Path, keys: Path) -> TinyCourse:
    made = TinyCourse(tmp_path / "here", released=released)
    config = (
        made.root / "course_config.py"
    ).read_text()  # no limit is met here, however busy a machine
    made.write("course_config.py", f"{config}\nc.BoxSettings.cell_wall_s = 60.0\n")
    shutil.copytree(keys, tmp_path / "here" / "records" / tls.FOLDER, dirs_exist_ok=True)
    return made


def wait_for(what: Callable[[], Any], why: str) -> Any:
    """What `what` says, once that is something."""
    for _ in range(600):
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError(why)


def shown(tiny: TinyCourse, student: str) -> str:
    """What a submission's first cell printed."""
    notebook = json.loads((tiny.root / f"autograded/{student}/tiny/tiny.ipynb").read_text())
    return "".join("".join(output["text"]) for output in notebook["cells"][0]["outputs"])


def test_a_worker_dies_half_way_and_the_cards_are_the_same_as_locally(
    tiny: TinyCourse, cluster: DaskCluster
) -> None:
    cells: list[dict[str, str]] = [
        {},
        {"double": "def double(x):\n    return 3 * x"},
        {"mean": "def mean(numbers):\n    raise ValueError('no')"},
    ]
    for number in range(6):
        tiny.submission(f"student{number}", cells[number % 3], extra=f"number = {number}")
    tiny.submission("spy", extra=SPY.format(place=str(cluster.place("stays"))))
    dies = cluster.add_worker("dies")
    wait_for(lambda: "Registered to" in cluster.log("dies"), "no second worker")
    course = load_course(tiny.root)
    unpacked: list[int] = []

    def progress(_what: str, done: int, _total: int) -> None:
        here = len(cluster.unpacked("stays")), len(cluster.unpacked("dies"))
        if here == (1, 1) and done >= 1 and dies.poll() is None:
            unpacked.append(1)
            kill(dies)

    with on_cluster(course, cluster.address):
        run = grade_class(course, "tiny", progress=progress)
        assert unpacked == [1], "the class was graded before a worker could be killed"
        wait_for(lambda: not cluster.unpacked("dies"), "secrets outlive a killed worker")
    assert run.reasons == {}
    assert cluster.unpacked("stays") == [], "secrets outlive the run"
    assert shown(tiny, "spy") == "FOUND []\n"
    on_workers = [load_card(course, "tiny", card.student) for card in run.cards]
    local = grade_class(course, "tiny", regrade=True)
    assert local.cards == on_workers, "down to the words for staff"
    assert {card.score for card in local.cards} == {3.0, 4.0, 7.0}


def test_ctrl_c_ends_what_is_under_way_on_workers(tiny: TinyCourse, cluster: DaskCluster) -> None:
    for number in range(3):
        tiny.submission(f"student{number}", extra=f"import time; time.sleep(3 + {number})")
    course = load_course(tiny.root)
    with on_cluster(course, cluster.address), pytest.raises(Stopped):
        grade_class(course, "tiny", stopping=lambda: cluster.is_judging("stays"))
    assert cluster.unpacked("stays") == []
    assert cluster.log("stays").count("Registered to") == 2, "it was started again"


def test_a_notebook_over_which_workers_die_is_ours_and_the_next_is_judged(
    tiny: TinyCourse, cluster: DaskCluster
) -> None:
    tiny.write("graders/tiny/test_tiny.py", GRADERS + KILLS_ITS_WORKER)
    tiny.submission("ada", extra="x = 1")
    tiny.submission("bad", {"mean": "def mean(numbers):\n    return -1.0"})
    course = load_course(tiny.root)
    with on_cluster(course, cluster.address):
        ada, bad = grade_class(course, "tiny").cards
    assert ada.score == 7.0
    assert "2 workers died over tiny of bad" in bad.reasons[0]
    assert [item.verdict for item in bad.items] == [Verdict.UNGRADED, Verdict.UNGRADED, None]


def test_a_course_that_changes_while_it_is_graded_is_sent_again(
    tiny: TinyCourse, cluster: DaskCluster
) -> None:
    for number in range(2):
        tiny.submission(f"student{number}", extra=f"n = {number}")
    course = load_course(tiny.root)
    with on_cluster(course, cluster.address):
        assert grade_class(course, "tiny", "student0").cards[0].score == 7.0
        graders = tiny.root / "graders/tiny/test_tiny.py"
        graders.write_text(graders.read_text().replace("sum(numbers) / 7", "sum(numbers) / 8"))
        assert grade_class(course, "tiny", "student1").cards[0].score == 3.0


def greeting(address: str, ca: Path, own: Path | None) -> bytes:
    """What a machine of the cluster says to somebody who has a certificate, or none."""
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    if own is not None:
        context.load_cert_chain(own / tls.CERTIFICATE, own / tls.KEY)
    host, _, port = address.removeprefix("tls://").partition(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=20) as plain,
            context.wrap_socket(plain) as client,
        ):
            return client.recv(1)  # in TLS 1.3 a refusal comes with the first bytes
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.parametrize("at", ["scheduler", "worker"])
def test_nobody_without_a_certificate_is_heard(
    cluster: DaskCluster, keys: Path, tmp_path: Path, at: str
) -> None:
    address = cluster.address
    if at == "worker":
        address = wait_for(lambda: cluster.addresses("stays"), "no worker")[-1]
    tls.make_keys(tmp_path)
    ca = keys / "client" / tls.CA
    assert greeting(address, ca, keys / "client") != b""
    assert greeting(address, ca, None) == b""
    assert greeting(address, ca, tmp_path / "worker") == b"", "that is another cluster's"


def test_other_keys_are_refused_with_a_sentence(
    tiny: TinyCourse, cluster: DaskCluster, tmp_path: Path
) -> None:
    place = tiny.root / "records" / tls.FOLDER
    shutil.rmtree(place)
    course = load_course(tiny.root)
    with pytest.raises(KitError, match=r"no keys .* Make some with `autograder cluster keys`"):
        on_cluster(course, cluster.address).__enter__()
    tls.make_keys(place)
    with pytest.raises(KitError, match=r"cannot be reached: .*[Cc]ertificate"):
        on_cluster(course, cluster.address).__enter__()


def test_only_tls_is_spoken(tiny: TinyCourse, cluster: DaskCluster) -> None:
    course = load_course(tiny.root)
    for address in (cluster.address.replace("tls", "tcp"), "127.0.0.1:8786"):
        with pytest.raises(KitError, match="no tls:// address"):
            on_cluster(course, address).__enter__()


def test_workers_that_differ_are_named_with_the_repair(
    tiny: TinyCourse, cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {**environment(), "torch": "1.0"}
    monkeypatch.setattr("autograder.cluster.worker.environment", lambda: here)
    monkeypatch.setattr(worker, "folder_digest", lambda _folder: "another")
    with pytest.raises(KitError, match="Nothing was graded") as refused:
        on_cluster(load_course(tiny.root), cluster.address).__enter__()
    assert f"the scheduler at {cluster.address}: its torch is" in str(refused.value)
    assert f"  {cluster.addresses('stays')[-1]} (" in str(refused.value)
    assert "here it is 1.0. Run `pip install torch==1.0` there" in str(refused.value)
    assert "autograder-kit has other files" in str(refused.value)
    assert "numpy" not in str(refused.value)


@pytest.mark.parametrize("setting", ["BoxSettings.gpu = 0", "CourseSettings.gpus = [0]"])
def test_a_course_that_wants_gpus_says_that_no_worker_has_one(
    tiny: TinyCourse, cluster: DaskCluster, setting: str
) -> None:
    config = (tiny.root / "course_config.py").read_text()
    tiny.write("course_config.py", f"{config}\nc.{setting}\n")
    with pytest.raises(KitError, match="--resources GPU=1"):
        on_cluster(load_course(tiny.root), cluster.address).__enter__()


@pytest.mark.filterwarnings(  # Dask's client, which was trying to come back, now and then leaves one open
    "ignore:.*unclosed <ssl.SSLSocket:ResourceWarning",
    "ignore:.*<ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
)
def test_a_lost_scheduler_ends_the_run_and_keeps_what_was_judged(
    tiny: TinyCourse, tmp_path: Path, keys: Path
) -> None:
    (tmp_path / "dask").mkdir()
    other = DaskCluster(tmp_path / "dask", keys)
    other.add_worker("only")
    for number in range(4):
        tiny.submission(f"student{number}", extra=f"import time; time.sleep({number} / 2)")
    course = load_course(tiny.root)

    def progress(_what: str, done: int, _total: int) -> None:
        if done >= 1:
            kill(other.scheduler)

    try:
        with (
            pytest.raises(KitError, match=r"scheduler at .* is gone .* What was judged is kept"),
            on_cluster(course, other.address),
        ):
            grade_class(course, "tiny", progress=progress)
    finally:
        other.close()
    kept = [load_card(course, "tiny", f"student{number}") for number in range(4)]
    done = [card for card in kept if card is not None]
    assert done
    assert all(card.score == 7.0 for card in done), "nobody's mark was withdrawn"
    again = grade_class(course, "tiny")
    assert {card.student for card in done} <= set(again.kept)
    assert [card.score for card in again.cards] == [7.0] * 4


class FakeWorker:
    """As much of a Dask worker as a plugin asks for."""

    def __init__(self, place: Path, nthreads: int = 1) -> None:
        self.address, self.local_directory = "tls://10.0.0.9:1", str(place)
        self.state = SimpleNamespace(nthreads=nthreads)
        self.said: list[str] = []
        self.ended = False
        self.loop = SimpleNamespace(call_later=lambda _s, close, reason: close(reason))

    def log_event(self, _topic: str, said: str) -> None:
        self.said.append(said)

    def close(self, _reason: str) -> None:
        self.ended = True


class FakeClient:
    """As much of Dask's client as a pool asks for; a worker called `bad` cannot judge."""

    status = "running"

    def __init__(self, *workers: str) -> None:
        self.there = workers

    def run(self, *_: Any, **_more: Any) -> dict[str, Any]:
        return {}

    def run_on_scheduler(self, function: Callable[[], Any]) -> Any:
        return function()

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.there, 1)

    def scheduler_info(self, **_: Any) -> dict[str, Any]:
        return {"workers": {}}

    def submit(self, *_: Any, key: str, workers: Any = (), **_more: Any) -> Any:
        address = [*workers, *self.there][0]
        reason = "no disk" if address == "bad" else None
        card = Scorecard("tiny", "ada", (NotebookCard("tiny", (), reason),))
        future: Future[Any] = Future()
        future.set_result((Judgement(card, ()), address))
        future.key = key  # type: ignore[attr-defined]
        return future

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_, **_more: None


@pytest.mark.parametrize(
    ("workers", "reason"), [(("bad", "good"), None), (("bad",), "no disk")], ids=["two", "one"]
)
def test_what_one_worker_cannot_judge_another_one_gets(
    tiny: TinyCourse,
    monkeypatch: pytest.MonkeyPatch,
    workers: tuple[str, ...],
    reason: str | None,
) -> None:
    monkeypatch.setattr(cluster_module, "_connect", lambda *_: FakeClient(*workers))
    course = load_course(tiny.root)
    pool = cluster_module.ClusterPool(course, "tls://10.0.0.1:8786", print)
    job = Job(course.root, "tiny", "tiny", "ada", ("x = 1",))
    assert pool.submit(job, "key").result().card.notebooks[0].reason == reason
    pool.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [("running", BrokenProcessPool), ("closed", PoolLost)],
    ids=["there", "gone"],
)
def test_a_job_that_was_dropped_is_lost_only_with_the_scheduler(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch, status: str, kind: type[Exception]
) -> None:
    client = FakeClient("there")
    monkeypatch.setattr(cluster_module, "_connect", lambda *_: client)
    pool = cluster_module.ClusterPool(load_course(tiny.root), "tls://10.0.0.1:8786", print)
    monkeypatch.setattr(client, "status", status)
    dropped: Future[Any] = Future()
    dropped.cancel()
    asked = SimpleNamespace(result=dropped.result, status="cancelled", key="key")
    job = Job(tiny.root, "tiny", "tiny", "ada", ("x = 1",))
    task = cluster_module._Task(job, "key", "bundle", Future())
    pool._take(task, asked)
    assert isinstance(task.found.exception(), kind)


def test_a_submission_with_a_large_file_is_judged_on_this_machine(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judged: Future[Judgement] = Future()

    def submit(_pool: LocalPool, _job: Job, _key: str) -> Future[Judgement]:
        return judged

    monkeypatch.setattr(cluster_module, "_connect", lambda *_: FakeClient("there"))
    monkeypatch.setattr(LocalPool, "submit", submit)
    course = load_course(tiny.root)
    pool = cluster_module.ClusterPool(course, "tls://10.0.0.1:8786", print)
    file = SubmittedFile(
        Bonus("mean_tests", 2, "numbers.safetensors", 1), tmp_path / "file", "digest"
    )
    job = Job(course.root, "tiny", "tiny", "ada", ("x = 1",), bonus_files=(file,))
    assert pool.submit(job, "key") is judged
    pool.close()


@pytest.mark.parametrize(
    ("other", "nthreads", "words"),
    [({"numpy": "0.1"}, 1, "pip install numpy==0.1"), ({}, 2, "--nthreads 1")],
    ids=["another numpy", "two threads"],
)
def test_a_worker_that_joins_later_and_may_not_judge_says_so_and_ends(
    tiny: TinyCourse, tmp_path: Path, other: dict[str, str], nthreads: int, words: str
) -> None:
    import asyncio

    bundle = pack(load_course(tiny.root), "tiny")
    late = FakeWorker(tmp_path / "worker", nthreads)
    plugin = worker.CourseOnWorker(
        bundle, {**worker.versions(), **other}, "owner", [None], "bubblewrap"
    )
    asyncio.run(plugin.setup(late))
    assert words in late.said[0]
    assert "tls://10.0.0.9:1" in late.said[0]
    assert late.ended
    assert plugin.unpacked is None


def test_a_bundle_holds_what_judging_needs_and_nothing_else(
    tiny: TinyCourse, tmp_path: Path
) -> None:
    tiny.submission("ada")
    config = (tiny.root / "course_config.py").read_text()
    tiny.write("course_config.py", f"{config}\nc.BoxSettings.memory_mib = 1234\n")
    course = load_course(tiny.root)
    bundle = pack(course, "tiny")
    assert pack(load_course(tiny.root), "tiny").digest == bundle.digest
    unpacked = Unpacked(bundle, tmp_path / "worker")
    files = {
        path.relative_to(unpacked.folder).as_posix()
        for path in unpacked.folder.rglob("*")
        if path.is_file()
    }
    assert files == {
        "course_config.py",
        "graders/tiny/test_tiny.py",
        "records/secret",
        "source/tiny/tiny.ipynb",
    }
    assert unpacked.folder.stat().st_mode & 0o077 == 0
    assert unpacked.course.secret() == course.secret()
    assert unpacked.course.config.BoxSettings.memory_mib == 1234
    unpacked.remove()
    assert not unpacked.folder.exists()


def test_a_place_that_boxes_can_see_is_refused() -> None:
    with pytest.raises(KitError, match="--local-directory"):
        check_place(Path(sys.prefix) / "worker")


def test_keys_are_closed_to_others_and_never_overwritten(tiny: TinyCourse) -> None:
    shutil.rmtree(tiny.root / "records" / tls.FOLDER)
    command = ["--course", str(tiny.root), "cluster", "keys"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "--nthreads 1" in done.output
    made = list((tiny.root / "records" / tls.FOLDER).rglob("*"))
    assert len(made) == 16
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 2
    assert "already" in again.output


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_the_extra_the_option_says_what_to_install(tiny: TinyCourse) -> None:
    code = "import sys; sys.modules['distributed'] = None; from autograder.cli import main\n"
    arguments = ["--course", str(tiny.root), "grade", "tiny", "--cluster", "tls://h:1"]
    done = python(f"{code}main({arguments!r})")
    assert done.returncode == 2
    assert "pip install 'autograder-kit[cluster]'" in done.stderr


def test_nothing_else_imports_dask() -> None:
    code = (
        "import sys, autograder.cli, autograder.autograde.grade, autograder.autograde.gradebook\n"
    )
    code += "import autograder.judge.judge, autograder.nbgrader_plugin.judge\n"
    code += "print(*{name.partition('.')[0] for name in sys.modules})"
    assert not {"dask", "distributed", "cryptography"} & set(python(code).stdout.split())
