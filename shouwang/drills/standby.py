"""A second PostgreSQL that follows the first by streaming replication and confirms every commit (synchronous)."""

from pathlib import Path

import psycopg

from database.server.embedded import EmbeddedPostgres
from database.server.postgres import PostgresServer
from shouwang.platform.processes import wait_until

NAME = "standby"
START_S = 60.0


class Standby:
    """Made by pg_basebackup; a hot standby until :meth:`promote`. Raises RuntimeError where it cannot be made."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedPostgres(folder, {"hot_standby": "on"})
        self._primary: PostgresServer | None = None

    def follow(self, primary: PostgresServer) -> None:
        """Copy the primary, follow it, and let it confirm no commit that this server has not written."""
        self._primary = primary
        self.server.copy_of(primary, ["--write-recovery-conf"], dbname=f"application_name={NAME}")
        self.server.start()
        with psycopg.connect(primary.url, autocommit=True) as conn:
            conn.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
            conn.execute("SELECT pg_reload_conf()")

            def confirmed() -> bool:
                row = conn.execute("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone()
                return row == (1,)

            wait_until(confirmed, START_S, "the standby confirms commits")

    def url_of_both(self, url: str) -> str:
        """A connection string that finds whichever of the two takes writes. ``url``: the primary's."""
        before, _, name = url.rpartition("/")
        return f"{before},127.0.0.1:{self.server.port}/{name}?target_session_attrs=read-write"

    def promote(self) -> None:
        """Make this server the primary; it waits for no standby."""
        with psycopg.connect(self.server.url, autocommit=True) as conn:
            conn.execute("SELECT pg_promote(true, 60)")
            conn.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            conn.execute("SELECT pg_reload_conf()")

    def stop(self) -> None:
        self.server.stop()
