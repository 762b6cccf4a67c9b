"""Run the delivery service: plan messages, and let every channel send at its own pace. Any number of them may run."""

import datetime as dt
import threading
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import structlog

from database.pool import Pool, connect_options, make_pool
from database.settings import DatabaseSettings
from dispatch.channels import config, sending
from dispatch.channels.adapters.base import Subscription
from dispatch.channels.adapters.local import LoopBack
from dispatch.channels.lane import Lane
from dispatch.channels.notifications import WAKE
from dispatch.channels.planner import PLANNED, plan
from dispatch.channels.render import MessageLinks
from dispatch.channels.settings import NotifySettings
from dispatch.core.faults import server_message, traceback_summary
from dispatch.core.links import LinkKeyError, LinkKeys, load_link_keys
from observability import metrics
from observability.liveness import Liveness, Part
from vocabulary.synthetic import CHANNEL as LOOPBACK

log = structlog.get_logger(__name__)

RETRY_S = 1.0
LOOK_S = 0.5
"""Interval at which notifications are planned without being woken."""
TIDY_S = 60.0
COUNT_S = 5.0
"""Interval at which waiting notifications are counted for the metrics."""


class DeliveryService:
    """The delivery service of one process. Raises ConfigError where the channels are wrong."""

    def __init__(self, settings: NotifySettings, channels: config.Channels, database: DatabaseSettings) -> None:
        workers = sum(channel.workers for channel in channels.channels.values())
        room = max(database.pool_max, min(len(channels.channels) + workers, 24))
        self._pool = make_pool(database.model_copy(update={"pool_max": room}), settings.worker)
        channels, self._adapters = config.build_usable(channels, self._pool, Browsers(self._pool))
        for reason in channels.left_out.values():
            log.error("a channel is left out: nobody is told by it", reason=reason)
        channels, self._adapters[LOOPBACK] = config.with_loopback(channels), LoopBack()
        self._database, self._channels = database, channels
        # Two processes of the same name, or one started again, are different workers.
        worker = f"{settings.worker}/{uuid.uuid4().hex[:8]}"
        links = MessageLinks(_link_keys(settings.link_key_file), settings.console_url, settings.link_hours)
        self._lanes = [
            Lane(name, channels, adapter, self._pool, links, worker) for name, adapter in self._adapters.items()
        ]

    def run(self, stop: threading.Event, liveness: Liveness | None = None) -> None:
        """Run until ``stop``. Attempts under way then are repeated by another process, or at the next start.

        Raises RuntimeError where one of its threads has ended by itself.
        """
        liveness = liveness or Liveness()
        liveness.until(stop)
        self._pool.open()
        threads = [
            liveness.start("planner", lambda part: self._plan(stop, part)),
            *(liveness.start(f"lane {lane.name}", partial(lane.run, stop)) for lane in self._lanes),
        ]
        log.info("delivery service", channels=sorted(self._channels.channels))
        try:
            while not stop.wait(LOOK_S) and not liveness.faults:
                pass
        finally:
            died = list(liveness.faults)
            liveness.finish()
            stop.set()
            for lane in self._lanes:
                lane.wake.set()
            for thread in threads:
                thread.join(5)
            self._pool.close(2)
        if died:
            raise RuntimeError(f"ended by a fault, see above: {', '.join(died)}")

    def _plan(self, stop: threading.Event, part: Part) -> None:
        tidied = counted = 0.0
        while not stop.is_set():
            try:
                options = connect_options(self._database, "notify-planner")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    conn.execute(f"LISTEN {WAKE}")
                    while not stop.is_set():
                        late = sending.late_receipts(conn)
                        metrics.receipts.inc(late)
                        if plan(conn, self._channels, self._reaches, _clock(conn)) + late:
                            self._wake()
                        if time.monotonic() - tidied > TIDY_S:
                            sending.tidy(conn)
                            tidied = time.monotonic()
                        if time.monotonic() - counted > COUNT_S:
                            waiting, oldest = sending.waiting(conn)
                            metrics.notifications_waiting.set(waiting)
                            metrics.notification_oldest.set(oldest)
                            counted = time.monotonic()
                        part.turned()
                        # a list: notifications during a query within the generator would be lost (psycopg 3)
                        if any(one.payload == PLANNED for one in list(conn.notifies(timeout=LOOK_S, stop_after=1))):
                            self._wake()
            except psycopg.Error as error:
                part.held_up(f"the database is away: {server_message(error)}")
                log.warning("database away; nothing is planned", error=server_message(error))
                stop.wait(RETRY_S)
            except Exception as error:  # one fault must not end planning
                part.held_up(f"planning stumbled: {type(error).__name__}")
                log.error("planning stumbled", fault=type(error).__name__, where=traceback_summary(error))
                stop.wait(RETRY_S)

    def _wake(self) -> None:
        for lane in self._lanes:
            lane.wake.set()

    def _reaches(self, channel: str, address: str) -> bool:
        return self._adapters[channel].reaches(address)


class Browsers:
    """Browsers that accounts registered for Web Push (table ``push_subscription``)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def of(self, account_id: int) -> list[Subscription]:
        """List the browsers of an account."""
        with self._pool.connection() as conn:
            rows = conn.execute(
                "SELECT endpoint, p256dh, auth FROM push_subscription WHERE account_id = %s", (account_id,)
            ).fetchall()
        return [Subscription(*row) for row in rows]

    def forget(self, endpoint: str) -> None:
        """Drop a browser that is gone."""
        with self._pool.connection() as conn:
            conn.execute("DELETE FROM push_subscription WHERE endpoint = %s", (endpoint,))


def _link_keys(file: Path | None) -> LinkKeys | None:
    try:
        return load_link_keys(file)
    except LinkKeyError as error:
        log.error("messages go without links", reason=str(error))
        return None


def _clock(conn: psycopg.Connection[Any]) -> dt.datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    moment: dt.datetime = row[0]
    return moment


def run(
    settings: NotifySettings, database: DatabaseSettings, stop: threading.Event, liveness: Liveness | None = None
) -> None:
    """Run the delivery service until ``stop``. Raises ConfigError with what to do."""
    DeliveryService(settings, config.load(settings.channels_file), database).run(stop, liveness)
