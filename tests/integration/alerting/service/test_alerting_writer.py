"""The writer of alerts: a database that takes nothing at all keeps them waiting, whatever it says."""

import threading
import uuid
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest

from alerting.core.finding import Finding
from alerting.service.first_call import FirstCall
from alerting.service.live_district import LiveDistrict
from alerting.service.settings import AlertingSettings
from alerting.service.spool import Record, Spool
from alerting.service.writer import Writer
from database.settings import DatabaseSettings
from tests.support.district import add_homes
from tests.support.services import wait_for
from tests.support.troubles import column_away, read_only

pytestmark = pytest.mark.integration
AT = 1_800_000_000_000_000


def migrating(_: str) -> tuple[str, str]:
    return column_away("alert", "reason_zh")


class CountingFirstCall(FirstCall):
    """Counts how often the database refused."""

    refusals = 0

    def failed(self, alert_id: uuid.UUID) -> None:
        self.refusals += 1
        super().failed(alert_id)


@pytest.mark.parametrize("trouble", [read_only, migrating])
def test_an_alert_waits_until_the_database_is_mended(database_url: str, tmp_path: Path, trouble: object) -> None:
    add_homes(database_url, ["gw-1"])
    assert callable(trouble)
    begin, end = trouble(database_url)
    database = DatabaseSettings(url=database_url)
    district = LiveDistrict(AlertingSettings(data_dir=tmp_path), database)
    first_call = CountingFirstCall(tmp_path / "first-calls.jsonl", None, district.first_step)
    notices: list[Record] = []
    stop = threading.Event()
    with psycopg.connect(database_url, autocommit=True) as conn, closing(Spool(tmp_path)) as spool:
        household, resident = conn.execute("SELECT household_id, id FROM resident").fetchone() or (0, 0)
        sos = Finding(
            action="open",
            rule="sos",
            rule_version=1,
            severity="emergency",
            subject="resident:R0001",
            household_id=household,
            resident_id=resident,
            onset_us=AT,
            sensed_us=AT,
            reason_zh="求助",
            reason_en="SOS",
        )
        conn.execute(begin.encode())
        writer = Writer(database, spool, first_call, notices.append, retry_s=0.05)
        thread = threading.Thread(target=writer.run, args=(stop,))
        thread.start()
        try:
            spool.put([Record(sos, AT, AT)])
            wait_for(lambda: first_call.refusals > 2, 20, lambda: f"tried {first_call.refusals} times")
            assert [record.finding for record in spool.waiting()] == [sos]
            conn.execute(end.encode())
            told = "SELECT rule, severity FROM alert"
            wait_for(lambda: conn.execute(told).fetchall() == [("sos", "emergency")], 20, lambda: "it is lost")
        finally:
            stop.set()
            thread.join(10)
        assert spool.waiting() == []
    assert notices == []  # published by the engine's thread already


def test_a_refused_alert_does_not_hold_up_the_next(database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, ["gw-1"])
    database = DatabaseSettings(url=database_url)
    district = LiveDistrict(AlertingSettings(data_dir=tmp_path), database)
    first_call = CountingFirstCall(tmp_path / "first-calls.jsonl", None, district.first_step)
    stop = threading.Event()
    stop.set()  # the writer empties the spool all the same
    with psycopg.connect(database_url, autocommit=True) as conn, closing(Spool(tmp_path)) as spool:
        household, resident = conn.execute("SELECT household_id, id FROM resident").fetchone() or (0, 0)
        sos = Finding(
            action="open",
            rule="sos",
            rule_version=1,
            severity="emergency",
            subject="resident:R0001",
            household_id=household,
            resident_id=resident,
            onset_us=AT,
            sensed_us=AT,
            reason_zh="求助",
            reason_en="SOS",
        )
        nowhere = msgspec.structs.replace(sos, household_id=0, onset_us=AT - 1)
        spool.put([Record(nowhere, AT, AT), Record(sos, AT, AT)])
        Writer(database, spool, first_call, lambda _: None).run(stop)
        assert conn.execute("SELECT household_id FROM alert").fetchall() == [(household,)]
        assert spool.waiting() == []
    assert first_call.refusals == 1


def test_a_part_of_an_alert_that_is_closed_becomes_an_alert_and_is_published(database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, ["gw-1"])
    database = DatabaseSettings(url=database_url)
    district = LiveDistrict(AlertingSettings(data_dir=tmp_path), database)
    first_call = FirstCall(tmp_path / "first-calls.jsonl", None, district.first_step)
    notices: list[Record] = []
    stop = threading.Event()
    stop.set()
    with psycopg.connect(database_url, autocommit=True) as conn, closing(Spool(tmp_path)) as spool:
        household, resident = conn.execute("SELECT household_id, id FROM resident").fetchone() or (0, 0)
        own = {"rule": "heat", "onset_us": AT, "severity": "urgent", "action": "open"}
        part = Finding(
            action="note",
            rule="cold",
            rule_version=1,
            severity="urgent",
            subject="resident:R0001",
            household_id=household,
            resident_id=resident,
            onset_us=AT - 1,
            sensed_us=AT,
            reason_zh="高温",
            reason_en="Hot",
            evidence={"part": own},
        )
        spool.put([Record(part, AT, AT)])
        Writer(database, spool, first_call, notices.append).run(stop)
        assert conn.execute("SELECT rule, severity FROM alert").fetchall() == [("heat", "urgent")]
    assert [record.finding.rule for record in notices] == ["heat"]
