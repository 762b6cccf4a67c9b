"""The writer of alerts: a database that takes nothing at all keeps them waiting, whatever it says."""

import datetime as dt
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import psycopg
import pytest

from alerting.core.finding import Finding
from alerting.service.first_call import FirstCall
from alerting.service.live_district import LiveDistrict
from alerting.service.settings import AlertingSettings
from alerting.service.spool import Spool
from alerting.service.storing.record import Record
from alerting.service.writer import RULE_REFUSED, Writer
from database.clock import DatabaseClock
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
        sos = sos_of(conn)
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


def test_a_refused_alert_is_written_barer_and_does_not_hold_up_the_next(database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, ["gw-1"])
    database = DatabaseSettings(url=database_url)
    district = LiveDistrict(AlertingSettings(data_dir=tmp_path), database)
    first_call = CountingFirstCall(tmp_path / "first-calls.jsonl", None, district.first_step)
    stop = threading.Event()
    stop.set()  # the writer empties the spool all the same
    with psycopg.connect(database_url, autocommit=True) as conn, closing(Spool(tmp_path)) as spool:
        sos = sos_of(conn)
        resident = sos.resident_id
        nobody = msgspec.structs.replace(sos, resident_id=0, onset_us=AT - 1)
        nowhere = msgspec.structs.replace(sos, household_id=0, onset_us=AT - 2)
        odd = msgspec.structs.replace(sos, evidence={"note": "a\0b", "kind": "event"}, onset_us=AT - 3)
        spool.put([Record(finding, AT, AT) for finding in (nobody, nowhere, odd, sos)])
        Writer(database, spool, first_call, lambda _: None).run(stop)
        rows = conn.execute(
            "SELECT h.code, a.resident_id, a.evidence ->> 'kind', next_step_at IS NOT NULL FROM alert a"
            " JOIN household h ON h.id = a.household_id WHERE rule = 'sos' ORDER BY onset"
        ).fetchall()
        assert rows == [
            ("H0001", resident, "bare", True),
            ("PLATFORM", None, "bare", True),
            ("H0001", None, "bare", True),
            ("H0001", resident, None, True),
        ]
        told = conn.execute("SELECT severity, evidence ->> 'kind' FROM alert WHERE rule = %s", (RULE_REFUSED,))
        assert told.fetchall() == [("technical", "refused")]
        assert spool.waiting() == []
    assert first_call.refusals == 0


def test_an_alert_whose_row_somebody_holds_lets_the_others_go_first(database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, ["gw-1"])
    database = DatabaseSettings(url=f"{database_url}?options=-c%20lock_timeout%3D100")
    stop = threading.Event()
    first_call = CountingFirstCall(
        tmp_path / "first-calls.jsonl", None, LiveDistrict(AlertingSettings(data_dir=tmp_path), database).first_step
    )
    with psycopg.connect(database_url) as conn, closing(Spool(tmp_path)) as spool:
        sos = sos_of(conn)
        fall = msgspec.structs.replace(sos, rule="fall", severity="urgent")
        writer = Writer(database, spool, first_call, lambda _: None, retry_s=0.05)
        thread = threading.Thread(target=writer.run, args=(stop,))
        thread.start()
        try:
            spool.put([Record(fall, AT, AT)])
            wait_for(lambda: not spool.waiting(), 20, lambda: "the fall is not written")
            conn.execute("SELECT FROM alert WHERE rule = 'fall' FOR UPDATE")
            graver = msgspec.structs.replace(fall, action="update", severity="emergency")
            cleared = msgspec.structs.replace(fall, action="clear")
            spool.put([Record(finding, AT, AT) for finding in (graver, cleared, sos)])
            rules = "SELECT rule FROM alert ORDER BY rule"
            wait_for(lambda: ("sos",) in conn.execute(rules).fetchall(), 40, lambda: "the SOS waits for the fall")
            assert [record.finding.action for record in spool.waiting()] == ["update", "clear"]
            conn.rollback()
            wait_for(lambda: not spool.waiting(), 20, lambda: "the fall is forgotten")
            history = "SELECT action FROM alert_event WHERE alert_id = (SELECT id FROM alert WHERE rule = 'fall')"
            assert conn.execute(f"{history} ORDER BY id").fetchall() == [("raise",), ("escalate",), ("clear",)]
        finally:
            conn.rollback()
            stop.set()
            thread.join(30)


def sos_of(conn: psycopg.Connection[Any]) -> Finding:
    household, resident = conn.execute("SELECT household_id, id FROM resident").fetchone() or (0, 0)
    return Finding(
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


def test_the_first_call_asks_who_is_on_duty_by_the_databases_clock(database_url: str, tmp_path: Path) -> None:
    """A host two hours ahead would wake those of the next shift."""
    clock = DatabaseClock(lambda: time.time_ns() // 1000 + 7_200_000_000)
    asked: list[dt.datetime] = []

    def first_step(_record: Record, now: dt.datetime) -> NoReturn:
        asked.append(now)
        raise ValueError("nobody")

    stop = threading.Event()
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_homes(database_url, ["gw-1"])
        sos = sos_of(conn)
        clock.look(conn)
        first_call = FirstCall(tmp_path / "first-calls.jsonl", None, first_step, patience_s=0.0, clock=clock)
        thread = threading.Thread(target=first_call.run, args=(stop,))
        thread.start()
        try:
            first_call.raised(Record(sos, AT, AT))
            wait_for(lambda: bool(asked), 20, lambda: "nobody is looked for")
        finally:
            stop.set()
            thread.join(10)
    assert abs(asked[0] - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
