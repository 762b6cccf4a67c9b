"""Bring a database to the newest schema. One set of migrations serves every grade."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config

from database.grade import Grade, detect

FOLDER = Path(__file__).with_name("migrations")
LOCK = 0x5365_6E74  # any fixed number: two programs starting together migrate one after the other


def migrate(url: str) -> Grade:
    """Apply every migration that is missing and say which grade the database has. Safe to repeat and to run twice.

    Raises psycopg.Error or sqlalchemy's wrapper of it where a statement is refused; nothing of that migration stays.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        command.upgrade(_config(url), "head")
        return detect(conn)


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = url
    return config


def script(name: str) -> str:
    """The text of ``migrations/sql/<name>.sql``."""
    return (FOLDER / "sql" / f"{name}.sql").read_text()
