"""Bring a database to the newest schema.

Alembic and SQLAlchemy are imported where they are used: a service that only asks for the schema's state does without
their 25 MB.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from database.grade import Grade, enable_timescaledb, grade_advice, schema_grade, server_grade
from database.rights.roles import missing_roles, renew_grants

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger(__name__)

LOCK_KEY = 0x53484F5557414E47  # "SHOUWANG"
LOCK_TIMEOUT_MS = 300_000
"""How long a second service waits for the first one's migration."""
TABLE_WAIT_MS = 2_000
"""How long a migration waits for a table. All that comes after it waits behind it, alerts too: it goes back and tries
again, for the services of the last release go on meanwhile."""
TRIES, PAUSE_S = 150, 2.0


def migrate(url: str) -> Grade:
    """Bring the database to the newest schema and return the grade it was built for; safe to repeat.

    Callers that come together wait for each other by an advisory lock. Where the services have roles of their own,
    these get their rights on what is new. Raises psycopg.OperationalError where the server cannot be reached, and
    RuntimeError, with what to do, where the schema needs a TimescaleDB that the server no longer offers, or the
    database has another encoding than UTF-8.
    """
    with psycopg.connect(url, autocommit=True, application_name="shouwang-migrate") as guard:
        wrong = encoding_advice(guard)
        if wrong:
            raise RuntimeError(wrong)
        guard.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
        guard.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        built = schema_grade(guard)
        if built is None:
            # In a session of its own: TimescaleDB loads the library of the extension's version when a session begins.
            with psycopg.connect(url, autocommit=True) as conn:
                enable_timescaledb(conn)
        with psycopg.connect(url, autocommit=True) as conn:
            offered = server_grade(conn)
        if built is not None and list(Grade).index(built) > list(Grade).index(offered):
            raise RuntimeError(str(grade_advice(built, offered)))
        build_schema(url, built or offered)
        built = schema_grade(guard)
        if built is None:
            raise RuntimeError("the migrations ran but left no view reading_minute in the search path")
        if not renew_grants(guard) and (missing := missing_roles(guard)):
            log.warning(
                "services keep the rights of the release before: roles are missing", roles=missing,
                then="run 'shouwang setup' and its database.sql, or 'shouwang database roles --apply'; migrate again",
            )  # fmt: skip
        advice = grade_advice(built, offered)
        if advice:
            log.warning("database grade", advice=advice)
        return built


def encoding_advice(conn: psycopg.Connection[Any]) -> str:
    """Advice where the database does not hold its text as UTF-8; '' where it does."""
    encoding = conn.info.parameter_status("server_encoding")
    if encoding == "UTF8":
        return ""
    return (
        f"the database's encoding is {encoding}, not UTF8; make it again:"
        " CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
    )


def revision(url: str) -> str | None:
    """Read the newest migration of the database; None before the first."""
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT to_regclass('alembic_version')").fetchone()
        if row is None or row[0] is None:
            return None
        row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None


def newest_revision() -> str | None:
    """Find the newest migration of this program."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def build_schema(url: str, grade: Grade, to: str = "head") -> None:
    """Run the missing migrations for this grade, up to ``to``. Services call :func:`migrate`, which finds the grade.

    A migration that meets a lock or a deadlock is taken back and tried again.
    """
    import sqlalchemy
    from alembic import command
    from psycopg import errors

    config = _config()
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: _impatient(url), poolclass=sqlalchemy.pool.NullPool
    )
    try:
        for left in range(TRIES, 0, -1):
            try:
                with engine.connect() as connection:
                    config.attributes["connection"] = connection
                    config.attributes["grade"] = grade
                    command.upgrade(config, to)
                return
            except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as error:
                cause = getattr(error, "orig", error)
                if left == 1 or not isinstance(cause, (errors.LockNotAvailable, errors.DeadlockDetected)):
                    raise
                log.warning("a table is in use; the migration tries again", reason=str(cause).splitlines()[0])
                time.sleep(PAUSE_S)
    finally:
        engine.dispose()


def _impatient(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    conn = psycopg.connect(url)
    conn.execute(f"SET lock_timeout = {TABLE_WAIT_MS}")
    conn.commit()
    return conn


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    # Config values are interpolated: a percent sign in the path has to be doubled.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
