"""Tell other systems: claim what is due, post it, write the attempt down, try again later, give up after 24 hours.

A crash between post and note posts the message again, under the same id. Of one alert nothing is told before what
happened earlier was taken or given up.
"""

import datetime as dt
import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, LiteralString

import msgspec
import psycopg
import structlog

from database.pool import connect_options
from database.rights.machine_rows import DELIVERIES, MACHINE_SETTING
from database.settings import DatabaseSettings
from exchange.webhooks.posting import TIMEOUT_S, Answer, post
from exchange.webhooks.queueing import queue_all
from exchange.webhooks.signing import headers_of
from observability import metrics
from observability.liveness import Liveness, Part

log = structlog.get_logger(__name__)
LOOK_S = 1.0
AT_ONCE, OF_ONE = 8, 2
"""Posts at the same time: of all webhooks, and of one, so that a slow receiver holds nobody else up."""
LEASE = dt.timedelta(seconds=3 * TIMEOUT_S)
PAUSES_S = (5, 30, 120, 600, 1800, 3600, 7200)
"""Between attempts; the last one again and again."""
RETRY_S = 2.0

_CLAIM: LiteralString = """
    UPDATE webhook_delivery d SET next_at = %(lease)s, attempts = d.attempts + 1
    FROM (
        SELECT c.id, w.url, w.secret FROM webhook_delivery c
        JOIN webhook w ON w.id = c.webhook_id AND w.removed_at IS NULL AND w.paused_at IS NULL
        WHERE c.state = 'waiting' AND c.next_at <= %(now)s AND NOT c.webhook_id = ANY(%(busy)s)
          AND NOT EXISTS (SELECT FROM webhook_delivery x WHERE x.webhook_id = c.webhook_id AND x.alert_id = c.alert_id
                          AND x.state = 'waiting' AND x.id < c.id)
        ORDER BY c.next_at, c.id LIMIT %(most)s FOR UPDATE OF c SKIP LOCKED
    ) due
    WHERE d.id = due.id
    RETURNING d.id, d.webhook_id, d.message_id, d.body, d.attempts, d.give_up_at, due.url, due.secret
"""


class Claimed(msgspec.Struct, frozen=True):
    """A delivery on its way."""

    id: int
    webhook_id: int
    message_id: str
    body: str
    attempt: int
    give_up_at: dt.datetime
    url: str
    secret: bytes


def pause_s(attempt: int, chance: float = 0.5) -> float:
    """Pause after so many failed attempts; ``chance`` in [0, 1) spreads it by a tenth, so that not all come at once."""
    return PAUSES_S[min(attempt, len(PAUSES_S)) - 1] * (0.9 + 0.2 * chance)


def claim(conn: psycopg.Connection[Any], now: dt.datetime, most: int, busy: list[int]) -> list[Claimed]:
    """Take what is due, for as long as a lease lasts; of webhooks that are not ``busy``."""
    rows = conn.execute(_CLAIM, {"now": now, "lease": now + LEASE, "most": most, "busy": busy}).fetchall()
    return [Claimed(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bytes(row[7])) for row in sorted(rows)]


def settle(conn: psycopg.Connection[Any], one: Claimed, answer: Answer, now: dt.datetime) -> str:
    """Write an attempt down; returns what is with the delivery now: 'delivered', 'waiting' or 'parked'."""
    later = now + dt.timedelta(seconds=pause_s(one.attempt, random.random()))  # noqa: S311 - spreads attempts
    state = "delivered" if answer.good else "parked" if later >= one.give_up_at else "waiting"
    with conn.transaction():
        conn.execute(
            "INSERT INTO webhook_attempt (delivery_id, at, attempt, status, ms, error) VALUES (%s, %s, %s, %s, %s, %s)",
            (one.id, now, one.attempt, answer.status, answer.ms, answer.error),
        )
        conn.execute(
            "UPDATE webhook_delivery SET state = %s, next_at = %s, done_at = %s WHERE id = %s AND state = 'waiting'",
            (state, later, None if state == "waiting" else now, one.id),
        )
    return state


class Webhooks:
    """One thread that queues and claims, and some that post; several processes share the rows by their locks."""

    def __init__(self, database: DatabaseSettings, liveness: Liveness, *, local: bool = False) -> None:
        self._database, self._liveness, self._local = database, liveness, local
        self._stop = threading.Event()
        self._posts = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._on_their_way: dict[Future[Answer], Claimed] = {}
        self._cleaned: dt.datetime | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Go on by itself."""
        self._threads = [self._liveness.start("webhooks", self._run)]

    def stop(self) -> None:
        """End; posts that are on their way are noted, or sent again at the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self._posts.shutdown(wait=False, cancel_futures=True)

    def _run(self, part: Part) -> None:
        while not self._stop.is_set():
            try:
                options = connect_options(self._database, "exchange-webhooks")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    while not self._stop.is_set():
                        part.turned()
                        if not self.turn(conn, dt.datetime.now(dt.UTC)):
                            self._stop.wait(0.05 if self._on_their_way else LOOK_S)
            except psycopg.Error as error:
                part.held_up(f"the database is away: {error}")
                log.warning("database away; webhooks wait", error=str(error).strip())
                self._stop.wait(RETRY_S)

    def turn(self, conn: psycopg.Connection[Any], now: dt.datetime) -> bool:
        """Note what was answered, queue what happened, post what is due; whether there was anything."""
        conn.execute("SELECT set_config(%s, %s, false)", (MACHINE_SETTING, DELIVERIES))
        worked = self._note(conn, now)
        worked = queue_all(conn, now) > 0 or worked
        counts: dict[int, int] = {}
        for one in self._on_their_way.values():
            counts[one.webhook_id] = counts.get(one.webhook_id, 0) + 1
        free = AT_ONCE - len(self._on_their_way)
        busy = [number for number, n in counts.items() if n >= OF_ONE]
        for one in claim(conn, now, min(free, OF_ONE), busy) if free > 0 else ():
            worked = True
            if self._agreed(conn, one, now):
                self._on_their_way[self._posts.submit(self._post, one)] = one
        self._measure(conn, now)
        return worked

    def _post(self, one: Claimed) -> Answer:
        body = one.body.encode()
        stamp = int(dt.datetime.now(dt.UTC).timestamp())
        return post(one.url, headers_of(one.secret, one.message_id, stamp, body), body, local=self._local)

    def _note(self, conn: psycopg.Connection[Any], now: dt.datetime) -> bool:
        ended = [future for future in self._on_their_way if future.done()]
        for future in ended:
            one = self._on_their_way[future]
            state = settle(conn, one, future.result(), now)
            del self._on_their_way[future]
            metrics.webhook_deliveries.labels(outcome={"waiting": "failed"}.get(state, state)).inc()
        return bool(ended)

    def _agreed(self, conn: psycopg.Connection[Any], one: Claimed, now: dt.datetime) -> bool:
        """Whether the resident still agrees: a consent that was withdrawn meanwhile drops what waits."""
        row = conn.execute("SELECT delivery_agreed(%s)", (one.id,)).fetchone()
        if row is not None and row[0]:
            return True
        conn.execute("UPDATE webhook_delivery SET state = 'dropped', done_at = %s WHERE id = %s", (now, one.id))
        return False

    def _measure(self, conn: psycopg.Connection[Any], now: dt.datetime) -> None:
        if self._cleaned is not None and now - self._cleaned < dt.timedelta(minutes=1):
            return
        self._cleaned = now
        row = conn.execute("SELECT min(created_at) FROM webhook_delivery WHERE state = 'waiting'").fetchone()
        oldest = row[0] if row else None
        metrics.webhook_oldest.set(0 if oldest is None else max(0.0, (now - oldest).total_seconds()))
