"""Asking for notifications: part of the caller's transaction, once each, withdrawn by an answer."""

import datetime as dt
import hashlib
import uuid

import psycopg
import pytest

from dispatch.channels.notifications import Recipient, cancel, enqueue
from dispatch.core import links
from tests.support.network import build_city, open_alert

pytestmark = pytest.mark.integration
NOW = dt.datetime(2026, 11, 24, 2, tzinfo=dt.UTC)
CARER, DAUGHTER = Recipient("staff", "S1"), Recipient("contact", "R1/0755-1")


def states(conn: psycopg.Connection) -> list[str]:
    return [row[0] for row in conn.execute("SELECT state FROM notification ORDER BY id")]


def test_in_the_callers_transaction_and_once(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        build_city(conn)
        alert = uuid.UUID(open_alert(conn, "R1", "H1"))
        conn.commit()

        def ask(round: int = 0) -> list[int]:
            people = [CARER, DAUGHTER, CARER]
            return enqueue(conn, alert_id=alert, step=1, round=round, recipients=people, reason="escalation", at=NOW)

        assert len(ask()) == 2
        conn.rollback()
        assert states(conn) == []
        assert len(ask()) == 2
        assert ask() == []
        assert len(ask(round=1)) == 2
        cancel(conn, alert, NOW)
        assert states(conn) == ["withdrawn"] * 4
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            enqueue(conn, alert_id=uuid.uuid4(), step=1, round=0, recipients=[CARER], reason="escalation", at=NOW)


def test_what_is_not_grave_waits_for_what_is_alike(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        build_city(conn)
        waits = {}
        for severity in ("emergency", "urgent", "technical"):
            alert = uuid.UUID(open_alert(conn, "R1", "H1", severity))
            before = conn.execute("SELECT clock_timestamp()").fetchone()
            enqueue(conn, alert_id=alert, step=1, round=0, recipients=[CARER], reason="escalation", at=NOW)
            row = conn.execute("SELECT due_at FROM notification WHERE alert_id = %s", (alert,)).fetchone()
            assert row is not None
            assert before is not None
            waits[severity] = (row[0] - before[0]).total_seconds()
        assert waits["emergency"] < 1 < waits["urgent"] < 10 < waits["technical"]


def test_an_answer_leaves_work_orders_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        build_city(conn)
        alert = uuid.UUID(open_alert(conn, "R1", "H1"))
        for reason in ("escalation", "work_order"):
            enqueue(conn, alert_id=alert, step=1, round=0, recipients=[CARER], reason=reason, at=NOW)  # type: ignore[arg-type]
        cancel(conn, alert, NOW)
        assert states(conn) == ["withdrawn", "waiting"]
        cancel(conn, alert, NOW, reasons=("work_order",))
        assert states(conn) == ["withdrawn", "withdrawn"]


def test_a_link_is_spent_once(database_url: str) -> None:
    keys = links.LinkKeys([hashlib.sha256(b"test").digest()])
    token = keys.sign("ack", "message:1", "staff:S1", NOW + dt.timedelta(minutes=5))
    link = keys.read(token, "ack", NOW)
    with psycopg.connect(database_url) as conn:
        assert links.spent_at(conn, token) is None
        links.spend(conn, token, link, NOW)
        assert links.spent_at(conn, token) == NOW
        with pytest.raises(links.LinkError, match="already"):
            links.spend(conn, token, link, NOW)
