"""Feed the board: notices by MQTT, changes by LISTEN, everything anew after a break."""

import threading
import time
import uuid
from typing import Any

import paho.mqtt.client as paho
import psycopg
import structlog

from console.board.board import Board, notice_of
from console.board.proof import ProofOfPath
from database.pool import connect_options, deadline
from database.reports import certificate_ends
from database.settings import DatabaseSettings
from dispatch.alerts import lookup
from dispatch.core import notice
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.connection_watch import WATCH
from observability.liveness import Liveness, Part
from vocabulary.synthetic import is_synthetic

log = structlog.get_logger(__name__)

RETRY_S = 1.0
LISTEN_S = 1.0
PRESS_S = 3.0
LONGEST_S = 5.0
"""Work that takes longer is given up: the database stands still."""
GRACE_US = 120_000_000
"""A notice that the database does not have is believed for so long: alerting may still be spooling."""


class Feed:
    """Two threads: paho's and the listener's. ``database_up`` and ``broker_up`` say whether they are connected."""

    def __init__(
        self,
        board: Board,
        database: DatabaseSettings,
        broker: mqtt.Broker,
        client_id: str,
        liveness: Liveness | None = None,
    ) -> None:
        self._liveness = liveness or Liveness()
        self._board, self._database, self._broker = board, database, broker
        self.database_up = self.broker_up = False
        self.proof = ProofOfPath(client_id)
        self._stop = threading.Event()
        self._listener: threading.Thread | None = None
        self._client = mqtt.make_client(broker, client_id, clean=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._noticed

    def start(self) -> None:
        """Connect to both; the threads are parts of ``liveness``."""
        WATCH.tell_ends(certificate_ends.recorder(self._database))
        self._listener = self._liveness.start("alert changes", self._listen)
        mqtt.start(self._client, self._broker, self._liveness.part("broker link"))

    def stop(self) -> None:
        """Disconnect from both."""
        self._liveness.finish()
        self._stop.set()
        mqtt.stop(self._client)
        if self._listener is not None:
            self._listener.join(LISTEN_S + 2)

    def _connected(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("broker refuses the console", reason=str(reason))
            return
        self.broker_up = True
        client.subscribe(notice.TOPIC, qos=1)

    def press(self, event: wire.Event) -> bool:
        """Publish a press on a home's panel; whether the broker has it. Waits for PRESS_S at most.

        One that was not acknowledged may still go out after a reconnection: its repetition is the same call.
        """
        told = self._client.publish(wire.topic(event.gateway, "panel"), wire.encode(event), qos=1)
        try:
            told.wait_for_publish(PRESS_S)
        except (RuntimeError, ValueError):  # no connection, or too many wait
            return False
        return told.is_published()

    def _disconnected(self, *_: Any) -> None:
        self.broker_up = False

    def _noticed(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            alert = notice.decode(bytes(message.payload))
        except notice.NoticeError as error:
            log.error("notice refused", reason=str(error))
            return
        if is_synthetic(alert.area_path):
            self.proof.noticed(alert.id)  # of nobody: the board shows people
        else:
            self._board.show(alert)

    def _listen(self, part: Part) -> None:
        while not self._stop.is_set():
            try:
                options = connect_options(self._database, "console-listener")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    with deadline(conn, LONGEST_S):
                        conn.execute("LISTEN alert_changed")
                        rows = lookup.list_open(conn)
                    self._board.reset((notice_of(row) for row in rows), time.time_ns() // 1000 - GRACE_US)
                    self.database_up = True
                    while not self._stop.is_set():
                        # A list: psycopg 3 loses a notification that arrives during a query within the generator.
                        changes = list(conn.notifies(timeout=LISTEN_S, stop_after=1))
                        with deadline(conn, LONGEST_S):
                            for change in changes:
                                self._reload(conn, change.payload)
                            self.proof.exchange(conn)  # notices a dead connection, too
                        part.turned()
            except psycopg.Error as error:
                part.held_up(f"the database is away: {error}")
                self.database_up = False
                self.proof.lost()
                log.warning("database away; the board shows what it has", error=str(error).strip())
                self._stop.wait(RETRY_S)

    def _reload(self, conn: psycopg.Connection[Any], alert_id: str) -> None:
        row = lookup.load(conn, uuid.UUID(alert_id))
        if row is not None and not is_synthetic(row["area_path"]):
            self._board.show(notice_of(row))
