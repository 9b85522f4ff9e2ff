"""A PostgreSQL server of the tests' own, on loopback and on a socket, with a database for each test."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "course", "s3cr%t pass/word@x"  # signs that a URL must have written otherwise
IN_A_URL = "s3cr%25t%20pass%2Fword%40x"
_ADMIN = "admin"
_AUTH = ("--auth-local=trust", "--auth-host=scram-sha-256")


def programs() -> Path | None:
    """The folder of the newest server's programs, as Debian and others lay them; None where none is."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        key=lambda path: float(path.parent.parent.name),
    )
    on_path = shutil.which("postgres")
    places = [*found, *([Path(on_path)] if on_path else [])]
    return places[-1].parent if places else None


def missing_server() -> str:
    """Why no server can be started here; empty where one can."""
    if programs() is None:
        return "there is no PostgreSQL server (Debian: apt-get install postgresql)"
    if os.geteuid() not in {entry.pw_uid for entry in pwd.getpwall()}:
        return "this user has no name, and a PostgreSQL server starts for none without"
    return ""


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    folder: Path  # with its socket
    port: int

    def url(self, database: str, password: str = IN_A_URL, driver: str = "+psycopg") -> str:
        """What stands in a course's configuration."""
        return f"postgresql{driver}://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    def admin(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements with all rights; gives the rows of the last one."""
        import psycopg

        with psycopg.connect(
            host=str(self.folder), port=self.port, user=_ADMIN, dbname=database, autocommit=True
        ) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                done = connection.execute(statement.encode())
                rows = done.fetchall() if done.description else []
            return rows

    def make_database(self, name: str, like: str = "template0") -> str:
        """A database that belongs to the course's user; gives its name."""
        self.admin(f'CREATE DATABASE "{name}" OWNER {USER} TEMPLATE "{like}"')
        return name

    def cut(self, database: str) -> None:
        """End all connections with a database, as a server that is stopped does."""
        self.admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )

    @contextlib.contextmanager
    def closed(self, database: str) -> Iterator[None]:
        """A database that takes no connections and has lost those that it had."""
        self.admin(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        self.cut(database)
        try:
            yield
        finally:
            self.admin(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Start a server as a user that is not root, and stop it and take its files away in the end."""
    bin_folder = programs()
    assert bin_folder is not None
    user = _ordinary_user()
    # Not below pytest's own folders, which are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        options: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL}
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
            options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        options["env"] = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        data = folder / "data"
        _run(
            [bin_folder / "initdb", "-D", data, "-U", _ADMIN, "-E", "UTF8", "--no-sync", *_AUTH],
            options,
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "timezone": "Europe/Berlin",  # another than ours, as a server's may be
        }
        arguments = " ".join(f"-c {name}={value}" for name, value in settings.items())
        control = [bin_folder / "pg_ctl", "-D", data, "-w"]
        _run([*control, "-l", folder / "log", "-o", arguments, "start"], options)
        try:
            server = Server(folder, port)
            server.admin(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            _run([*control, "-m", "immediate", "stop"], options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user() -> pwd.struct_passwd | None:
    """Whom a server may run as where we are root, which it refuses to be; else it is ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _run(command: list[Any], options: dict[str, Any]) -> None:
    # The server inherits where its output goes; a pipe would be open as long as it runs.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command, check=False, stdout=said, stderr=said, timeout=120, **options
        )
        said.seek(0)
        assert done.returncode == 0, said.read()
