"""Calls the people of an emergency's first step when the database does not take the alert within two seconds.

For each such alert exactly one of two things happens first, under one lock: the writer settles it (just before its
transaction commits), or the people are called from here. Their names are on disk before anything relies on it, and are
entered with the alert when it is written, so nobody gets the same message twice. Only a commit that neither succeeds
nor fails for two seconds leaves a doubt; then the message goes out, with a key by which the peer knows a repetition.
"""

import contextlib
import datetime as dt
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from alerting.core.finding import CLOSING
from alerting.service.direct import DirectSender
from alerting.service.storing.record import Record
from database.clock import DatabaseClock
from dispatch.channels.notifications import Recipient
from dispatch.core.notice import AlertNotice
from dispatch.ladders.ladder import DirectCalls
from dispatch.ladders.people import Addressee
from observability.liveness import Part, unwatched
from vocabulary.times import SECOND_US

log = structlog.get_logger(__name__)

PATIENCE_S = 2.0
AGAIN_S = 10.0
"""Time until the next try where nobody could be called."""
LOOK_S = 0.2
AT_ONCE = 16
"""Messages that are sent at the same time."""
LONGEST_S = 30.0
"""Longest wait of the writer for calls that have begun."""
NAMESPACE = uuid.UUID("0d4b6c1e-54f0-5a3f-9f2a-8c1d6f1a7e21")


def direct_key(alert_id: uuid.UUID, kind: str, key: str) -> str:
    """Make the idempotency key of a call without the database: one for each alert and person."""
    return str(uuid.uuid5(NAMESPACE, f"{alert_id}/{kind}/{key}"))


class _CallMade(msgspec.Struct, frozen=True):
    """A line of the file: one person who was called."""

    alert_id: uuid.UUID
    kind: str
    key: str
    at: dt.datetime


class _Emergency(msgspec.Struct):
    """An alert that the database does not have yet; ``left``: calls that have not ended."""

    record: Record
    since: float
    """Monotonic seconds."""
    state: Literal["waiting", "calling", "settled", "called"] = "waiting"
    left: int = 0


FirstStep = Callable[[Record, dt.datetime], tuple[AlertNotice, tuple[Addressee, ...]]]
"""The notice of a finding and the people of its first step; raises ValueError where the copy on disk is too old."""


class FirstCall:
    """Waits for the writer, then calls through ``direct``. Thread-safe; :meth:`run` in a thread of its own."""

    def __init__(
        self,
        file: Path,
        direct: DirectSender | None,
        first_step: FirstStep,
        patience_s: float = PATIENCE_S,
        clock: DatabaseClock | None = None,
    ) -> None:
        self._file, self._direct, self._first_step, self._patience_s = file, direct, first_step, patience_s
        self._clock = clock or DatabaseClock()
        self._lock = threading.Condition()  # re-entrant
        self._emergencies: dict[uuid.UUID, _Emergency] = {}
        self._calls_made: dict[uuid.UUID, list[_CallMade]] = {}
        self._progress = time.monotonic()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="first call")
        for line in file.read_bytes().splitlines() if file.exists() else ():
            try:
                known = msgspec.json.decode(line, type=_CallMade)
            except msgspec.DecodeError as error:  # torn by a power cut: it was not relied on yet
                log.error("torn line among the first calls", error=str(error))
                continue
            self._calls_made.setdefault(known.alert_id, []).append(known)

    def raised(self, record: Record) -> None:
        """Take note of a new finding; all but emergencies can wait for the database."""
        finding = record.finding
        with self._lock:
            known = self._emergencies.get(finding.alert_id)
            if finding.action in CLOSING:
                if known is not None and known.state == "waiting":
                    del self._emergencies[finding.alert_id]
            elif finding.action in ("open", "update") and finding.severity == "emergency" and known is None:
                emergency = _Emergency(record, time.monotonic())
                if finding.alert_id in self._calls_made:  # before a restart
                    emergency.state = "called"
                self._emergencies[finding.alert_id] = emergency
                self._lock.notify_all()

    def settle(self, alert_id: uuid.UUID) -> DirectCalls | None:
        """End the calls for an alert that the writer is about to commit; the people who were called, if any."""
        with self._lock:
            emergency = self._emergencies.get(alert_id)
            if emergency is not None:
                self._lock.wait_for(lambda: emergency.state != "calling", LONGEST_S)
                if emergency.state == "waiting":
                    emergency.state, emergency.since = "settled", time.monotonic()
            lines = self._calls_made.get(alert_id)
            if not lines:
                return None
            people = tuple(Recipient(line.kind, line.key) for line in lines)  # type: ignore[arg-type]
            return DirectCalls(people, min(line.at for line in lines))

    def stored(self, alert_id: uuid.UUID) -> None:
        """Forget an alert that the database has."""
        with self._lock:
            self._progress = time.monotonic()
            self._emergencies.pop(alert_id, None)
            if self._calls_made.pop(alert_id, None) is not None:
                self._rewrite()

    def failed(self, alert_id: uuid.UUID) -> None:
        """The database did not take the alert: its two seconds go on."""
        with self._lock:
            emergency = self._emergencies.get(alert_id)
            if emergency is not None and emergency.state == "settled":
                emergency.state = "waiting"
                self._lock.notify_all()

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        """Call until ``stop``; calls that have begun are finished."""
        part = part or unwatched()
        looked_at = time.monotonic()
        while not stop.is_set():
            part.turned()
            with self._lock:
                self._lock.wait(LOOK_S)
                before, looked_at = looked_at, time.monotonic()
                if looked_at - before > self._patience_s:
                    self._begin_anew(looked_at)
                due = [emergency for emergency in self._emergencies.values() if self._is_due(emergency)]
                for emergency in due:
                    emergency.state = "calling"
            for emergency in due:
                self._call(emergency)
        self._pool.shutdown()

    def _begin_anew(self, now: float) -> None:
        """Give the writer its time again: the program stood still (frozen, or its machine slept), so the writer did.

        The other alerting may have told everybody meanwhile.
        """
        self._progress = now
        for emergency in self._emergencies.values():
            emergency.since = max(emergency.since, now)

    def _is_due(self, emergency: _Emergency) -> bool:
        # While the writer makes progress, a long queue is no reason to call.
        since = max(emergency.since, self._progress) if emergency.state == "waiting" else emergency.since
        return emergency.state in ("waiting", "settled") and time.monotonic() - since >= self._patience_s

    def _call(self, emergency: _Emergency) -> None:
        finding = emergency.record.finding
        people: tuple[Addressee, ...] = ()
        try:
            alert, people = self._first_step(emergency.record, self._now())
        except ValueError as error:
            log.error("nobody to be told without the database", alert_id=str(finding.alert_id), reason=str(error))
        if self._direct is None or not people:
            log.error("an emergency waits for the database", alert_id=str(finding.alert_id), people=len(people))
            self._finish(emergency)
            return
        emergency.left = len(people)
        for person in people:
            key = uuid.UUID(direct_key(finding.alert_id, person.recipient.kind, person.recipient.key))
            self._pool.submit(self._send, self._direct, emergency, person, alert, key)

    def _send(
        self, direct: DirectSender, emergency: _Emergency, person: Addressee, alert: AlertNotice, key: uuid.UUID
    ) -> None:
        sent = False
        try:
            sent = direct.send(person, alert, key)
            if sent:
                self._save(_CallMade(emergency.record.finding.alert_id, *_pair(person), self._now()))
        finally:
            if not sent:
                log.error("could not be told without the database", alert_id=alert.id, recipient=person.recipient.key)
            with self._lock:
                emergency.left -= 1
                if emergency.left == 0:
                    self._finish(emergency)

    def _now(self) -> dt.datetime:
        """The database's time, away though it is: a host whose clock is wrong would call those of another shift."""
        return dt.datetime.fromtimestamp(self._clock.now_us() / SECOND_US, dt.UTC)

    def _finish(self, emergency: _Emergency) -> None:
        with self._lock:
            if self._calls_made.get(emergency.record.finding.alert_id):
                emergency.state = "called"
            else:
                emergency.state, emergency.since = "waiting", time.monotonic() + AGAIN_S - self._patience_s
            self._lock.notify_all()

    def _save(self, line: _CallMade) -> None:
        with self._lock:
            self._calls_made.setdefault(line.alert_id, []).append(line)
            with _logged_if_full():
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch(mode=0o600)
                with self._file.open("ab") as file:
                    file.write(msgspec.json.encode(line) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())

    def _rewrite(self) -> None:
        fresh = self._file.with_suffix(".new")
        with _logged_if_full():
            fresh.touch(mode=0o600)
            fresh.write_bytes(
                b"".join(msgspec.json.encode(x) + b"\n" for lines in self._calls_made.values() for x in lines)
            )
            fresh.replace(self._file)


@contextlib.contextmanager
def _logged_if_full() -> Iterator[None]:
    """Log a disk that takes nothing; no call stops for it, but after a restart somebody may be called twice."""
    try:
        yield
    except OSError as error:
        log.error("who was called is not on disk", error=str(error))


def _pair(person: Addressee) -> tuple[str, str]:
    return person.recipient.kind, person.recipient.key
