"""The end of a worker's session at the broker, when the number of workers changes.

A session that nobody reads keeps every message for ever. So, once the workers of the new number run, what waits in an
old session is stored (what they have stored meanwhile is recognised), and then it is ended.
"""

import statistics
import threading
import time

import structlog

from database.settings import DatabaseSettings
from firmware_profiles import mqtt, wire
from firmware_profiles.mqtt import Broker
from ingest.receiving.subscriber import Received
from ingest.service import Ingest
from ingest.settings import IngestSettings

log = structlog.get_logger(__name__)
QUIET_S = 10.0
"""A session that gives nothing for so long is empty."""
END_TIMEOUT_S = 20.0


class _Progress:
    """How far a session is read: up to which time its frames were made."""

    def __init__(self) -> None:
        self.made_us = 0.0
        self.at = time.monotonic()

    def stored(self, messages: list[Received]) -> None:
        self.at = time.monotonic()
        made = []
        for message in messages:
            try:
                frame = wire.decode(wire.Frame, message.payload or b"")
            except Exception:  # noqa: S112 - an event, a state, or what quarantine has now
                continue
            if frame.stream == "live":
                made.append(frame.base_us)
        if made:  # the middle one: some gateways' clocks are wrong
            self.made_us = statistics.median(made)


def retire(settings: IngestSettings, database: DatabaseSettings, broker: Broker, stop: threading.Event) -> bool:
    """Store what was sent before now and waits in this worker's session, and end the session; False where ``stop`` came
    first and the session stays. Other workers must have taken over its gateways already."""
    began_us, progress, done = time.time_ns() // 1000, _Progress(), threading.Event()
    ingest = Ingest(settings, database, broker, subscribe=False, stored=progress.stored)
    thread = threading.Thread(target=ingest.run, args=(done,), name="retire")
    thread.start()
    try:
        while progress.made_us < began_us and (time.monotonic() - progress.at < QUIET_S or not ingest.connected):
            if stop.wait(0.2):
                return False
    finally:
        done.set()
        thread.join()
    ended = threading.Event()
    client = mqtt.make_client(broker, settings.session, clean=True)
    client.on_connect = lambda _c, _u, _f, reason, _p: None if reason.is_failure else ended.set()
    mqtt.start(client, broker)
    found = ended.wait(END_TIMEOUT_S)
    mqtt.stop(client)
    log.info("session ended", session=settings.session, readings=ingest.readings, ended=found)
    return found
