"""Alerts of before 0115 get their end and their rules, and nobody who raises or answers one waits meanwhile."""

import re
from pathlib import Path

import psycopg
import pytest

from database.grade import Grade
from database.migrate import build_schema
from tests.support.network import build_city, open_alert

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_cluster", ["plain"], indirect=True, scope="session"),
]
VERSIONS = Path(__file__).parents[3] / "database" / "migrations" / "versions"


def test_old_alerts_get_their_end_while_new_ones_come(database_url: str) -> None:
    name = f"{database_url.rpartition('/')[2]}_before"
    url = f"{database_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name}")
        conn.execute(f"CREATE DATABASE {name}")
    try:
        build_schema(url, Grade.PLAIN, before())
        with psycopg.connect(url) as conn:
            build_city(conn)
            old, told = open_alert(conn, "R1", "H1", state="resolved"), open_alert(conn, "R1", "H1", state="cleared")
            conn.execute(
                "INSERT INTO alert_event (alert_id, at, action, from_state, to_state, actor)"
                " SELECT id, raised_at + INTERVAL '5 min', 'clear', 'raised', 'cleared', 'system' FROM alert"
                " WHERE id = %s",
                (told,),
            )
            conn.commit()
            assert unchecked(conn) == ["alert_leads_another", "alert_snoozes_devices_only", "notification_reason_check"]
            conn.commit()
            # A new alert is raised and stays in its transaction: the migration neither waits for it nor holds it up.
            raised = open_alert(conn, "R2", "H2")
            build_schema(url, Grade.PLAIN, "0156")
            open_alert(conn, "R2", "H2")
            conn.commit()
            ends = dict(
                conn.execute("SELECT id::text, extract(epoch FROM closed_at - raised_at)::int FROM alert").fetchall()
            )
            assert (ends[old], ends[told], ends[raised]) == (0, 300, None)
            assert unchecked(conn) == []
    finally:
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def before() -> str:
    """The migration before it, whatever others have put there."""
    text = (VERSIONS / "0156_rows_before_0115.py").read_text()
    found = re.search(r'^down_revision = "(\w+)"', text, re.MULTILINE)
    assert found is not None
    return found[1]


def unchecked(conn: psycopg.Connection) -> list[str]:
    query = "SELECT conname FROM pg_constraint WHERE NOT convalidated ORDER BY 1"
    return [row[0] for row in conn.execute(query)]
