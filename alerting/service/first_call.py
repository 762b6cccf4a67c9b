"""An emergency that the database does not take within two seconds is told to its first step all the same.

For each such alert exactly one of two things happens first, under one lock: the writer settles it (just before its
transaction commits), or it is called from here. Who was called from here is on disk before anything relies on it, and
is entered as told when the alert is written: nobody gets the same message twice. Only a commit that neither succeeds
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

from alerting.service.direct import Door
from alerting.service.spool import Record
from dispatch.channels.notifications import Recipient
from dispatch.core.notice import AlertNotice
from dispatch.ladders.ladder import DirectCalls
from dispatch.ladders.people import Addressee

log = structlog.get_logger(__name__)

PATIENCE_S = 2.0
AGAIN_S = 10.0
"""Nobody could be told: tried again after so long."""
LOOK_S = 0.2
AT_ONCE = 16
"""Messages under way at the same time."""
LONGEST_S = 30.0
"""The writer waits so long at most for calls that have begun."""
NAMESPACE = uuid.UUID("0d4b6c1e-54f0-5a3f-9f2a-8c1d6f1a7e21")


class _Line(msgspec.Struct, frozen=True):
    """One person who was told, as it is kept on disk."""

    alert_id: uuid.UUID
    kind: str
    key: str
    at: dt.datetime


class _Entry(msgspec.Struct):
    record: Record
    since: float
    """Monotonic seconds."""
    state: Literal["waiting", "calling", "settled", "called"] = "waiting"
    left: int = 0


Whom = Callable[[Record, dt.datetime], tuple[AlertNotice, tuple[Addressee, ...]]]
"""The notice of a finding and the people of its first step; ValueError where what is cached is too old."""


class FirstCall:
    """Thread-safe; :meth:`run` in a thread of its own."""

    def __init__(self, file: Path, door: Door | None, whom: Whom, patience_s: float = PATIENCE_S) -> None:
        self._file, self._door, self._whom, self._patience_s = file, door, whom, patience_s
        self._lock = threading.Condition()  # re-entrant
        self._entries: dict[uuid.UUID, _Entry] = {}
        self._told: dict[uuid.UUID, list[_Line]] = {}
        self._progress = time.monotonic()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="first call")
        for line in file.read_bytes().splitlines() if file.exists() else ():
            try:
                known = msgspec.json.decode(line, type=_Line)
            except msgspec.DecodeError as error:  # torn by a power cut: it was not relied on yet
                log.error("torn line among the first calls", error=str(error))
                continue
            self._told.setdefault(known.alert_id, []).append(known)

    def raised(self, record: Record) -> None:
        """A finding has been decided; what is no emergency can wait for the database."""
        finding = record.finding
        with self._lock:
            known = self._entries.get(finding.alert_id)
            if finding.action in ("clear", "cancel"):
                if known is not None and known.state == "waiting":
                    del self._entries[finding.alert_id]
            elif finding.action in ("open", "update") and finding.severity == "emergency" and known is None:
                entry = _Entry(record, time.monotonic())
                if finding.alert_id in self._told:  # before a restart
                    entry.state = "called"
                self._entries[finding.alert_id] = entry
                self._lock.notify_all()

    def settle(self, alert_id: uuid.UUID) -> DirectCalls | None:
        """The writer is about to commit: from now on nobody is called from here. Gives those who were."""
        with self._lock:
            entry = self._entries.get(alert_id)
            if entry is not None:
                self._lock.wait_for(lambda: entry.state != "calling", LONGEST_S)
                if entry.state == "waiting":
                    entry.state, entry.since = "settled", time.monotonic()
            lines = self._told.get(alert_id)
            if not lines:
                return None
            people = tuple(Recipient(line.kind, line.key) for line in lines)  # type: ignore[arg-type]
            return DirectCalls(people, min(line.at for line in lines))

    def stored(self, alert_id: uuid.UUID) -> None:
        """It is in the database."""
        with self._lock:
            self._progress = time.monotonic()
            self._entries.pop(alert_id, None)
            if self._told.pop(alert_id, None) is not None:
                self._rewrite()

    def failed(self, alert_id: uuid.UUID) -> None:
        """The database did not take it: its time runs from when it was decided."""
        with self._lock:
            entry = self._entries.get(alert_id)
            if entry is not None and entry.state == "settled":
                entry.state = "waiting"
                self._lock.notify_all()

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; calls that have begun are finished."""
        while not stop.is_set():
            with self._lock:
                self._lock.wait(LOOK_S)
                due = [entry for entry in self._entries.values() if self._is_due(entry)]
                for entry in due:
                    entry.state = "calling"
            for entry in due:
                self._call(entry)
        self._pool.shutdown()

    def _is_due(self, entry: _Entry) -> bool:
        # While the writer gets on, a long queue is no reason: the database takes them one by one.
        since = max(entry.since, self._progress) if entry.state == "waiting" else entry.since
        return entry.state in ("waiting", "settled") and time.monotonic() - since >= self._patience_s

    def _call(self, entry: _Entry) -> None:
        finding = entry.record.finding
        people: tuple[Addressee, ...] = ()
        try:
            alert, people = self._whom(entry.record, dt.datetime.now(dt.UTC))
        except ValueError as error:
            log.error("nobody to be told without the database", alert_id=str(finding.alert_id), reason=str(error))
        if self._door is None or not people:
            log.error("an emergency waits for the database", alert_id=str(finding.alert_id), people=len(people))
            self._finish(entry)
            return
        entry.left = len(people)
        for person in people:
            key = uuid.uuid5(NAMESPACE, f"{finding.alert_id}/{person.recipient.kind}/{person.recipient.key}")
            self._pool.submit(self._tell, self._door, entry, person, alert, key)

    def _tell(self, door: Door, entry: _Entry, person: Addressee, alert: AlertNotice, key: uuid.UUID) -> None:
        sent = False
        try:
            sent = door.send(person, alert, key)
            if sent:
                self._keep(_Line(entry.record.finding.alert_id, *_pair(person), dt.datetime.now(dt.UTC)))
        finally:
            if not sent:
                log.error("could not be told without the database", alert_id=alert.id, recipient=person.recipient.key)
            with self._lock:
                entry.left -= 1
                if entry.left == 0:
                    self._finish(entry)

    def _finish(self, entry: _Entry) -> None:
        with self._lock:
            if self._told.get(entry.record.finding.alert_id):
                entry.state = "called"
            else:
                entry.state, entry.since = "waiting", time.monotonic() + AGAIN_S - self._patience_s
            self._lock.notify_all()

    def _keep(self, line: _Line) -> None:
        with self._lock:
            self._told.setdefault(line.alert_id, []).append(line)
            with _told_if_full():
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch(mode=0o600)
                with self._file.open("ab") as file:
                    file.write(msgspec.json.encode(line) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())

    def _rewrite(self) -> None:
        fresh = self._file.with_suffix(".new")
        with _told_if_full():
            fresh.touch(mode=0o600)
            fresh.write_bytes(b"".join(msgspec.json.encode(x) + b"\n" for lines in self._told.values() for x in lines))
            fresh.replace(self._file)


@contextlib.contextmanager
def _told_if_full() -> Iterator[None]:
    """A disk that takes nothing stops no call: after a restart somebody may be told twice."""
    try:
        yield
    except OSError as error:
        log.error("who was called is not on disk", error=str(error))


def _pair(person: Addressee) -> tuple[str, str]:
    return person.recipient.kind, person.recipient.key
