"""From the district to the home: "we have it" at once, "help is coming" when a person has taken it on.

``alert_received`` answers each emergency event; without it the gateway calls for help by itself after 15 s.
``help_coming`` follows the alert's acknowledgement. It is learned from the database (LISTEN, and a look back after
every connection) and repeated when a gateway comes online; gateways know a repetition by the command's id.
"""

import queue
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from alerting.core.finding import NAMESPACE
from alerting.detection.detectors.calls import CALLS
from care_network.records.registry import Registry
from database.pool import connect_options
from database.settings import DatabaseSettings
from firmware_profiles import wire

log = structlog.get_logger(__name__)

ANSWERED = frozenset(
    {kind for kind, call in CALLS.items() if call.severity == "emergency"} | {"fall_suspected", "fall_confirmed"}
)
"""Events to which a home waits for an answer."""
LOOK_BACK = "30 minutes"
"""Help that was promised longer ago has arrived, or been forgotten by everybody."""
RETRY_S, LISTEN_S = 1.0, 2.0

Publish = Callable[[str, bytes], None]
"""(topic, payload), QoS 1."""


def received(event: wire.Event, now_us: int) -> tuple[str, bytes]:
    """Topic and payload of the answer to an emergency event."""
    args: dict[str, wire.Scalar] = {"device": event.device, "kind": event.kind, "time_us": event.time_us}
    return _command(event.gateway, "alert_received", f"{event.epoch}/{event.seq}", args, now_us)


class Downlink:
    """One thread, which waits for what people do with alerts. ``registry`` gives the present one."""

    def __init__(self, database: DatabaseSettings, registry: Callable[[], Registry], publish: Publish) -> None:
        self._database, self._registry, self._publish = database, registry, publish
        self._online: queue.SimpleQueue[str] = queue.SimpleQueue()

    def online(self, gateway: str) -> None:
        """A gateway has come online: what it may have missed is told again."""
        self._online.put(gateway)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                options = connect_options(self._database, "alerting-downlink")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    conn.execute("LISTEN alert_changed")
                    self._tell(conn, "TRUE", None)
                    while not stop.is_set():
                        # a list: what arrives during a query within the generator would be lost (psycopg 3)
                        for change in list(conn.notifies(timeout=LISTEN_S, stop_after=1)):
                            self._tell(conn, "a.id = %s", uuid.UUID(change.payload))
                        self._tell_those_back_online(conn)
                        conn.execute("SELECT 1")  # notices a dead connection
            except psycopg.Error as error:
                log.warning("database away; help is announced later", error=str(error).strip())
                stop.wait(RETRY_S)

    def _tell_those_back_online(self, conn: psycopg.Connection[Any]) -> None:
        while True:
            try:
                gateway = self._registry().gateways.get(self._online.get_nowait())
            except queue.Empty:
                return
            if gateway is not None:
                self._tell(conn, "a.household_id = %s", gateway.household_id)

    def _tell(self, conn: psycopg.Connection[Any], which: str, value: object) -> None:
        """Announce help to the homes of the alerts that somebody is seeing to."""
        rows = conn.execute(
            f"""
            SELECT a.id, a.household_id, a.onset, a.evidence ->> 'device' FROM alert a
            WHERE {which} AND severity_rank(a.severity) <= 2
              AND a.state IN ('acknowledged', 'responding', 'on_scene') AND a.raised_at > now() - INTERVAL '{LOOK_BACK}'
            """,  # noqa: S608 - the conditions are the constants above
            () if value is None else (value,),
        ).fetchall()
        for alert_id, household_id, onset, device in rows:
            args: dict[str, wire.Scalar] = {
                "alert_id": str(alert_id),
                "device": device or "",
                "time_us": round(onset.timestamp() * 1_000_000),
            }
            for name, gateway in self._registry().gateways.items():
                if gateway.household_id == household_id:
                    self._publish(*_command(name, "help_coming", str(alert_id), args, time.time_ns() // 1000))


def _command(gateway: str, kind: str, about: str, args: dict[str, wire.Scalar], now_us: int) -> tuple[str, bytes]:
    command_id = str(uuid.uuid5(NAMESPACE, f"{gateway}|{kind}|{about}"))
    command = wire.Command(wire.VERSION, command_id, kind, now_us, args)
    return wire.topic(gateway, "commands"), wire.encode(command)
