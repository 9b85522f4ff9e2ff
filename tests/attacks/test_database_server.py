"""A gradebook's server is out of a submission's reach: no way to it, no password, and no place where it is named."""

from __future__ import annotations

import json
import subprocess
import sys

import nbformat
import pytest

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.course import load_course
from tests.postgresql import PASSWORD, Server
from tests.tiny_course import TinyCourse

# What a student could try who knows all: where the server is, its socket, the password, and the course's folder.
LOOKS = """
import json, os, socket
from pathlib import Path

def tries(name, attempt):
    try:
        found[name] = bool(attempt())
    except BaseException as error:
        found[name] = False

def connects(family, address):
    with socket.socket(family) as one:
        one.settimeout(3)
        one.connect(address)
        return True

def driver(**where):
    import psycopg
    with psycopg.connect(user="course", dbname=at["database"], connect_timeout=3, **where) as one:
        return one.execute("SELECT count(*) FROM grade").fetchall()

found = {}
tries("address", lambda: connects(socket.AF_INET, ("127.0.0.1", at["port"])))
tries("socket", lambda: connects(socket.AF_UNIX, at["socket"]))
tries("driver", lambda: driver(host="127.0.0.1", port=at["port"], password=at["password"]))
tries("driver by socket", lambda: driver(host=at["folder"], port=at["port"]))
tries("folder", lambda: os.listdir(at["folder"]))
tries("password in the environment", lambda: os.environ["PGPASSWORD"])
tries("configuration", lambda: Path(at["config"]).read_text())
tries("server's process", lambda: [
    path for path in Path("/proc").glob("[0-9]*/cmdline") if b"postgres" in path.read_bytes()
])
print("FOUND", json.dumps(found))
"""


def test_a_submission_finds_no_way_to_the_gradebooks_server(
    tiny_on_server: TinyCourse, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tiny_on_server
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    course = load_course(tiny.root)
    at = {
        "port": server.port,
        "socket": str(server.socket),
        "folder": str(server.folder),
        "database": str(course.config.CourseDirectory.db_url).rpartition("/")[2],
        "password": PASSWORD,
        "config": str(tiny.root / "course_config.py"),
    }
    code = f"at = {at!r}\n{LOOKS}"
    outside = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(found_in(outside.stdout).values()) == {True}, (
        "each of them works where nothing holds it"
    )
    tiny.submission("ada", extra=code)
    run = grade_class(course, "tiny")
    assert run.reasons == {}
    graded = nbformat.read(course.autograded("ada", "tiny") / "tiny.ipynb", as_version=4)
    said = "".join(output.get("text", "") for output in graded.cells[0].outputs)
    found = found_in(said)
    assert [name for name, worked in found.items() if worked] == []
    assert len(found) == len(found_in(outside.stdout))
    assert gradebook.marks(course, "tiny")["ada", "tiny", "double_tests"] == 3.0


def found_in(said: str) -> dict[str, bool]:
    (line,) = [line for line in said.splitlines() if line.startswith("FOUND")]
    return dict(json.loads(line.removeprefix("FOUND")))
