"""End the sessions of a gateway beyond its bound, at the broker beside us, and all of a revoked one.

A client that connects with the id of a session takes it over, and a clean connection ends it (MQTT 3.1.1, 3.1.4 and
3.1.2.4). Both brokers allow that to every identity; here ``svc-broker`` makes use of it.
"""

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from ssl import SSLContext
from typing import Any

import paho.mqtt.client as paho
import psycopg
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from firmware_profiles.link import mqtt, tls
from firmware_profiles.link.mqtt import Broker
from observability.liveness import Part, unwatched
from shouwang.brokers.config import LOG_TOPIC
from shouwang.brokers.session_sources import NatsMonitor, read_log_line, read_store
from shouwang.brokers.sessions import TOLD_FROM, WINDOW_S, Excess, Session, SessionLedger

log = structlog.get_logger(__name__)

LOOK_S = 5.0
END_S = 5.0
"""How long the broker is waited for when it shall end one session."""
MOST_LINES = 200_000
"""Lines of mosquitto's log that wait to be read: the watch reads them every LOOK_S."""

Tell = Callable[[Iterable[Excess]], None]
"""Stores which gateways opened too many; raises OSError or psycopg.Error where it cannot, and is asked again."""


class SessionSource(ABC):
    """Source of what a broker tells of its sessions."""

    @abstractmethod
    def take(self, ledger: SessionLedger, now: float) -> list[Excess]:
        """Bring the ledger up to date; gives the addresses from which somebody comes whose identity is not told.

        Raises OSError or ValueError where the broker tells nothing now.
        """

    def start(self) -> None:
        """Begin to listen, where the broker tells by itself; safe to repeat. Raises OSError where a file is missing."""
        return

    def stop(self) -> None:
        """End what :meth:`start` began."""
        return


class NatsSessions(SessionSource):
    """The sessions at a NATS server."""

    def __init__(self, monitor: NatsMonitor) -> None:
        self._monitor = monitor

    def take(self, ledger: SessionLedger, now: float) -> list[Excess]:
        """Ask the monitoring port."""
        ended, opened = self._monitor.look()
        ledger.disconnect_all()
        for sighting in (*ended, *opened):
            ledger.note(sighting, now)
        return []


class MosquittoSessions(SessionSource):
    """The sessions at mosquitto: who comes and goes by its log, which waits for us in a session of ours, and what it
    keeps by its store."""

    def __init__(self, broker: Broker, store: Path | None) -> None:
        self._broker, self._store = broker, store
        self._written = 0
        self._lines: deque[bytes] = deque(maxlen=MOST_LINES)
        self._unnamed: dict[str, deque[float]] = {}
        self._client: mqtt.WatchedClient | None = None

    def start(self) -> None:
        """Listen to the log."""
        if self._client is not None:
            return
        client = self._client = mqtt.make_client(self._broker, "sessions", clean=False)
        client.on_connect = lambda c, _u, _f, reason, _p: None if reason.is_failure else c.subscribe(LOG_TOPIC, 1)
        client.on_message = lambda _c, _u, message: self._lines.append(bytes(message.payload))
        mqtt.start(client, self._broker)

    def stop(self) -> None:
        """Disconnect; the session stays."""
        if self._client is not None:
            mqtt.stop(self._client)

    def take(self, ledger: SessionLedger, now: float) -> list[Excess]:
        """Read the lines that came, and the store if it was written anew."""
        with contextlib.suppress(IndexError):
            while True:
                found = read_log_line(self._lines.popleft())
                if isinstance(found, str):
                    self._unnamed.setdefault(found, deque(maxlen=MOST_LINES)).append(now)
                elif found is not None:
                    ledger.note(found, now)
        self._read_store(ledger, now)
        if self._client is None or not self._client.is_connected():
            raise OSError("not connected as svc-broker")
        for address in [one for one, times in self._unnamed.items() if now - times[-1] > WINDOW_S]:
            del self._unnamed[address]
        return [Excess(f"address {one}", len(times)) for one, times in self._unnamed.items() if len(times) > TOLD_FROM]

    def _read_store(self, ledger: SessionLedger, now: float) -> None:
        if self._store is None or not self._store.exists():  # mosquitto has written nothing yet
            return
        written = self._store.stat().st_mtime_ns
        if written != self._written:
            for sighting in read_store(self._store):
                ledger.note(sighting, now)
            self._written = written


def keep_few(
    broker: Broker,
    source: SessionSource,
    revoked: Callable[[], Collection[str]],
    tell: Tell,
    stop: threading.Event,
    part: Part | None = None,
    *,
    look_s: float = LOOK_S,
) -> None:
    """Keep the sessions of each gateway within its bound until ``stop``.

    ``broker``: as ``svc-broker``. ``revoked``: the identities of which none is left; while the database is away the
    last ones that it gave. One that cannot be ended is tried again at the next look, as is what could not be told.
    """
    part = part or unwatched("sessions")
    ledger = SessionLedger()
    gone: Collection[str] = ()
    try:
        while not stop.is_set():
            faults = []
            try:
                source.start()
                unnamed = source.take(ledger, time.monotonic())
            except (OSError, ValueError) as error:
                unnamed, faults = [], [f"the broker does not tell of its sessions: {error}"]
            try:
                gone = revoked()
            except (psycopg.Error, OSError) as error:  # the bound holds all the same
                faults.append(f"the database is away: {error}")
            try:
                if not faults:  # who looks at nothing says nothing; told first: to end three hundred takes its seconds
                    tell([*ledger.excesses(time.monotonic()), *unnamed])
                _end(broker, ledger, ledger.surplus(gone, time.monotonic()), stop, part)
            except (psycopg.Error, OSError) as error:
                faults.append(str(error))
            if faults:
                log.warning("the sessions of gateways are not watched as a whole", faults=faults)
                part.held_up("; ".join(faults))
            else:
                part.turned()
            stop.wait(look_s)
    finally:
        source.stop()


def _end(broker: Broker, ledger: SessionLedger, sessions: list[Session], stop: threading.Event, part: Part) -> None:
    if not sessions:
        return
    context = tls.make_context(broker)
    by_identity: dict[str, int] = {}
    for session in sessions:
        if stop.is_set():
            break
        if end_session(broker, session.client_id, context):
            ledger.ended(session)
            by_identity[session.identity] = by_identity.get(session.identity, 0) + 1
        part.turned()
    log.warning("sessions beyond the bound were ended", by_identity=by_identity, wanted=len(sessions))


def end_session(broker: Broker, client_id: str, context: SSLContext | None) -> bool:
    """End the session of exactly this client id, and its connection; whether the broker confirmed it in time."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, protocol=paho.MQTTv311)
    client.connect_timeout = END_S
    if context is not None:
        client.tls_set_context(context)
    answers: list[Any] = []
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(reason)
    deadline = time.monotonic() + END_S
    try:
        client.connect(broker.host, broker.port)
        while not answers and time.monotonic() < deadline:
            if client.loop(0.1) != paho.MQTT_ERR_SUCCESS:
                break
        client.disconnect()
    except (OSError, ValueError) as error:
        log.warning("a session could not be ended", error=str(error))
        return False
    finally:
        client._reset_sockets()
    return bool(answers) and not answers[0].is_failure
