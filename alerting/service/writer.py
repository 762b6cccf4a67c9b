"""Empties the spool into the database. While the database is away, alerts wait on disk."""

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from alerting.detection.engine.ledger import on_its_own
from alerting.service.first_call import FirstCall
from alerting.service.spool import Record, Spool
from database.faults import UNAVAILABLE
from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.alerts import lifecycle
from dispatch.ladders import ladder
from observability import metrics
from observability.liveness import Part, unwatched

log = structlog.get_logger(__name__)

RETRY_S = 1.0
WAIT_S = 0.5
"""So often a writer without work looks whether it shall stop."""


class Writer:
    """Writes the spool's records in their order; :meth:`run` in a thread of its own.

    Reports each result to ``first_call``; ``notify`` publishes a finding that turns out to be an alert of its own.
    """

    def __init__(
        self,
        database: DatabaseSettings,
        spool: Spool,
        first_call: FirstCall,
        notify: Callable[[Record], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._database, self._spool, self._first_call = database, spool, first_call
        self._notify, self._retry_s = notify, retry_s

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        """Write until ``stop`` is set and the spool is empty or the database away."""
        part = part or unwatched()
        conn: psycopg.Connection[Any] | None = None
        with contextlib.suppress(psycopg.OperationalError):
            conn = self._connect()  # the first alert need not wait for it
        while True:
            record = self._spool.wait(WAIT_S)
            if record is None:
                if stop.is_set():
                    break
                part.turned()
                continue
            alert_id = record.finding.alert_id
            try:
                if conn is None or conn.closed:
                    conn = self._connect()
                self._store(conn, record)
            except UNAVAILABLE as error:
                part.held_up(f"the database takes nothing: {error}")
                self._first_call.failed(alert_id)
                log.warning(
                    "the database takes nothing; alerts wait on disk",
                    waiting=len(self._spool),
                    error=str(error).strip(),
                )
                if conn is not None:
                    conn.close()
                if stop.wait(self._retry_s):
                    break  # the record stays on disk
                continue
            except Exception as error:
                # published already; the log has the whole record, and the next one must not wait behind it
                log.exception("the database refuses an alert", error=str(error), record=str(record.finding))
                self._first_call.failed(alert_id)  # nobody else will call anybody about it
            else:
                self._first_call.stored(alert_id)
                if record.finding.action == "open":
                    metrics.alert_write_seconds.observe(time.time() - record.raised_us / 1e6)
            self._spool.settle()
            part.done()
        if conn is not None:
            conn.close()

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._database.url, autocommit=True, **connect_options(self._database, "alerting-writer")
        )

    def _store(self, conn: psycopg.Connection[Any], record: Record) -> None:
        alone = on_its_own(record.finding)
        if alone is not None and not lifecycle.is_open(conn, record.finding.alert_id):
            # somebody has closed the alert that the finding was part of: it becomes an alert of its own
            record = Record(alone, record.received_us, record.raised_us)
            self._notify(record)
        finding = record.finding
        if finding.action in ("clear", "cancel", "end", "note"):
            lifecycle.follow_up(
                conn, finding.alert_id, finding.action, _time(record.raised_us), finding.reason_zh, finding.reason_en
            )
            return
        with conn.transaction():
            if finding.action == "open":
                lifecycle.raise_alert(conn, _new_alert(record))
            else:
                lifecycle.update_alert(conn, _new_alert(record))
            called = self._first_call.settle(finding.alert_id)
            if called is not None:
                ladder.record_direct_calls(conn, finding.alert_id, called)


def _new_alert(record: Record) -> lifecycle.NewAlert:
    finding = record.finding
    return lifecycle.NewAlert(
        id=finding.alert_id,
        rule=finding.rule,
        rule_version=finding.rule_version,
        severity=finding.severity,
        subject=finding.subject,
        household_id=finding.household_id,
        resident_id=finding.resident_id,
        onset=_time(finding.since_us),
        sensed_at=_time(finding.sensed_us),
        received_at=_time(record.received_us),
        raised_at=_time(record.raised_us),
        reason_zh=finding.reason_zh,
        reason_en=finding.reason_en,
        evidence=finding.evidence,
    )


def _time(us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(us / 1e6, dt.UTC)
