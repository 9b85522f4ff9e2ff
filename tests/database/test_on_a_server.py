"""A gradebook on a server that is away, closed, half made or old: one sentence, and nothing is lost."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.autograde import gradebook, records
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from autograder.database import make_ready, place, tables
from autograder.errors import KitError
from autograder.release.adopt import connect
from autograder.release.release import build
from tests.conftest import postgresql_url
from tests.doors import autograder, nbgrader_autograde
from tests.postgresql import IN_A_URL, PASSWORD, Server
from tests.tiny_course import CONFIG, TinyCourse

DOCS = Path(__file__).parent.parent.parent / "docs"
AGAIN = "then give the same command again. What was judged is kept."


@pytest.fixture(autouse=True)
def _looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_ready", set())
    monkeypatch.setattr(place, "WAIT_S", 0.2)


def name_of(tiny: TinyCourse) -> str:
    """Of the course's database."""
    return str(load_course(tiny.root).config.CourseDirectory.db_url).rpartition("/")[2]


def at(tiny: TinyCourse, url: str) -> None:
    tiny.write("course_config.py", CONFIG + postgresql_url(url))


def kept(tiny: TinyCourse) -> dict[str, bytes]:
    """All that a course has but for its logs, and what it knows of its sources from before (`kept_release`)."""
    paths = sorted(path for path in tiny.root.rglob("*") if path.is_file())
    return {
        str(path): path.read_bytes()
        for path in paths
        if path.suffix not in (".log", ".pyc", ".lock")
        and path.name != "course_config.py"
        and tiny.root / "records/released" not in path.parents
    }


def logs(tiny: TinyCourse) -> str:
    return "".join(path.read_text() for path in (tiny.root / "records").rglob("*.log"))


TROUBLES: dict[str, tuple[Callable[[Server, str], str], str]] = {
    "away": (
        lambda server, name: server.url(name).replace(f":{server.port}/", ":1/"),
        'on 127.0.0.1:1 (PostgreSQL) cannot be reached: connection to server at "127.0.0.1", port 1 failed: '
        f"Connection refused. See that its server runs, and lets this machine in, {AGAIN}",
    ),
    "wrong password": (
        lambda server, name: server.url(name, "wr0ngw0rd"),
        'FATAL:  password authentication failed for user "course". Correct the user or the password, in '
        f"c.CourseDirectory.db_url or in the file ~/.pgpass, {AGAIN}",
    ),
    "no such database": (
        lambda server, _: server.url("nowhere"),
        'database "nowhere" does not exist. Make it, on the server: createdb --owner=USER nowhere, then',
    ),
    "no driver": (
        lambda server, name: server.url(name, driver="+psycopg2"),
        "needs a driver that is not installed, or does not start here: No module named 'psycopg2'. Run "
        "`pip install 'autograder-kit[postgresql]'`, and begin c.CourseDirectory.db_url with "
        "postgresql+psycopg://.",
    ),
    "an unknown driver": (
        lambda server, name: server.url(name, driver="+fast"),
        "is named by a driver that SQLAlchemy does not know. Begin c.CourseDirectory.db_url with",
    ),
    "no URL": (
        lambda server, name: server.url(name, "wr0ng@w0rd"),
        "c.CourseDirectory.db_url is no URL of a database. Write it as in postgresql+psycopg://USER@HOST/",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_wrong_is_one_sentence_and_nothing_is_lost(
    trouble: str, tiny_on_server: TinyCourse, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tiny_on_server
    tiny.write("records/scorecards/tiny/ada/graded", "before")
    before = kept(tiny)
    make, sentence = TROUBLES[trouble]
    at(tiny, make(server, name_of(tiny)))
    done = autograder(tiny.root, "grade", "tiny", "--regrade", code=2)
    said = [line for line in done.stderr.splitlines() if line.startswith("autograder: ")]
    assert len(said) == 1
    assert sentence in said[0]
    for text in (done.output, logs(tiny)):
        assert not re.search(f"wr0ng|w0rd|{re.escape(PASSWORD)}|{re.escape(IN_A_URL)}", text)
    assert "Traceback" not in done.output
    assert kept(tiny) == before


def test_every_command_says_it_and_score_needs_no_gradebook(
    tiny_on_server: TinyCourse, server: Server
) -> None:
    tiny = tiny_on_server
    autograder(tiny.root, "grade", "tiny")
    before = kept(tiny)
    at(tiny, server.url("gone").replace(f":{server.port}/", ":1/"))
    sentence = "The gradebook `gone` on 127.0.0.1:1 (PostgreSQL) cannot be reached: "
    for arguments in (
        ("grade", "tiny"),
        ("release", "tiny"),
        ("adopt", "tiny"),
        ("feedback", "tiny"),
        ("export", "tiny"),
    ):
        done = autograder(tiny.root, *arguments, code=2)
        assert sentence in done.stderr
    done = autograder(tiny.root, "doctor", code=1)
    assert done.stdout.count(sentence) == 1, "once, and not for each assignment"
    assert "LACK  gradebook" in done.stdout
    assert "nobody can say whether it is released" in done.stdout
    assert kept(tiny) == before
    autograder(tiny.root, "score", tiny.root / "submitted/ada/tiny")


def test_nbgrader_autograde_takes_nothing_away_before_it_says_so(
    tiny_on_server: TinyCourse, server: Server
) -> None:
    tiny = tiny_on_server
    page = tiny.write("autograded/ada/tiny/tiny.ipynb", "graded before")
    at(tiny, server.url("gone").replace(f":{server.port}/", ":1/"))
    said = nbgrader_autograde(["tiny", "--force"], tiny.root, code=1)
    assert "The gradebook `gone` on 127.0.0.1:1 (PostgreSQL) cannot be reached: " in said
    assert PASSWORD not in said
    assert IN_A_URL not in said
    assert page.read_text() == "graded before"


def test_doctor_says_which_gradebook_it_is(tiny_on_server: TinyCourse, server: Server) -> None:
    tiny = tiny_on_server
    line = f"ok    gradebook: the gradebook `{name_of(tiny)}` on 127.0.0.1:{server.port} (PostgreSQL), version "
    done = autograder(tiny.root, "doctor", code=None)
    assert line in done.stdout
    assert "Its password stands in c.CourseDirectory.db_url" in done.stdout
    assert PASSWORD not in done.stdout
    assert IN_A_URL not in done.stdout


def test_a_password_file_will_do(
    tiny_on_server: TinyCourse, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tiny_on_server
    own = tiny.write("pgpass", f"127.0.0.1:{server.port}:*:course:{PASSWORD}\n")
    own.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(own))
    at(tiny, server.url(name_of(tiny)).replace(f":{IN_A_URL}@", "@"))
    assert gradebook.is_released(load_course(tiny.root), "tiny")
    assert "Its password" not in gradebook.describe(load_course(tiny.root))


def test_a_server_that_is_lost_in_a_run_ends_it_and_what_was_judged_is_kept(
    tiny_on_server: TinyCourse,
    server: Server,
    started: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = tiny_on_server
    tiny.submission("bob", {"double": "def double(x):\n    return 3 * x"})
    real = records.begin

    def lose(course: Course, assignment: str, student: str, notebooks: Any) -> None:
        server.cut(name_of(tiny))
        real(course, assignment, student, notebooks)

    with monkeypatch.context() as patch:
        patch.setattr("autograder.autograde.writing.begin", lose)
        done = autograder(tiny.root, "grade", "tiny", code=2)
    assert (
        "cannot be reached: terminating connection due to administrator command. See" in done.stderr
    )
    assert "Traceback" not in done.output
    assert not (tiny.root / "autograded/ada/tiny").exists()
    course = load_course(tiny.root)
    assert gradebook.marks(course, "tiny") == {}
    after = grade_class(course, "tiny")
    assert after.reasons == {}
    assert "ada" in after.from_ledger
    assert started.count("ada") == 1, "what was judged is not judged again"
    assert gradebook.marks(course, "tiny")["ada", "tiny", "double_tests"] == 3.0


def test_a_row_that_another_program_holds_is_waited_for_and_then_named(
    tiny_on_server: TinyCourse, server: Server
) -> None:
    import psycopg

    tiny = tiny_on_server
    url = server.url(name_of(tiny)).replace("+psycopg", "")
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE grade IN EXCLUSIVE MODE")
        done = autograder(tiny.root, "grade", "tiny", code=2)
    assert (
        "is in use by another program: close the formgrader, then give the same command"
        in done.stderr
    )
    assert gradebook.marks(load_course(tiny.root), "tiny") == {}
    autograder(tiny.root, "grade", "tiny")


def test_two_folders_with_one_gradebook_are_graded_one_after_the_other(
    tiny_on_server: TinyCourse, tmp_path: Path
) -> None:
    """As on two machines: neither sees the other's lock on a file."""
    here = load_course(tiny_on_server.root)
    there = TinyCourse(tmp_path / "there", released=tiny_on_server.root)
    with gradebook.held_open(here):
        done = autograder(there.root, "grade", "tiny", code=2)
        assert re.search(
            r"is being graded already: autograder, process \d+ on .*\. Wait", done.stderr
        )
    autograder(there.root, "grade", "tiny")


@contextlib.contextmanager
def empty(tiny: TinyCourse, server: Server) -> Iterator[Course]:
    name = server.make_database(f"{name_of(tiny)}-empty")
    at(tiny, server.url(name))
    yield load_course(tiny.root)


def rows(server: Server, tiny: TinyCourse, statement: str) -> list[tuple[Any, ...]]:
    return server.admin(statement, database=name_of(tiny))


VERSION = "SELECT version_num FROM alembic_version"
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def test_commands_that_begin_at_once_make_the_tables_once(
    tiny_on_server: TinyCourse, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty(tiny_on_server, server) as course:
        all_have_looked = threading.Barrier(4)
        real = tables._version

        def version() -> str:
            all_have_looked.wait(60)
            return real()

        monkeypatch.setattr(tables, "_version", version)
        failures: list[Exception] = []

        def begin() -> None:
            try:
                make_ready(course)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=begin) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
    assert len(rows(server, tiny_on_server, VERSION)) == 1
    ids = rows(server, tiny_on_server, "SELECT id FROM course ORDER BY id")
    assert ids == [("default_course",), ("tiny-course",)]


def test_a_course_without_an_id_can_be_released(tiny_on_server: TinyCourse, server: Server) -> None:
    """nbgrader's own first command fails: assignments refer to a course for which it makes no row."""
    tiny = tiny_on_server
    with empty(tiny, server) as course:
        del course.config.CourseDirectory.course_id
        build(course, "tiny")
        assert gradebook.is_released(course, "tiny")
    assert rows(server, tiny, "SELECT course_id FROM assignment") == [("",)]


@pytest.mark.parametrize("where", ["on a server", "in a file"])
def test_a_version_that_was_not_noted_is_noted_later(
    where: str, tiny_on_server: TinyCourse, server: Server
) -> None:
    """As after a first use that could not run alembic: `nbgrader db upgrade` would fail ever after."""
    from sqlalchemy import create_engine, text

    tiny = tiny_on_server
    if where == "in a file":
        tiny.write("course_config.py", CONFIG)
        make_ready(load_course(tiny.root))
    course = load_course(tiny.root)
    engine = create_engine(course.config.CourseDirectory.db_url)
    with engine.begin() as connection:
        known = connection.execute(text(VERSION)).all()
        connection.execute(text("DROP TABLE alembic_version"))
    tables._ready.clear()
    make_ready(course)
    with engine.begin() as connection:
        assert connection.execute(text(VERSION)).all() == known
    engine.dispose()


def test_an_older_nbgraders_tables_are_named_and_not_touched(
    tiny_on_server: TinyCourse, server: Server
) -> None:
    """nbgrader's own upgrade fails at this one where there are assignments; the docs say what does it."""
    tiny = tiny_on_server
    name = name_of(tiny)
    old = "UPDATE alembic_version SET version_num = '282d30a0218e'"
    drop = "ALTER TABLE assignment DROP COLUMN course_id"
    server.admin(drop, "DROP TABLE course", old, database=name)
    (tables_before,) = rows(server, tiny, TABLES)
    for arguments, code in ((("grade", "tiny"), 2), (("release", "tiny"), 2), (("doctor",), 1)):
        done = autograder(tiny.root, *arguments, code=code)
        assert (
            "(PostgreSQL) assignment.course_id is missing: an older nbgrader made its"
            in done.output
        )
        assert f"Make a copy of it (pg_dump {name}), then run `nbgrader db upgrade`" in done.output
    assert rows(server, tiny, TABLES) == [tables_before]
    (sql,) = re.findall(
        r"```sql\n(.*?)```", (DOCS / "coming-from-nbgrader.md").read_text(), re.DOTALL
    )
    import psycopg

    with psycopg.connect(server.url(name).replace("+psycopg", "")) as connection:
        connection.execute(sql.encode())
    autograder(tiny.root, "grade", "tiny")
    noted = rows(server, tiny, VERSION)
    assert noted == [(tables._version(),)]


def test_a_user_who_may_make_no_tables_is_told(tiny_on_server: TinyCourse, server: Server) -> None:
    tiny = tiny_on_server
    name = f"{name_of(tiny)}-of-others"
    server.admin(f'CREATE DATABASE "{name}"')
    server.admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name)
    at(tiny, server.url(name))
    done = autograder(tiny.root, "grade", "tiny", code=2)
    assert (
        "lets this user make or change no tables. Let the database belong to the user"
        in done.stderr
    )


def test_names_that_a_server_does_not_take_are_refused_by_name(
    tiny_on_server: TinyCourse,
) -> None:
    tiny = tiny_on_server
    text = (tiny.root / "source/tiny/tiny.ipynb").read_text()
    tiny.write("source/tiny/tiny.ipynb", text.replace('"mean_tests"', f'"{"m" * 129}"'))
    done = autograder(tiny.root, "release", "tiny", code=2)
    assert (
        "the grade_id of a cell has 129 characters, and PostgreSQL takes no more than 128"
        in done.stderr
    )
    tiny.write("course_config.py", CONFIG)
    build(load_course(tiny.root), "tiny")


def test_a_refused_release_leaves_the_one_that_there_is(
    tiny_on_server: TinyCourse, server: Server
) -> None:
    """nbgrader's own command would take it away."""
    tiny = tiny_on_server
    course = load_course(tiny.root)
    gradebook.create_submission(course, "tiny", "ada")
    before = kept(tiny)
    items = "SELECT name FROM base_cell ORDER BY name"
    known = rows(server, tiny, items)
    text = (tiny.root / "source/tiny/tiny.ipynb").read_text()
    more = tiny.write("source/tiny/more.ipynb", text.replace("double", "twice"))
    with pytest.raises(KitError, match="Cannot modify existing assignment"):
        build(course, "tiny")
    more.unlink()
    assert kept(tiny) == before
    assert rows(server, tiny, items) == known
    assert gradebook.is_released(course, "tiny")


def test_a_course_is_taken_over_with_the_gradebook_that_it_has(
    tiny_on_server: TinyCourse, server: Server, tmp_path: Path
) -> None:
    name = name_of(tiny_on_server)
    theirs = TinyCourse(tmp_path / "theirs", released=tiny_on_server.root)
    (theirs.root / "course_config.py").unlink()
    own = "c = get_config()\nc.CourseDirectory.db_url = {!r}\n"
    config = theirs.write("nbgrader_config.py", own.format(server.url("nowhere")))
    with pytest.raises(KitError, match='database "nowhere" does not exist'):
        connect(theirs.root)
    assert not (theirs.root / "course_config.py").exists()
    assert config.read_text() == own.format(server.url("nowhere"))
    config.write_text(own.format(server.url(name)))
    said = connect(theirs.root)
    assert (
        f"the gradebook `{name}` on 127.0.0.1:{server.port} (PostgreSQL): goes on there, as it is"
        in said
    )
    course = load_course(theirs.root)
    assert course.config.CourseDirectory.db_url == server.url(name)
    assert not (theirs.root / "records/gradebook.db").exists()
