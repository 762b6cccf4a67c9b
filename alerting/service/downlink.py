"""Answers the homes: "we have it" at once, "help is coming" when a person has acknowledged the alert.

``alert_received`` answers each emergency event; without it the gateway calls for help by itself after 15 s.
``help_coming`` follows the alert's acknowledgement, which the database reports (LISTEN, and a look back after every
connection). It is repeated when a gateway comes online; gateways know a repetition by the command's id.
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
from firmware_profiles.signed_command import CommandSigner
from observability.liveness import Part, unwatched
from vocabulary.times import SECOND_US

log = structlog.get_logger(__name__)

ANSWERED = frozenset(
    {kind for kind, call in CALLS.items() if call.severity == "emergency"} | {"fall_suspected", "fall_confirmed"}
)
"""Events that a home waits to be answered."""
LOOK_BACK = "30 minutes"
"""Age at which an acknowledgement is no longer announced: help has arrived by then, or will not come."""
RETRY_S, LISTEN_S = 1.0, 2.0

UNSIGNED = CommandSigner(None)

Publish = Callable[[str, bytes], None]
"""(topic, payload), QoS 1."""


def received(event: wire.Event, now_us: int, signer: CommandSigner = UNSIGNED) -> tuple[str, bytes]:
    """Topic and payload of the answer to an emergency event."""
    args: dict[str, wire.Scalar] = {"device": event.device, "kind": event.kind, "time_us": event.time_us}
    number = f"{event.epoch}/{event.seq or event.time_us}"  # a number that could not be read is 0
    return _command(event.gateway, "alert_received", number, args, now_us, signer)


class Downlink:
    """Announces help to the homes, in a thread of its own (:meth:`run`). ``registry`` gives the present registry."""

    def __init__(
        self,
        database: DatabaseSettings,
        registry: Callable[[], Registry],
        publish: Publish,
        signer: CommandSigner = UNSIGNED,
    ) -> None:
        self._database, self._registry, self._publish, self._signer = database, registry, publish, signer
        self._online: queue.SimpleQueue[str] = queue.SimpleQueue()

    def online(self, gateway: str) -> None:
        """A gateway has come online: announce again what it may have missed."""
        self._online.put(gateway)

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        """Announce until ``stop``."""
        part = part or unwatched()
        while not stop.is_set():
            try:
                options = connect_options(self._database, "alerting-downlink")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    conn.execute("LISTEN alert_changed")
                    self._announce(conn, "TRUE", None)
                    while not stop.is_set():
                        # a list: a notice that arrives during a query within the generator would be lost (psycopg 3)
                        for change in list(conn.notifies(timeout=LISTEN_S, stop_after=1)):
                            self._announce(conn, "a.id = %s", uuid.UUID(change.payload))
                        self._announce_to_gateways_back_online(conn)
                        conn.execute("SELECT 1")  # notices a dead connection
                        part.turned()
            except psycopg.Error as error:
                part.held_up(f"the database is away: {error}")
                log.warning("database away; help is announced later", error=str(error).strip())
                stop.wait(RETRY_S)

    def _announce_to_gateways_back_online(self, conn: psycopg.Connection[Any]) -> None:
        while True:
            try:
                gateway = self._registry().gateways.get(self._online.get_nowait())
            except queue.Empty:
                return
            if gateway is not None:
                self._announce(conn, "a.household_id = %s", gateway.household_id)

    def _announce(self, conn: psycopg.Connection[Any], which: str, value: object) -> None:
        """Announce help for the alerts of this condition that somebody has acknowledged."""
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
                "time_us": round(onset.timestamp() * SECOND_US),
            }
            for name, gateway in self._registry().gateways.items():
                if gateway.household_id == household_id:
                    self._publish(
                        *_command(name, "help_coming", str(alert_id), args, time.time_ns() // 1000, self._signer)
                    )


def _command(
    gateway: str, kind: str, about: str, args: dict[str, wire.Scalar], now_us: int, signer: CommandSigner
) -> tuple[str, bytes]:
    command_id = str(uuid.uuid5(NAMESPACE, f"{gateway}|{kind}|{about}"))
    command = wire.Command(wire.VERSION, command_id, kind, now_us, args)
    return wire.topic(gateway, wire.leaf_of(kind)), signer.message(gateway, command)
