"""The alerting service: MQTT in, notices out at once, the database afterwards.

The mailbox hands messages over, events before frames; the engine's thread decides, publishes the notice and puts the
finding into the spool on disk; the writer's empties the spool into the database. A message is acknowledged when its
findings are published and on disk, so a crash repeats it, and the ids make the repetition harmless.
"""

import contextlib
import datetime as dt
import gc
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import structlog

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.ledger import on_its_own
from alerting.detection.kit.columns import VitalColumns
from alerting.detection.kit.context import District, Happened, Source
from alerting.detection.kit.intake import FUTURE_US, concerns, dated, place_of
from alerting.detection.kit.switches import SWITCHES
from alerting.service import downlink
from alerting.service.broker_watch import LinkWatch
from alerting.service.direct import Door
from alerting.service.district import build_notice
from alerting.service.first_call import FirstCall
from alerting.service.journal import Journal
from alerting.service.mailbox import Mailbox, Message
from alerting.service.settings import AlertingSettings
from alerting.service.spool import Record, Spool
from alerting.service.surroundings import Surroundings
from database.faults import UNAVAILABLE
from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.alerts import lifecycle
from dispatch.core import notice
from dispatch.ladders import ladder
from firmware_profiles import mqtt, wire
from firmware_profiles.errors import DecodeError

log = structlog.get_logger(__name__)

RETRY_S = 1.0
IDLE_S = 0.2
SWITCH_S = 0.001
STRANGER_S = 2.0
KNOWN_MOST = 50_000


class Alerting:
    """One alerting process; two side by side give each alert once, because ids and writes are the same."""

    def __init__(
        self, settings: AlertingSettings, database: DatabaseSettings, broker: mqtt.Broker, door: Door | None = None
    ) -> None:
        self._settings, self._database = settings, database
        self._around = Surroundings(settings, database)
        self._spool = Spool(settings.data_dir)
        self._journal = Journal(settings.data_dir)
        self._engine: Engine
        self._snapshot_at = 0.0
        self._first_call = FirstCall(settings.data_dir / "first-calls.jsonl", door, self._around.whom)
        for record in self._spool.waiting():
            self._first_call.raised(record)
        self._stop = threading.Event()
        self._look_again_at = 0.0
        self._known: dict[uuid.UUID, tuple[str, int]] = {}  # open alerts of this process: severity, version
        self._downlink = downlink.Downlink(database, lambda: self._around.registry, self._send)
        self._link: LinkWatch
        self._mailbox = Mailbox(broker, settings.worker, lambda: self._link.up(), lambda: self._link.down())

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; what was decided is on disk or in the database then."""
        self._around.wait_until_known(stop)  # before the first message
        if stop.is_set():
            self._journal.close()
            self._spool.close()
            return
        self._wake()
        parts: dict[str, Callable[[], None]] = {
            "engine": self._decide,
            "writer": self._write,
            "first call": lambda: self._first_call.run(self._stop),
            "registry": lambda: self._around.keep_fresh(self._stop),
            "link": lambda: self._link.run(self._stop),
            "downlink": lambda: self._downlink.run(self._stop),
        }
        died: list[str] = []

        def live(name: str) -> None:
            """What has died must not stay unseen: the process ends, is started again and goes on from its disk."""
            try:
                parts[name]()
            except Exception:
                log.exception("a part of alerting has died; alerting ends, to be started again", part=name)
                died.append(name)
                stop.set()

        threads = [threading.Thread(target=live, args=(name,), name=name) for name in parts]
        for thread in threads:
            thread.start()
        # a pause of the collector, or of a thread that computes for 5 ms before another's turn, is an alert's delay
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_S)
        self._mailbox.start()
        try:
            stop.wait()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(10)
            self._mailbox.close()
            if threads[0].is_alive() or "engine" in died:  # amid a step; the journal has what came since the last one
                log.warning("no snapshot at the end")
            else:
                self._journal.snapshot(self._engine.memory())
            self._journal.close()
            self._spool.close()
        if died:
            raise RuntimeError(f"died: {', '.join(died)}; see the log")

    def _wake(self) -> None:
        """The engine as it was when this program last ran: its memory, and the messages since."""
        memory = self._journal.remembered()
        before = None if memory is None else District(memory.people, {}, {})
        self._engine = Engine(self._around.first_district(before), _now_us())
        self._engine.failed = lambda name, error: log.error(
            "a detector failed; the others go on", detector=name, exc_info=error
        )
        if memory is not None:
            anew = self._engine.recall(memory)
            log.info("memory restored", people=len(memory.people), begin_anew=anew)
        heard_us = None if memory is None else memory.done_us
        self._link = LinkWatch(self._database, self._settings.worker, self._settings.broker_away_s, heard_us)
        repeated = 0
        for received_us, topic, payload in self._journal.repeated():
            self._take(topic, payload, received_us)
            self._advance(received_us)
            repeated += 1
        self._settle()
        self._engine.between = self._events_first
        log.info("messages repeated since the snapshot", messages=repeated)

    # the engine's thread

    def _decide(self) -> None:
        looked_us = _now_us()
        while not self._stop.is_set():
            message = self._mailbox.take(IDLE_S)
            since_us, looked_us = looked_us, _now_us()
            if self._link.stood_still(since_us, looked_us):
                log.warning(
                    "the clock has jumped, or this program stood still", seconds=(looked_us - since_us) // 10**6
                )
                self._engine.deaf()
                self._settle()
            if message is not None:
                self._hear(message)
            self._advance(_now_us())
            self._settle()
            if message is not None and time.monotonic() >= self._snapshot_at:
                self._journal.snapshot(self._engine.memory())
                self._snapshot_at = time.monotonic() + self._settings.snapshot_s

    def _hear(self, message: Message) -> None:
        received_us = _now_us()
        self._journal.append(received_us, message.topic, message.payload)  # first: what was told must be remembered
        self._take(message.topic, message.payload, received_us, answer=True)
        self._mailbox.settle(message)

    def _events_first(self) -> None:
        """The engine has a long step before it, and lets us in between: an event must not wait for its end."""
        while (message := self._mailbox.event(self._is_known)) is not None:
            self._hear(message)

    def _is_known(self, message: Message) -> bool:
        """Whether the event is of a device of the district; a stranger would change the district amid a step."""
        try:
            gateway, _ = wire.parse_topic(message.topic)
            device = wire.decode(wire.Event, message.payload).device
        except DecodeError:
            return True  # it is refused without any look at the district
        return (gateway, device) in self._engine.district.sources

    def _take(self, topic: str, payload: bytes, received_us: int, *, answer: bool = False) -> None:
        try:
            self._tell(self._look(topic, payload, received_us), received_us)
            if answer:
                self._answer(topic, payload)
        except DecodeError as error:
            log.warning("message refused (ingest keeps its bytes)", topic=topic, reason=str(error))
        except Exception:  # a fault of ours must not silence the other homes; ingest keeps the bytes
            log.exception("the engine failed on a message", topic=topic)

    def _advance(self, now_us: int) -> None:
        try:
            self._tell(self._engine.advance(now_us), now_us)
        except Exception:  # the engine's thread must live
            log.exception("a detector failed on a step")

    def _settle(self) -> None:
        """What has changed around the engine."""
        if self._link.is_down:
            self._engine.deaf()
        try:
            self._around.settle(self._engine, self._link.deafness)
        except Exception:  # the homes as they were are better watched than not at all
            log.exception("the changed registry can not be used")

    def _answer(self, topic: str, payload: bytes) -> None:
        """Tell the home that its emergency is known here; it would call for help by itself otherwise."""
        _, leaf = wire.parse_topic(topic)
        if leaf == "events":
            event = wire.decode(wire.Event, payload)
            if event.kind in downlink.ANSWERED:
                self._send(*downlink.received(event, _now_us()))

    def _send(self, topic: str, payload: bytes) -> None:
        self._mailbox.publish(topic, payload)

    def _look(self, topic: str, payload: bytes, now_us: int) -> list[Finding]:
        gateway, leaf = wire.parse_topic(topic)
        district = self._engine.district
        if leaf == "events":
            event = wire.decode(wire.Event, payload)
            source = district.sources.get((gateway, event.device)) or self._newly_paired(gateway, event.device)
            if event.gateway != gateway or source is None:
                raise DecodeError(f"event of an unknown device {event.gateway}/{event.device}")
            happened = Happened(source, event.kind, event.time_us, dict(event.values), event.evidence)
            # the event first: its alert must not wait for anything
            return [*self._engine.event(dated(happened, now_us)), *self._engine.heard(gateway, event.device, now_us)]
        if leaf == "status":
            status = wire.decode(wire.Status, payload)
            if status.state == "offline":
                self._engine.offline(gateway, now_us)
                return []
            self._downlink.online(gateway)
            return self._engine.heard(gateway, None, now_us) if gateway in district.gateways else []
        return self._look_at_frame(gateway, wire.decode(wire.Frame, payload), now_us)

    def _newly_paired(self, gateway: str, device: str) -> Source | None:
        """A device that is not known may have been paired a moment ago; strangers may cost a look every few seconds."""
        now = time.monotonic()
        if now < self._look_again_at:
            return None
        self._look_again_at = now + STRANGER_S
        self._around.refresh()
        self._settle()
        return self._engine.district.sources.get((gateway, device))

    def _look_at_frame(self, gateway: str, frame: wire.Frame, now_us: int) -> list[Finding]:
        district = self._engine.district
        if frame.gateway != gateway or gateway not in district.gateways:
            raise DecodeError(f"frame of an unknown gateway {frame.gateway}")
        findings: list[Finding] = []
        parts = []
        for device in {series.device for series in frame.series}:
            findings += self._engine.heard(gateway, device, now_us)
        newest_us = frame.base_us + max(int(series.offsets_ms().max(initial=0)) for series in frame.series) * 1000
        if frame.stream == "live":
            findings += self._engine.clock(gateway, newest_us, now_us)
        # a home whose clock is ahead must not go unwatched: its newest reading is of now
        base_us = frame.base_us - (newest_us - now_us if newest_us > now_us + FUTURE_US else 0)
        for series in frame.series:
            source = district.sources.get((gateway, series.device))
            if source is None or not concerns(source, series.channel):
                continue
            values = series.floats()
            good = np.isfinite(values)
            times = base_us + series.offsets_ms().astype(np.int64) * 1000
            values, times, n = values[good], times[good], int(good.sum())
            if n and series.channel in SWITCHES:
                self._engine.switched(source, series.channel, times, values)
            place = place_of(source, series.channel)
            if n and place is not None:
                rows, columns = np.full(n, place[0], np.int32), np.full(n, place[1], np.int16)
                parts.append(VitalColumns(rows, columns, times, values))
        if parts:
            self._engine.readings(VitalColumns.join(parts))
        return findings

    def _tell(self, findings: list[Finding], received_us: int) -> None:
        """Publish each finding, then put it on disk for the writer."""
        records = []
        for finding in findings:
            told = self._known.get(finding.alert_id)
            if finding.action == "open" and told is not None:
                continue
            raised_us = _now_us()
            if finding.action in ("clear", "cancel"):
                self._known.pop(finding.alert_id, None)
            elif finding.action != "note":
                self._known[finding.alert_id] = (finding.severity, 1)
                if len(self._known) > KNOWN_MOST:  # the oldest; the database knows its alerts by their ids
                    del self._known[next(iter(self._known))]
            self._publish(finding, received_us, raised_us)
            records.append(Record(finding, received_us, raised_us))
            log.info("finding", action=finding.action, rule=finding.rule, alert_id=str(finding.alert_id))
        if records:
            self._spool.put(records)
            for record in records:
                self._first_call.raised(record)

    def _publish(self, finding: Finding, received_us: int, raised_us: int) -> None:
        # consoles take changes of a known alert from the database; the notice of an update only has to be seen
        if finding.action in ("clear", "cancel", "note"):
            return
        found = build_notice(self._around.registry, finding, received_us, raised_us, "raised", 1)
        self._mailbox.publish(notice.TOPIC, notice.encode(found))

    # the writer's thread

    def _write(self) -> None:
        conn: psycopg.Connection[Any] | None = None
        with contextlib.suppress(psycopg.OperationalError):
            conn = self._connect()  # the first alert need not wait for it
        while True:
            record = self._spool.wait(0.5)
            if record is None:
                if self._stop.is_set():
                    break
                continue
            try:
                if conn is None or conn.closed:
                    conn = self._connect()
                self._store(conn, record)
            except UNAVAILABLE as error:
                self._first_call.failed(record.finding.alert_id)
                log.warning(
                    "the database takes nothing; alerts wait on disk",
                    waiting=len(self._spool),
                    error=str(error).strip(),
                )
                if conn is not None:
                    conn.close()
                if self._stop.wait(RETRY_S):
                    break  # it stays on disk
                continue
            except Exception as error:
                # published and seen already; the record is told in full, and the next one must not wait behind it
                log.exception("the database refuses an alert", error=str(error), record=str(record.finding))
                self._first_call.failed(record.finding.alert_id)  # nobody else will call anybody about it
            else:
                self._first_call.stored(record.finding.alert_id)
            self._spool.settle()
        if conn is not None:
            conn.close()

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._database.url, autocommit=True, **connect_options(self._database, "alerting-writer")
        )

    def _store(self, conn: psycopg.Connection[Any], record: Record) -> None:
        finding = record.finding
        alone = on_its_own(finding)
        if alone is not None and not lifecycle.is_open(conn, finding.alert_id):
            # it was told in an alert that a person has closed since: it is one of its own
            self._publish(alone, record.received_us, record.raised_us)
            finding, record = alone, Record(alone, record.received_us, record.raised_us)
        if finding.action in ("clear", "cancel", "note"):
            lifecycle.follow_up(
                conn, finding.alert_id, finding.action, _time(record.raised_us), finding.reason_zh, finding.reason_en
            )
            return
        with conn.transaction():
            if finding.action == "open":
                lifecycle.raise_alert(conn, _new_alert(record))
            else:
                lifecycle.update_alert(conn, _new_alert(record))
            told = self._first_call.settle(finding.alert_id)
            if told is not None:
                ladder.enter_told(conn, finding.alert_id, told)


def _new_alert(record: Record) -> lifecycle.NewAlert:
    finding = record.finding
    return lifecycle.NewAlert(
        finding.alert_id,
        finding.rule,
        finding.rule_version,
        finding.severity,
        finding.subject,
        finding.household_id,
        finding.resident_id,
        _time(finding.since_us),
        _time(finding.sensed_us),
        _time(record.received_us),
        _time(record.raised_us),
        finding.reason_zh,
        finding.reason_en,
        finding.evidence,
    )


def _time(us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(us / 1e6, dt.UTC)


def _now_us() -> int:
    return time.time_ns() // 1000


def run(
    settings: AlertingSettings,
    database: DatabaseSettings,
    broker: mqtt.Broker,
    stop: threading.Event,
    door: Door | None = None,
) -> None:
    """Run the service until ``stop``. ``door``: how an emergency is told while the database is away.

    Raises RuntimeError where a part of it died before.
    """
    Alerting(settings, database, broker, door).run(stop)
