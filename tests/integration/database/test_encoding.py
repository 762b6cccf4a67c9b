"""Text is UTF-8: a server that was set up without a locale makes databases that take any bytes for it."""

from collections.abc import Iterator

import psycopg
import pytest

from database.health import examine
from database.migrate import migrate
from shouwang.setup.database import OWNER, ROLES, superuser_sql
from tests.support.databases import Cluster

pytestmark = pytest.mark.integration


@pytest.fixture
def admin(database_cluster: Cluster) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_cluster.server.url_of("postgres"), autocommit=True) as conn:
        try:
            yield conn
        finally:
            for name in ("any_bytes", "district_home"):
                conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            conn.execute(f"DROP ROLE IF EXISTS {OWNER}_of_encoding")


def test_another_encoding_is_refused_with_what_to_do(admin: psycopg.Connection, database_cluster: Cluster) -> None:
    admin.execute("CREATE DATABASE any_bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    url = database_cluster.server.url_of("any_bytes")
    with pytest.raises(RuntimeError, match="SQL_ASCII, not UTF8; make it again: CREATE DATABASE"):
        migrate(url)
    health = examine(url)
    assert health.reachable
    assert any("SQL_ASCII" in finding for finding in health.findings)


def test_setup_makes_its_database_in_utf8_whatever_the_servers_locale(admin: psycopg.Connection) -> None:
    sql = superuser_sql("district_home", dict.fromkeys(ROLES, "a password"))
    begin = sql.index("SELECT $$CREATE DATABASE")
    row = admin.execute(sql[begin : sql.index("\\gexec", begin)]).fetchone()
    assert row is not None
    admin.execute(f"CREATE ROLE {OWNER}_of_encoding")
    admin.execute(row[0].replace(f"OWNER {OWNER}", f"OWNER {OWNER}_of_encoding"))
    made = admin.execute(
        "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = 'district_home'"
    ).fetchone()
    assert made == ("UTF8", "C.UTF-8", "C.UTF-8")
