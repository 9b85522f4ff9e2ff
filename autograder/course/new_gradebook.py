"""A gradebook that is not there yet, made as nbgrader makes it, without the seconds that nbgrader takes.

nbgrader asks for the version of its tables by starting alembic's program, which imports nbgrader anew. The
same library says it here in a tenth of a second.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_gradebook(url: str) -> None:
    """Make nbgrader's tables in an SQLite file that is not there; anything else is left to nbgrader.

    Args:
        url: as `c.CourseDirectory.db_url`.
    """
    path = Path(url.removeprefix("sqlite:///").partition("?")[0])
    if not url.startswith("sqlite:///") or path.exists() or not path.parent.is_dir():
        return
    from alembic.script import ScriptDirectory
    from nbgrader.api import Base
    from nbgrader.dbutil import ALEMBIC_DIR
    from sqlalchemy import create_engine, text

    version = ScriptDirectory(ALEMBIC_DIR).get_current_head()
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    engine = create_engine(f"sqlite:///{fresh}")
    try:
        with engine.begin() as connection:
            Base.metadata.create_all(bind=connection)
            connection.execute(
                text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            )
            connection.execute(
                text("INSERT INTO alembic_version VALUES (:head)"), {"head": version}
            )
        with suppress(FileExistsError):  # of two that make it at once, one wins
            os.link(fresh, path)
    finally:
        engine.dispose()
        fresh.unlink(missing_ok=True)
