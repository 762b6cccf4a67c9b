"""Each link of the path is cut on a real platform, one at a time: the alert names that link, and no person is called
for what the synthetic residents do."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from care_network.records.synthetic import GATEWAY, SILENT_GATEWAY
from database.rights.grants import OF_CONSOLE
from device_simulators.homes import demo_home
from dispatch.alerts import lookup
from dispatch.desk import statistics
from dispatch.escalation import holes, status
from dispatch.sla import report
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import free_port
from shouwang.path.telling import RULE, subject_of
from shouwang.platform.platform import Platform
from shouwang.verify.lines import Relay
from tests.support.release import before_a_release
from tests.support.services import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900), before_a_release]
LONG_S = 900.0
OFTEN = {"SHOUWANG_PATH_EVERY_S": "2", "SHOUWANG_PATH_PATIENCE_S": "6", "SHOUWANG_PATH_SILENCE_FIRST_S": "0"}
"""Many presses are under way at once, so that the test need not wait for one after the other."""


class CutPlatform(Platform):
    """A platform in which each service has lines of its own to broker and database; ``lines`` by (service, server)."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        super().__init__(folder, free_port())
        self._lines_of = stack
        self.lines: dict[tuple[str, str], Relay] = {}

    def service_database_url(self, service: str) -> str:
        of = "console" if service in OF_CONSOLE else service  # one line for all logins of the console
        port = self._line(of, "database", lambda: self.postgres.port)
        return super().service_database_url(service).replace(f":{self.postgres.port}/", f":{port}/")

    def service_broker(self, identity: str) -> Broker:
        port = self._line(identity.removeprefix("svc-"), "broker", lambda: self.broker.port)
        return msgspec.structs.replace(super().service_broker(identity), port=port)

    def _line(self, service: str, server: str, port: Callable[[], int]) -> int:
        if (service, server) not in self.lines:
            self.lines[service, server] = self._lines_of.enter_context(Relay(port))
        return self.lines[service, server].port


class Table:
    """What the database says of the path, read around all lines."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn

    def told(self) -> set[str]:
        """Subjects of the open alerts about the path."""
        rows = self.conn.execute("SELECT subject FROM alert WHERE rule = %s AND alert_is_open(state)", (RULE,))
        return {subject for (subject,) in rows}

    def proved(self) -> bool:
        """Whether the path was proved in the last seconds, and nothing is broken."""
        row = self.conn.execute(
            "SELECT proved_at > clock_timestamp() - INTERVAL '6 s' AND broken = '{}' FROM path_proof"
        ).fetchone()
        return bool(row and row[0])

    def silence_arrived(self) -> bool:
        """Whether the synthetic gateway that vanished was told of up to the receipt."""
        row = self.conn.execute(
            "SELECT EXISTS (SELECT FROM alert a JOIN notification n ON n.alert_id = a.id JOIN message m"
            " ON m.id = n.message_id WHERE a.rule = 'gateway_silent' AND a.subject = %s AND m.state = 'delivered')",
            (f"gateway:{SILENT_GATEWAY}",),
        ).fetchone()
        return bool(row and row[0])

    def state(self) -> str:
        proofs = self.conn.execute("SELECT proved_at, broken, looked_at FROM path_proof").fetchall()
        return f"{self.told()} {proofs} {self.conn.execute('SELECT clock_timestamp()').fetchone()}"


@contextlib.contextmanager
def cut(platform: CutPlatform, service: str, server: str) -> Iterator[None]:
    line = platform.lines[service, server]
    line.trouble("cut", LONG_S)
    try:
        yield
    finally:
        line.mend()


@contextlib.contextmanager
def receipts_refused(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """The database takes no receipt: the last link of all."""
    conn.execute(
        """
        CREATE FUNCTION refuse_receipt() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no receipt' USING ERRCODE = 'data_exception'; END $$;
        CREATE TRIGGER refuse_receipt BEFORE UPDATE ON message FOR EACH ROW
            WHEN (NEW.state = 'delivered') EXECUTE FUNCTION refuse_receipt()
        """
    )
    try:
        yield
    finally:
        conn.execute("DROP TRIGGER refuse_receipt ON message; DROP FUNCTION refuse_receipt()")


BESIDE = {
    "broker_console": ("console", "broker"),
    "console_database": ("console", "database"),
    "broker_ingest": ("ingest", "broker"),
    "ingest_database": ("ingest", "database"),
}
"""Cuts that do not touch the way of a silence, which takes a minute and a half: they pass the time."""
CUTS = {
    "gateway_broker": (GATEWAY, "broker"),
    "broker_alerting": ("alerting", "broker"),
    "alerting_database": ("alerting", "database"),
    "dispatch": ("dispatch", "database"),
    "notify": ("notify", "database"),
}


# paho leaves a socket to the garbage collector when the line is cut in the middle of its TLS handshake
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_alert_names_the_link_that_is_cut(tmp_path: Path) -> None:
    with contextlib.ExitStack() as lines, contextlib.ExitStack() as stack:  # the lines end last
        platform = stack.enter_context(CutPlatform(tmp_path / "data", lines))
        platform.load_district([demo_home(1)])
        platform.start_services()
        platform.start_path(OFTEN)
        conn = stack.enter_context(psycopg.connect(platform.postgres.url, autocommit=True))
        table = Table(conn)
        wait_for(table.proved, 120, table.state)
        for link, (service, server) in [*BESIDE.items(), *CUTS.items()]:
            if link not in BESIDE:
                wait_for(table.silence_arrived, 200, table.state)
            with cut(platform, service, server):
                wait_for(lambda link=link: table.told() == {subject_of(link)}, 120, table.state)  # type: ignore[misc]
            wait_for(lambda: table.proved() and not table.told(), 120, table.state)
        with receipts_refused(conn):
            wait_for(lambda: table.told() == {subject_of("channel")}, 120, table.state)
        wait_for(lambda: table.proved() and not table.told(), 120, table.state)
        with cut(platform, "path", "database"):  # told by the log and the metrics alone
            log = platform.data / "log" / "path.log"
            wait_for(lambda: "links=['database']" in log.read_text(), 120, table.state)
        wait_for(lambda: table.proved() and not table.told(), 120, table.state)
        assert "a silence has arrived" in (platform.data / "log" / "path.log").read_text()
        nobody_is_called(conn)
        in_no_statistic(conn)


def nobody_is_called(conn: psycopg.Connection[Any]) -> None:
    told = conn.execute(
        "SELECT DISTINCT recipient_kind, recipient_key FROM notification WHERE is_synthetic(alert_id)"
    ).fetchall()
    assert told == [("service", "path")]
    entries = conn.execute(
        "SELECT FROM outbox_entry o JOIN notification n USING (message_id) WHERE is_synthetic(n.alert_id)"
    ).fetchall()
    assert entries == []


def in_no_statistic(conn: psycopg.Connection[Any]) -> None:
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    row = conn.execute("SELECT count(*) FROM alert WHERE is_synthetic(id)").fetchone()
    assert row is not None
    assert row[0] > 20
    assert {case.rule for case in statistics.load_cases(conn, now - day, now + day)} & {"sos", "fall"} == set()
    assert all(line.severity == "technical" for line in report.report(conn, now - day, now + day, now))
    assert report.breaches(conn, now - day) == []
    assert status.open_alerts(conn)["emergency"] == 0
    assert all(alert["area_path"].startswith("yantian") for alert in lookup.list_open(conn))
    assert all("synthetic" not in path for hole in holes.load(conn, now, now + day) for path in hole.areas)
