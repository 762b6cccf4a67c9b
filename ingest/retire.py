"""End a worker's session at the broker, when the number of workers changes.

A session that nobody reads keeps every message for ever. So, once the workers of the new number run, the messages that
wait in an old session are stored (repetitions are recognised), and then the session is ended.
"""

import statistics
import threading
import time

import structlog

from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.link.mqtt import Broker, end_sessions
from ingest.receiving.subscriber import ReceivedMessage, sessions
from ingest.service import Ingest
from ingest.settings import IngestSettings

log = structlog.get_logger(__name__)
QUIET_S = 10.0
"""A session that gives nothing for this long is empty."""


class _Progress:
    """How far a session has been read, by the time at which its frames were made."""

    def __init__(self) -> None:
        self.made_us = 0.0
        self.at = time.monotonic()

    def note_stored(self, messages: list[ReceivedMessage]) -> None:
        """Note the time of these messages, which were stored now."""
        self.at = time.monotonic()
        made = []
        for message in messages:
            try:
                frame = wire.decode(wire.Frame, message.payload or b"")
            except Exception:  # noqa: S112 - an event, a status, or a message that went to the quarantine
                continue
            if frame.stream == "live":
                made.append(frame.base_us)
        if made:  # the median, since some gateways' clocks are wrong
            self.made_us = statistics.median(made)


def retire(settings: IngestSettings, database: DatabaseSettings, broker: Broker, stop: threading.Event) -> bool:
    """Store the messages that wait in this worker's session, up to those sent now, and end the session.

    False where ``stop`` came first and the session stays. Other workers must have taken over its gateways already.
    """
    began_us, progress, done = time.time_ns() // 1000, _Progress(), threading.Event()
    ingest = Ingest(settings, database, broker, subscribe=False, on_stored=progress.note_stored)
    thread = threading.Thread(target=ingest.run, args=(done,), name="retire")
    thread.start()
    try:
        while progress.made_us < began_us and (time.monotonic() - progress.at < QUIET_S or not ingest.connected):
            if stop.wait(0.2):
                return False
    finally:
        done.set()
        thread.join()
    log.info("the session is empty", session=settings.session, readings=ingest.readings)
    return end_sessions(broker, sessions(settings.session))
