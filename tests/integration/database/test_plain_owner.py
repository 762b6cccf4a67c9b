"""A district's database belongs to an ordinary role: no superuser, no member of a predefined role."""

from collections.abc import Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from database.grade import Grade
from database.health import examine
from database.migrate import migrate
from shouwang.cli.main import app
from tests.support.databases import Cluster

pytestmark = [pytest.mark.integration, pytest.mark.every_grade]


@pytest.fixture
def plain_url(database_cluster: Cluster) -> Iterator[str]:
    """The connection string of an ordinary owner of an empty database; extensions are there where they can be."""
    server = database_cluster.server
    with psycopg.connect(server.url_of("postgres"), autocommit=True) as admin:
        admin.execute("CREATE ROLE plain_owner LOGIN PASSWORD 'plain'")
        admin.execute("CREATE DATABASE plain_home OWNER plain_owner")
    try:
        if database_cluster.grade is not Grade.PLAIN:
            with psycopg.connect(server.url_of("plain_home"), autocommit=True) as admin:
                admin.execute("CREATE EXTENSION timescaledb")
        info = psycopg.conninfo.conninfo_to_dict(server.url_of("plain_home"))
        yield psycopg.conninfo.make_conninfo("", **{**info, "user": "plain_owner", "password": "plain"})
    finally:
        with psycopg.connect(server.url_of("postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS plain_home WITH (FORCE)")
            admin.execute("DROP ROLE plain_owner")


def test_an_ordinary_owner_migrates_and_is_examined(plain_url: str, database_cluster: Cluster) -> None:
    assert migrate(plain_url) == database_cluster.grade
    health = examine(plain_url)
    assert health.reachable
    assert health.built == health.offered == database_cluster.grade
    assert not [text for text in health.findings if "privilege" in text or "superuser" in text or "answer" in text]


def test_a_role_without_rights_hears_it_in_one_line(plain_url: str, database_cluster: Cluster) -> None:
    with psycopg.connect(database_cluster.server.url_of("plain_home"), autocommit=True) as admin:
        admin.execute("ALTER DATABASE plain_home OWNER TO CURRENT_USER")
    done = CliRunner().invoke(app, ["migrate"], env={"SHOUWANG_DATABASE_URL": plain_url})
    assert done.exit_code == 1
    assert "permission denied" in done.output
    assert "Traceback" not in done.output
    assert len(done.output.strip().splitlines()) == 1
