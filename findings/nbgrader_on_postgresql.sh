#!/usr/bin/env bash
# nbgrader 0.9.6 (SQLAlchemy 2.1.9, alembic 1.20.1, psycopg 3.3.9, PostgreSQL 15): a gradebook on a server.
#
# One would guess: nbgrader, and its `db upgrade`, do for PostgreSQL what they do for SQLite, whatever URL SQLAlchemy
# takes.
#
# What happens:
# 1. The URL is logged whole: "Upgrading postgresql+psycopg://course:PASSWORD@...". (The formgrader, too: as long as
#    `FormgradeExtension.debug` is true, its default, the page "Manage Assignments" has the whole configuration.)
# 2. A URL with a `%`, which any password with @, : or / in it needs, ends it: the URL is written into alembic.ini as it
#    is, where `%` has a meaning of its own.
# 3. A course without c.CourseDirectory.course_id, its default, can have no assignment: its rows refer to the course "",
#    for which nbgrader makes no row. SQLite does not look; PostgreSQL refuses (ForeignKeyViolation).
# 4. The revision e43177bfe90b (nbgrader 0.6) adds the column assignment.course_id, which may not be null, without a
#    default on the server. So it works on a database without assignments and on no other. SQLite is copied
#    before an upgrade; a database on a server is not, but what failed was undone.
#
# Where it matters: whoever keeps a gradebook on a server, above all with an old course. Give the course an id, keep the
# password in ~/.pgpass, make a copy with pg_dump before an upgrade, and give the column a default by hand.
#
# Needs a PostgreSQL server's programs (Debian: postgresql); it starts one of its own and runs it as another user
# where it is started by root.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
place=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid nobody --regid nogroup --clear-groups)
    chmod 755 "$place"
fi
mkdir "$place/server"
[ "$(id -u)" != 0 ] || chown nobody:nogroup "$place/server"
stop() {
    "${as[@]}" "$bin/pg_ctl" -D "$place/server/data" -m immediate stop > /dev/null 2>&1 || true
    rm -rf "$place"
}
trap stop EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" --quiet --disable-pip-version-check install nbgrader==0.9.6 SQLAlchemy==2.1.9 \
    alembic==1.20.1 'psycopg[binary]==3.3.9'
cd "$place/server"
"${as[@]}" "$bin/initdb" -D data -U course --no-sync --auth=trust > /dev/null
"${as[@]}" "$bin/pg_ctl" -D data -w -l "$place/server/log" -o "-k $place/server -c listen_addresses=" start > /dev/null
cat > "$place/try.py" << 'PYTHON'
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from nbgrader.api import Gradebook, InvalidEntry
from sqlalchemy import create_engine, text

place = Path(sys.argv[1])
print(*(f"{name} {version(name)}" for name in ("nbgrader", "SQLAlchemy", "alembic", "psycopg")))


def upgrade(name: str, password: str, assignments: bool) -> None:
    url = f"postgresql+psycopg://course:{password}@/{name}?host={place}/server"
    with create_engine(url.replace(f"/{name}?", "/postgres?")).connect() as admin:
        admin.execution_options(isolation_level="AUTOCOMMIT").execute(text(f"CREATE DATABASE {name}"))
    if assignments:
        try:
            with Gradebook(url, "") as book:
                book.add_assignment("ps1")
            print("without course_id: an assignment")
        except InvalidEntry as error:
            print("without course_id:", str(error).partition(" insert")[0])
    with Gradebook(url, "my-course") as book:
        if assignments:
            book.add_assignment("ps1")
    with create_engine(url).begin() as connection:  # as nbgrader 0.5 left it
        connection.execute(text("ALTER TABLE assignment DROP COLUMN course_id"))
        connection.execute(text("DROP TABLE course"))
        connection.execute(text("UPDATE alembic_version SET version_num = '282d30a0218e'"))
    course = place / name
    course.mkdir()
    (course / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n")
    command = [sys.executable, "-m", "nbgrader", "db", "upgrade"]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True)
    said = done.stdout + done.stderr
    why = [line for line in said.splitlines() if line.startswith(("ValueError: ", "psycopg.errors."))]
    with create_engine(url).connect() as connection:
        now = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    print(f"{name}: exit code {done.returncode}, version {now}, password printed: {password in said}")
    for line in why:
        print(" ", line.partition(" in 'postgresql")[0])


upgrade("empty", "s3cret", assignments=False)
upgrade("encoded", "s3cr%40t", assignments=False)
upgrade("used", "s3cret", assignments=True)
PYTHON
seen=$(PATH="$place/venv/bin:$PATH" "$place/venv/bin/python" "$place/try.py" "$place" 2> "$place/errors") || { cat "$place/errors" >&2; exit 1; }
echo "$seen"
expected="nbgrader 0.9.6 SQLAlchemy 2.1.9 alembic 1.20.1 psycopg 3.3.9
empty: exit code 0, version e43177bfe90b, password printed: True
encoded: exit code 1, version 282d30a0218e, password printed: True
without course_id: (psycopg.errors.ForeignKeyViolation)
used: exit code 1, version 282d30a0218e, password printed: True
  psycopg.errors.NotNullViolation: column \"course_id\" of relation \"assignment\" contains null values"
[ "$seen" = "$expected" ] || { echo "It is not as it was." >&2; exit 1; }
