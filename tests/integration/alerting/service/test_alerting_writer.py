"""The writer of alerts: a database that takes nothing at all keeps them waiting, whatever it says."""

import threading
from pathlib import Path

import psycopg
import pytest

from alerting.core.finding import Finding
from alerting.service import service
from alerting.service.settings import AlertingSettings
from alerting.service.spool import Record
from database.settings import DatabaseSettings
from firmware_profiles.mqtt import Broker
from tests.support.district import add_homes
from tests.support.services import wait_for
from tests.support.troubles import column_away, read_only

pytestmark = pytest.mark.integration
AT = 1_800_000_000_000_000


def migrating(_: str) -> tuple[str, str]:
    return column_away("alert", "reason_zh")


@pytest.mark.parametrize("trouble", [read_only, migrating])
def test_an_alert_waits_until_the_database_is_mended(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: object
) -> None:
    add_homes(database_url, ["gw-1"])
    monkeypatch.setattr(service, "RETRY_S", 0.05)
    assert callable(trouble)
    begin, end = trouble(database_url)
    alerting = service.Alerting(AlertingSettings(data_dir=tmp_path), DatabaseSettings(url=database_url), Broker(port=1))
    store, refused = alerting._store, []

    def counting(conn: psycopg.Connection, record: Record) -> None:
        try:
            store(conn, record)
        except psycopg.Error as error:
            refused.append(error)
            raise

    monkeypatch.setattr(alerting, "_store", counting)
    with psycopg.connect(database_url, autocommit=True) as conn:
        household, resident = conn.execute("SELECT household_id, id FROM resident").fetchone() or (0, 0)
        sos = Finding("open", "sos", 1, "emergency", "resident:R0001", household, resident, AT, AT, "求助", "SOS")
        conn.execute(begin.encode())
        writer = threading.Thread(target=alerting._write)
        writer.start()
        try:
            alerting._spool.put([Record(sos, AT, AT)])
            wait_for(lambda: len(refused) > 2, 20, lambda: f"tried {len(refused)} times")
            assert [record.finding for record in alerting._spool.waiting()] == [sos]
            conn.execute(end.encode())
            told = "SELECT rule, severity FROM alert"
            wait_for(lambda: conn.execute(told).fetchall() == [("sos", "emergency")], 20, lambda: "it is lost")
        finally:
            alerting._stop.set()
            writer.join(10)
            alerting._journal.close()
            alerting._spool.close()
    assert alerting._spool.waiting() == []
