"""Warnings 60, 30 and 7 days before a certificate ends stand on the board, once each, until it is renewed."""

import datetime as dt

import psycopg
import pytest

from care_network.records.certificates import Expiry
from database.reports import certificate_ends
from database.settings import DatabaseSettings
from dispatch.escalation.certificate_warnings import choose, record
from tests.support.district import add_homes

pytestmark = pytest.mark.integration

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def board(conn: psycopg.Connection) -> list[tuple[str, str, str]]:
    """(subject, home, reason) of what is open."""
    return conn.execute(
        "SELECT subject, h.code, reason_en FROM alert JOIN household h ON h.id = household_id"
        " WHERE rule = 'certificate_expires' AND alert.state = 'raised' ORDER BY subject"
    ).fetchall()


def test_gateways_services_and_brokers_are_warned_of_in_three_stages(database_url: str) -> None:
    add_homes(database_url, ["gw-a", "gw-b"])
    tell = certificate_ends.recorder(DatabaseSettings(url=database_url))
    ends = NOW + 61 * DAY
    tell({"svc-ingest": ends, "broker b:8883": ends + 365 * DAY})
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "UPDATE gateway SET status = jsonb_build_object('certificate_until_us', %s::bigint) WHERE name = 'gw-a'",
            (round(ends.timestamp() * 1e6),),
        )
        assert record(conn, NOW) == 0
        assert record(conn, NOW + 2 * DAY) == 2
        assert record(conn, NOW + 3 * DAY) == 0, "told twice"
        (first, second) = board(conn)
        assert first[:2] == ("certificate:gw-a", "H0001")
        assert second[:2] == ("certificate:svc-ingest", "PLATFORM")
        assert f"will expire on {ends:%Y-%m-%d}: gw-a" in first[2]
        conn.execute("UPDATE alert SET state = 'resolved', next_step_at = NULL")
        assert record(conn, NOW + 20 * DAY) == 0, "whoever has settled it is not told again in the same stage"
        assert record(conn, NOW + 32 * DAY) == 2
        assert record(conn, NOW + 55 * DAY) == 2
        assert len(board(conn)) == 2, "the last stage replaces the one before"
        assert record(conn, NOW + 62 * DAY) == 2
        assert "expired on" in board(conn)[0][2]
        tell({"svc-ingest": NOW + 500 * DAY})
        assert record(conn, NOW + 62 * DAY) == 0
        assert [row[0] for row in board(conn)] == ["certificate:gw-a"]
        conn.execute("INSERT INTO revoked_identity VALUES ('gw-a', now(), 'admin', 'lost')")
        record(conn, NOW + 62 * DAY)
        assert board(conn) == []


def test_a_district_that_expires_together_is_one_warning() -> None:
    gateways = [Expiry(f"gw-{number:04d}", NOW + 20 * DAY + number * dt.timedelta(hours=1), 1) for number in range(500)]
    others = [Expiry("svc-ingest", NOW + 20 * DAY), Expiry("old", NOW - 40 * DAY), Expiry("fresh", NOW + 100 * DAY)]
    warnings = choose([*gateways, *others], NOW)
    assert sorted(warning.subject for warning in warnings) == ["certificate:gateways", "certificate:svc-ingest"]
    (many,) = (warning for warning in warnings if warning.subject == "certificate:gateways")
    assert (many.stage, len(many.holders), many.household_id) == (30, 240 + 1 + 259, None)
