"""The alerting service: MQTT in, notices out at once, the database afterwards.

The walk of a message goes one way, from thread to thread:

1. :mod:`~alerting.service.receiving.mailbox` (paho's threads) queues it, events before frames;
2. the engine's thread writes it to the :mod:`~alerting.service.journal`, decodes it once and gives it to the engine
   (:mod:`~alerting.service.receiving.hearing`), waiting frames many at once;
3. the same thread publishes the findings and puts them into the spool on disk
   (:mod:`~alerting.service.publisher`), then acknowledges the message;
4. the writer's thread (:mod:`~alerting.service.writer`) empties the spool into the database.

A crash before the acknowledgement repeats the message, and the ids of alerts make the repetition harmless.
"""

import gc
import sys
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby

import structlog

from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import Room
from alerting.detection.kit.context import District
from alerting.service.broker_watch import BrokerWatch
from alerting.service.direct import DirectSender
from alerting.service.downlink import Downlink
from alerting.service.first_call import FirstCall
from alerting.service.journal import Journal
from alerting.service.live_district import LiveDistrict
from alerting.service.platform.watch import PlatformWatch
from alerting.service.progress import Progress
from alerting.service.publisher import Publisher
from alerting.service.receiving.hearing import Hearing, answer
from alerting.service.receiving.mailbox import Mailbox, ReceivedMessage
from alerting.service.receiving.messages import Content, HomeMessage, content_of
from alerting.service.settings import AlertingSettings
from alerting.service.spool import Spool
from alerting.service.writer import Writer
from database.clock import DatabaseClock
from database.reports import certificate_ends
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.link import mqtt
from firmware_profiles.link.connection_watch import WATCH
from firmware_profiles.signed_command import CommandSigner
from observability import metrics
from observability.liveness import Liveness, Part

log = structlog.get_logger(__name__)

IDLE_S = 0.2
"""Longest wait for a message, after which the clock moves all the same."""
LOOK_S = 1.0
"""Interval at which the main thread looks whether a part has died."""
SWITCH_S = 0.001
"""Time for which a thread may hold the GIL."""


class Alerting:
    """One alerting process: its threads, and how they are wired.

    Two side by side give each alert once, because ids and writes are the same.
    """

    def __init__(
        self,
        settings: AlertingSettings,
        database: DatabaseSettings,
        broker: mqtt.Broker,
        direct: DirectSender | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        self._settings, self._database = settings, database
        self._liveness = liveness or Liveness()
        self._stop = threading.Event()
        self._clock = DatabaseClock()
        self._district = LiveDistrict(settings, database, self._clock)
        self._journal = Journal(settings.data_dir)
        self._spool = Spool(settings.data_dir)
        self._mailbox = Mailbox(
            broker, settings.worker, lambda: self._broker_watch.up(), lambda: self._broker_watch.down()
        )
        self._first_call = FirstCall(
            settings.data_dir / "first-calls.jsonl", direct, self._district.first_step, clock=self._clock
        )
        for record in self._spool.waiting():
            self._first_call.raised(record)
        self._publisher = Publisher(
            self._spool, self._first_call, self._mailbox.publish, lambda: self._district.registry, self._clock.now_us
        )
        self._writer = Writer(database, self._spool, self._first_call, self._publisher.notify, clock=self._clock)
        self._progress = Progress(database, settings.worker, lambda: self._mailbox.waiting)
        self._platform_watch = PlatformWatch(database, self._clock, settings.worker)
        self._signer = CommandSigner(broker.command_key)
        self._downlink = Downlink(database, lambda: self._district.registry, self._mailbox.publish, self._signer)
        self._snapshot_at, self._room = 0.0, Room()
        # made when the homes are known, by _wake
        self._engine: Engine
        self._hearing: Hearing
        self._broker_watch: BrokerWatch

    def run(self, stop: threading.Event) -> None:
        """Run until ``stop``; every finding is on disk or in the database then.

        Raises RuntimeError where a thread died before.
        """
        self._district.wait_until_known(stop, self._liveness.part("registry"))  # before the first message
        if stop.is_set():
            self._journal.close()
            self._spool.close()
            return
        self._wake()
        parts: dict[str, tuple[Callable[[Part], None], Callable[[], int] | None]] = {
            "engine": (self._decide, lambda: self._mailbox.waiting),
            "writer": (lambda part: self._writer.run(self._stop, part), lambda: len(self._spool)),
            "first call": (lambda part: self._first_call.run(self._stop, part), None),
            "registry": (lambda part: self._district.keep_fresh(self._stop, part), None),
            "link": (lambda part: self._broker_watch.run(self._stop, part), None),
            "downlink": (lambda part: self._downlink.run(self._stop, part), None),
            "progress": (lambda part: self._progress.run(self._stop, part), None),
            "platform": (lambda part: self._platform_watch.run(self._stop, part), None),
        }
        pause_s = {"registry": self._settings.registry_refresh_s}
        self._liveness.gauges.append(self._gauge)
        self._liveness.certificates = self._mailbox.certificates
        threads = [
            self._liveness.start(name, work, pause_s.get(name, 0.0), waiting) for name, (work, waiting) in parts.items()
        ]
        # a GC pause, or another thread holding the GIL for the default 5 ms, delays an alert
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_S)
        self._mailbox.start(self._liveness)
        try:
            while not stop.wait(LOOK_S) and not self._liveness.faults:
                pass
        finally:
            died = list(self._liveness.faults)
            self._liveness.finish()
            self._stop.set()
            for thread in threads:
                thread.join(10)
            self._mailbox.close()
            engine_died = any(fault.startswith("engine ") for fault in died)
            if threads[0].is_alive() or engine_died:  # amid a step; the journal has the messages since the last
                log.warning("no snapshot at the end")
            else:
                self._journal.snapshot(self._engine.memory, packed=False)
            self._journal.close()
            self._spool.close()
        if died:
            raise RuntimeError(f"died: {', '.join(died)}; see the log")

    def _gauge(self) -> None:
        metrics.alerts_spooled.set(len(self._spool))
        metrics.alerting_waiting.set(self._mailbox.waiting)

    def _wake(self) -> None:
        """Bring the engine to where the last run left it: its memory, and the messages since."""
        memory = self._journal.remembered()
        before = None if memory is None else District(memory.people, {}, {})
        self._engine = Engine(self._district.first_district(before), self._clock.now_us(), failed=_failed)
        if memory is not None:
            anew = self._engine.recall(memory)
            log.info("memory restored", people=len(memory.people), begin_anew=anew)
        heard_us = None if memory is None else memory.done_us
        self._broker_watch = BrokerWatch(
            self._database, self._settings.worker, self._settings.broker_away_s, heard_us, self._clock.now_us
        )
        self._district.prepare = self._engine.prepare
        self._hearing = Hearing(self._engine, self._look_up, self._downlink.online)
        repeated = 0
        for received_us, same_moment in groupby(self._journal.repeated(), key=lambda record: record[0]):
            messages = [(topic, content_of(topic, payload)) for _, topic, payload in same_moment]
            self._take(messages, received_us)
            self._advance(received_us)
            repeated += len(messages)
        self._settle()
        self._engine.between = self._events_first
        log.info("messages repeated since the snapshot", messages=repeated)

    # the engine's thread

    def _decide(self, part: Part) -> None:
        looked_us = self._clock.now_us()
        while not self._stop.is_set():
            part.turned()
            messages = self._mailbox.take(IDLE_S)
            since_us, looked_us = looked_us, self._clock.now_us()
            if self._broker_watch.stood_still(since_us, looked_us):
                log.warning(
                    "the clock has jumped, or this program stood still", seconds=(looked_us - since_us) // 10**6
                )
                self._engine.cut_off()
                self._settle()
            if messages:
                self._hear(messages)
                part.done()
            self._advance(self._clock.now_us())
            self._settle()
            if messages and time.monotonic() >= self._snapshot_at:
                self._journal.snapshot(lambda: self._engine.memory(self._room))
                self._snapshot_at = time.monotonic() + self._settings.snapshot_s

    def _events_first(self) -> None:
        """Called by the engine between detectors of a long step, so that events are handled before it ends."""
        while (message := self._mailbox.event(self._may_interrupt)) is not None:
            self._hear([message])

    def _may_interrupt(self, message: ReceivedMessage) -> bool:
        """Whether the event may be heard amid a step: it must not change the district, as a new device would."""
        content = message.content
        return isinstance(content, Exception) or self._hearing.knows(content)

    def _hear(self, messages: Sequence[ReceivedMessage]) -> None:
        received_us = self._clock.now_us()
        # first: a restart must remember them
        self._journal.append(received_us, [(message.topic, message.payload) for message in messages])
        self._take([(message.topic, message.content) for message in messages], received_us, answers=True)
        self._mailbox.settle(messages)
        self._progress.handled(messages[-1].arrived)

    def _take(self, messages: Sequence[tuple[str, Content]], received_us: int, *, answers: bool = False) -> None:
        frames: list[HomeMessage] = []
        for topic, content in messages:
            if isinstance(content, Exception):
                _refused(topic, content)
            elif isinstance(content.body, wire.Frame):
                frames.append(content)
            else:
                self._take_one(topic, content, received_us, answers)
        if frames:
            try:
                findings = self._hearing.hear_frames(frames, received_us, _refused_frame)
                self._publisher.take(findings, received_us)
            except Exception:
                log.exception("the engine failed on frames", frames=len(frames))

    def _take_one(self, topic: str, content: HomeMessage, received_us: int, answers: bool) -> None:
        try:
            self._publisher.take(self._hearing.hear(content, received_us), received_us)
            reply = answer(content, self._clock.now_us(), self._signer) if answers else None
            if reply is not None:
                self._mailbox.publish(*reply)
        except Exception as error:
            _refused(topic, error)

    def _advance(self, now_us: int) -> None:
        try:
            self._publisher.take(self._engine.advance(now_us), now_us)
        except Exception:  # the engine's thread must live
            log.exception("a detector failed on a step")

    def _settle(self) -> None:
        """Give the engine what changed around it: the district, pauses, the connection to the broker."""
        if self._broker_watch.is_down:
            self._engine.cut_off()
        try:
            self._district.settle(self._engine, self._broker_watch.outage)
        except Exception:  # the homes as they were are better watched than not at all
            log.exception("the changed registry cannot be used")

    def _look_up(self) -> None:
        self._district.refresh()
        self._settle()


def _refused(topic: str, error: Exception) -> None:
    if isinstance(error, DecodeError):
        log.warning("message refused (ingest keeps its bytes)", topic=topic, reason=str(error))
    else:  # a fault of ours must not silence the other homes; ingest keeps the bytes
        log.error("the engine failed on a message", topic=topic, exc_info=error)


def _refused_frame(message: HomeMessage, error: Exception) -> None:
    _refused(wire.topic(message.gateway, "observations" if message.by_exchange else "readings"), error)


def _failed(name: str, error: Exception) -> None:
    log.error("a detector failed; the others go on", detector=name, exc_info=error)


def run(
    settings: AlertingSettings,
    database: DatabaseSettings,
    broker: mqtt.Broker,
    stop: threading.Event,
    direct: DirectSender | None = None,
    liveness: Liveness | None = None,
) -> None:
    """Run the service until ``stop``. ``direct`` tells people of emergencies while the database is away.

    Raises RuntimeError where a thread of it died before.
    """
    WATCH.tell_ends(certificate_ends.recorder(database))
    Alerting(settings, database, broker, direct, liveness).run(stop)
