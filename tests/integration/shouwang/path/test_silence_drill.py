"""A synthetic gateway vanishes: its silence has to be at the receipt, and one that is not becomes a broken link."""

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from care_network.records.synthetic import SILENT_GATEWAY, add_synthetic
from dispatch.alerts import lifecycle
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.path.gateway import SilentGateway
from shouwang.path.silence import SilenceDrill
from shouwang.path.stamps import SAID_AGAIN_S, silence_rests_s
from tests.support.rules import about
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_synthetic(conn, dt.datetime.now(dt.UTC).date())
        yield conn


@pytest.fixture
def gateway(tmp_path: Path, pki: Pki) -> Iterator[SilentGateway]:
    with EmbeddedBroker(tmp_path / "broker", pki) as broker:
        broker.allow_gateways([SILENT_GATEWAY])
        yield SilentGateway(broker.settings(SILENT_GATEWAY), SILENT_GATEWAY)


def raise_silence(conn: psycopg.Connection) -> None:
    row = conn.execute(
        "SELECT h.id, clock_timestamp() FROM household h JOIN gateway g ON g.household_id = h.id WHERE g.name = %s",
        (SILENT_GATEWAY,),
    ).fetchone()
    assert row is not None
    alert = lifecycle.NewAlert(
        id=uuid.uuid4(), rule="gateway_silent", rule_version=1, severity="technical",
        subject=f"gateway:{SILENT_GATEWAY}", household_id=row[0], resident_id=None, onset=row[1],
        sensed_at=row[1], received_at=row[1], raised_at=row[1],
        reason_zh="失联", reason_en="silent", evidence=about("gateway_silent"),
    )  # fmt: skip
    lifecycle.raise_alert(conn, alert)


def arrive(conn: psycopg.Connection) -> None:
    """The receipt of the newest silence comes."""
    conn.execute(
        """
        WITH sent AS (
            INSERT INTO message (key, recipient_kind, recipient_key, severity, reason, name_zh, name_en, language,
                                 route, addresses, channel, content, created_at, due_at, state)
            VALUES (gen_random_uuid(), 'service', 'path', 'technical', 'escalation', '', '', 'en', '{loopback}', '{}',
                    'loopback', '{}', now(), now(), 'delivered') RETURNING id
        )
        INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, at, due_at, message_id)
        SELECT (SELECT id FROM alert ORDER BY raised_at DESC LIMIT 1), 'escalation', 1, 0, 'service', 'path', now(),
               now(), id FROM sent
        """
    )


def test_only_the_receipt_proves_it_and_two_that_are_lost_are_a_broken_link(
    conn: psycopg.Connection, gateway: SilentGateway
) -> None:
    drill = SilenceDrill(gateway, first_s=0.0, every_s=0.0, limit_s=0.3)
    drill.begin()
    try:
        lost = []

        def look() -> bool:
            drill.look(conn)
            lost.append((drill._lost, drill.broken))
            return bool(drill.broken)

        wait_for(look, 30, lambda: str(lost[-1:]))
        assert (1, frozenset()) in lost, "one alone may fall into a restart"
        assert lost[-1] == (2, frozenset({"silence"}))
    finally:
        drill.end()

    patient = SilenceDrill(gateway, first_s=0.0, every_s=3600.0, limit_s=3600.0)
    patient.begin()
    try:

        def vanished() -> bool:
            patient.look(conn)
            return patient._since is not None

        wait_for(vanished, 20, lambda: "it is still there")
        raise_silence(conn)
        patient.look(conn)
        assert patient._since is not None, "an alert that nobody got proves nothing"
        arrive(conn)
        patient.look(conn)
        assert patient._since is None
        assert patient.broken == frozenset()
    finally:
        patient.end()


def test_after_a_restart_it_waits_until_alerting_would_say_it_again(
    conn: psycopg.Connection, gateway: SilentGateway
) -> None:
    assert silence_rests_s(conn, SILENT_GATEWAY) == 0
    raise_silence(conn)
    assert SAID_AGAIN_S - 60 < silence_rests_s(conn, SILENT_GATEWAY) <= SAID_AGAIN_S
    drill = SilenceDrill(gateway, first_s=0.0, every_s=0.0)
    drill.begin()
    try:
        wait_for(lambda: gateway.online, 20, lambda: "no connection")
        for _ in range(3):
            drill.look(conn)
        assert drill._since is None
    finally:
        drill.end()
    conn.execute("UPDATE alert SET raised_at = raised_at - INTERVAL '3 hours'")
    assert silence_rests_s(conn, SILENT_GATEWAY) > 0, "it came back a moment ago"


def test_silences_are_rare_enough_to_be_said(conn: psycopg.Connection) -> None:
    for _ in range(5):
        raise_silence(conn)
    assert silence_rests_s(conn, SILENT_GATEWAY) > SAID_AGAIN_S
