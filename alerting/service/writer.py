"""Empties the spool into the database. While the database is away, alerts wait on disk.

The records that it has taken are remembered (:mod:`alerting.service.storing.written`) and compared with it at each new
connection and every minute: an alert whose row was lost with the database is written again.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from alerting.core.finding import Finding
from alerting.detection.engine.ledger import on_its_own
from alerting.service.first_call import FirstCall
from alerting.service.spool import Spool
from alerting.service.storing.comparing import compare, time_of
from alerting.service.storing.forms import barer
from alerting.service.storing.record import Record, dated_by_database
from alerting.service.storing.written import Written, WrittenRecord
from database.clock import DatabaseClock, boot_id, steady_us
from database.faults import BUSY, is_unavailable
from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.alerts import lifecycle, lookup, platform
from dispatch.core.faults import server_message, traceback_summary
from dispatch.ladders import ladder
from observability import metrics
from observability.liveness import Part, unwatched
from vocabulary.severity import GRAVE

log = structlog.get_logger(__name__)

RETRY_S = 1.0
WAIT_S = 0.5
"""So often a writer without work looks whether it shall stop."""
LOOK_S = 5.0
"""So often an idle connection is looked at: a server that was replaced has to be noticed."""
COMPARE_S = 60.0
"""So often what was written is compared with what the database has."""
RULE_REFUSED, RULE_RESTORED, SUBJECT = "alert_refused", "alerts_restored", "platform:database"
RESTORED = (
    "数据库丢失了这条预警，已重新写入；此前的处置记录可能不全，请重新确认",
    "The database had lost this alert, and it was written again: what people did before may be missing, look again",
)


class Writer:
    """Writes the spool's records in their order; :meth:`run` in a thread of its own.

    Reports each result to ``first_call``; ``notify`` publishes a finding that turns out to be an alert of its own, and
    an alert that was lost. ``clock`` learns the database's time.
    """

    def __init__(
        self,
        database: DatabaseSettings,
        spool: Spool,
        first_call: FirstCall,
        notify: Callable[[Record], None],
        retry_s: float = RETRY_S,
        clock: DatabaseClock | None = None,
    ) -> None:
        self._database, self._spool, self._first_call = database, spool, first_call
        self._notify, self._retry_s = notify, retry_s
        self._clock = clock or DatabaseClock()
        self._written: Written  # opened by run()
        self._boot = boot_id()
        self._conn: psycopg.Connection[Any] | None = None
        self._look_at = self._compare_at = 0.0

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        """Write until ``stop`` is set and the spool is empty or the database away."""
        with contextlib.closing(Written(self._spool.folder)) as self._written:
            self._run(stop, part or unwatched())

    def _run(self, stop: threading.Event, part: Part) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connected()  # the first alert need not wait for it
        while True:
            record = self._spool.wait(WAIT_S)
            if record is None and stop.is_set():
                break
            try:
                conn = self._connected()
                if record is None:
                    part.turned()
                else:
                    self._write(conn, record)
                    part.done()
            except BUSY as error:
                part.turned()
                if record is not None:
                    self._first_call.failed(record.finding.alert_id)
                    self._spool.postpone()
                log.warning("somebody holds the rows of an alert; the others go first", error=server_message(error))
                if len(self._spool) < 2 and stop.wait(self._retry_s):
                    break
            except psycopg.Error as error:
                part.held_up(f"the database takes nothing: {error}")
                if record is not None:
                    self._first_call.failed(record.finding.alert_id)
                log.warning(
                    "the database takes nothing; alerts wait on disk",
                    waiting=len(self._spool),
                    error=str(error).strip(),
                )
                self._disconnect()
                if stop.wait(self._retry_s):
                    break  # the record stays on disk
        self._disconnect()

    def _connected(self) -> psycopg.Connection[Any]:
        """The connection, looked at now and then; what was lost is written again before anything else."""
        now = time.monotonic()
        if self._conn is None or self._conn.closed:
            options = connect_options(self._database, "alerting-writer")
            self._conn = psycopg.connect(self._database.url, autocommit=True, **options)
            self._look_at = self._compare_at = now
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._clock.look(self._conn)
        if now >= self._compare_at:
            self._compare_at = now + COMPARE_S
            try:
                self._compare(self._conn)
            except Exception as error:
                if isinstance(error, BUSY) or not is_unavailable(error):  # new alerts must not wait for old ones
                    log.error("what was written cannot be compared; later", trace=traceback_summary(error))
                else:
                    raise
        return self._conn

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _write(self, conn: psycopg.Connection[Any], record: Record) -> None:
        """Write the oldest record of the spool, in a barer form where the database refuses it; then it is settled.

        Raises psycopg.Error where the database can store nothing now.
        """
        alert_id = record.finding.alert_id
        record = dated_by_database(record, self._clock.look(conn), steady_us(), self._boot)
        done: tuple[Record, bool] | None
        try:
            done = self._store(conn, record)
        except Exception as error:
            if is_unavailable(error):
                raise
            done = self._store_barer(conn, record, error)
        if done is None:
            self._first_call.failed(alert_id)  # nobody else will call anybody about it
            self._written.add(record, applied=True)  # and the next comparison tries again
        else:
            self._first_call.stored(alert_id)
            self._written.add(done[0], applied=done[1])
            if record.finding.action == "open":
                metrics.alert_write_seconds.observe(max(0, self._clock.now_us() - record.raised_us) / 1e6)
        self._spool.settle()

    def _store(self, conn: psycopg.Connection[Any], record: Record) -> tuple[Record, bool]:
        """(the record as it was written, whether it changed anything)."""
        alone = on_its_own(record.finding)
        if alone is not None and not lookup.is_open(conn, record.finding.alert_id):
            # somebody has closed the alert that the finding was part of: it becomes an alert of its own
            record = Record(alone, record.received_us, record.raised_us)
            self._notify(record)
        with conn.transaction():
            applied = _apply(conn, record)
            if record.finding.action in ("open", "update"):
                called = self._first_call.settle(record.finding.alert_id)
                if called is not None:
                    ladder.record_direct_calls(conn, record.finding.alert_id, called)
        return record, applied

    def _store_barer(
        self, conn: psycopg.Connection[Any], record: Record, refusal: Exception
    ) -> tuple[Record, bool] | None:
        """Write a refused record in the fullest form that the database takes; None where it takes none."""
        why = server_message(refusal) if isinstance(refusal, psycopg.Error) else type(refusal).__name__
        log.error("the database refuses an alert", error=why, alert_id=str(record.finding.alert_id))
        for difference, form in barer(record, why, platform.platform_household(conn)):
            try:
                done = self._store(conn, form)
            except Exception as error:
                if is_unavailable(error):
                    raise
                log.error("the database refuses an alert", form=difference, error=type(error).__name__)
                continue
            log.error("an alert was written in a barer form", form=difference, alert_id=str(form.finding.alert_id))
            self._tell(
                conn,
                RULE_REFUSED,
                f"数据库拒绝了一条预警（{record.finding.rule}），已去掉判断依据后写入，请检查数据来源",
                f"The database refused an alert ({record.finding.rule}); it was written in a barer form ({difference})."
                " Look where its data come from",
                {"kind": "refused", "times": 1, "left_out": why},
            )
            return done
        log.error("no form of an alert is taken; it is tried again", alert_id=str(record.finding.alert_id))
        return None

    def _compare(self, conn: psycopg.Connection[Any]) -> None:
        losses = compare(conn, self._written)
        restored = sum(self._restore(conn, records) for records in losses.alerts)
        for known in losses.follow_ups:
            with contextlib.suppress(ValueError, OSError), conn.transaction():
                _apply(conn, self._written.load(known))
        self._written.forget(losses.closed, self._clock.now_us())
        if restored or losses.follow_ups:
            log.error(
                "the database had lost alerts; they are written again",
                alerts=restored,
                changes=len(losses.follow_ups),
            )
            self._tell(
                conn,
                RULE_RESTORED,
                f"数据库曾丢失 {restored} 条预警和 {len(losses.follow_ups)} 条变更（恢复备份或主备切换），已重新写入；"
                "请核对这段时间的处置记录",
                f"The database had lost {restored} alerts and {len(losses.follow_ups)} changes (a restore or a"
                " fail-over); they were written again. Look through what people did in that time",
                {"kind": "restored", "times": restored + len(losses.follow_ups)},
            )

    def _restore(self, conn: psycopg.Connection[Any], known: list[WrittenRecord]) -> bool:
        """Write a lost alert again with all that followed, in one transaction; whether this process did it."""
        try:
            records = [self._written.load(one) for one in known]
        except (ValueError, OSError) as error:
            log.error("a lost alert cannot be read back", error=str(error))
            return False
        while records and records[0].finding.action != "open":
            del records[0]
        opening = records[0]
        forms = [("as it was", opening), *barer(opening, "", platform.platform_household(conn))]
        for _, form in forms:
            try:
                with conn.transaction():
                    if not _apply(conn, form):
                        return False  # another process was quicker
                    for later in records[1:]:
                        _apply(conn, later)
                    lifecycle.follow_up(conn, form.finding.alert_id, "note", time_of(self._clock.now_us()), *RESTORED)
            except Exception as error:
                if is_unavailable(error):
                    raise
                log.error("a lost alert is refused", error=type(error).__name__)
                continue
            if lookup.is_open(conn, form.finding.alert_id):
                self._notify(form)
            return True
        return False

    @staticmethod
    def _tell(conn: psycopg.Connection[Any], rule: str, zh: str, en: str, evidence: dict[str, Any]) -> None:
        """Raise a technical alert; that it cannot be raised stops nothing."""
        try:
            platform.raise_once(conn, rule, SUBJECT, (zh, en), evidence)
        except psycopg.Error as error:
            log.error("a technical alert cannot be raised", rule=rule, error=server_message(error))


def _apply(conn: psycopg.Connection[Any], record: Record) -> bool:
    """Write a record in the caller's transaction; whether it changed anything."""
    finding = record.finding
    if finding.action == "open":
        return lifecycle.raise_alert(conn, _new_alert(record))
    if finding.action == "update":
        return lifecycle.update_alert(conn, _new_alert(record))
    action = "again" if _is_further_alarm(finding) else finding.action
    return lifecycle.follow_up(
        conn, finding.alert_id, action, time_of(record.raised_us), finding.reason_zh, finding.reason_en
    )


def _is_further_alarm(finding: Finding) -> bool:
    """Whether the desk has to notice it: the same once more, as of a button pressed again, or another emergency."""
    alone = on_its_own(finding) if finding.action == "note" else None
    if alone is None or alone.severity not in GRAVE:
        return False
    return alone.severity == "emergency" or alone.rule == finding.rule


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
        onset=time_of(finding.since_us),
        sensed_at=time_of(finding.sensed_us),
        received_at=time_of(record.received_us),
        raised_at=time_of(record.raised_us),
        reason_zh=finding.reason_zh,
        reason_en=finding.reason_en,
        evidence=finding.evidence,
    )
