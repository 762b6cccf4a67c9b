"""The beat: what this console knows of the platform, and since when; told to every open page.

One look at the database for the whole process; each page is answered from memory, so that no page waits for a
database that stands still to hear that it does.
"""

import threading
import time
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg.rows import class_row

from care_network.access.accounts import Account
from console.board.blindness import Place, Sight, sight_of
from console.board.feed import Feed
from console.board.troubles import Known, is_calm, troubles_of
from database.pool import connect_options, deadline
from database.reports import alerting_workers
from database.settings import DatabaseSettings
from dispatch.desk.handover import Offered, offered
from observability.liveness import Liveness, Part
from vocabulary.area_path import within

log = structlog.get_logger(__name__)

BEAT_S = 2.0
"""Interval of the beat; a page that misses it for 6 s says so, for 10 s is red."""
LONGEST_S = 5.0
"""A look that takes longer is given up, and the next one begins with a new connection."""
MOST_STREETS = 3
"""Named in the banner; the list behind it has all."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the platform at one look at the database; ages in seconds at ``at``, None where it knows nothing."""

    at: float
    """By the monotonic clock."""
    places: tuple[Place, ...]
    handled_s: float | None
    """Since the newest message that detection has handled."""
    dispatch_s: float | None
    """Since the last word of the dispatch service."""
    stored_s: float | None
    """Since ingest stored a message of a home."""
    handovers: tuple[Offered, ...] = ()
    """Hand-overs that nobody has accepted."""


class Pulse:
    """Looks at the database every BEAT_S in a thread of its own, and makes the beat of what it saw. Thread-safe."""

    def __init__(self, feed: Feed, database: DatabaseSettings, liveness: Liveness | None = None) -> None:
        self._feed, self._database, self._liveness = feed, database, liveness or Liveness()
        self._started = time.monotonic()
        self._look: Look | None = None
        self._sights: dict[str, Sight] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look; the thread is a part of the console's liveness."""
        self._started = time.monotonic()
        self._thread = self._liveness.start("pulse", self._run)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(LONGEST_S + 2)

    def sight(self, area: str | None) -> Sight | None:
        """The sight of the homes of an area; None while nothing is known."""
        look = self._look
        if look is None or area is None:
            return None
        sights = self._sights
        if area not in sights:
            sights[area] = sight_of(place for place in look.places if within(place.area, area))
        return sights[area]

    def handovers(self, account: Account) -> int:
        """The number of hand-overs that wait for this account; 0 while nothing is known."""
        look = self._look
        return 0 if look is None else sum(one.waits_for(account) for one in look.handovers)

    def known(self, area: str | None) -> Known:
        """The knowledge of this moment, for an account of ``area`` (None: one that has none).

        Ages go on after the look that they come from: nobody knows what happened since.
        """
        look, now, path = self._look, time.monotonic(), self._feed.proof.state()
        since_s = now - (self._started if look is None else look.at)

        def age(seconds: float | None) -> float | None:
            return None if seconds is None else seconds + since_s

        return Known(
            looked_s=since_s,
            database=self._feed.database_up,
            broker=self._feed.broker_up,
            handled_s=None if look is None else age(look.handled_s),
            dispatch_s=None if look is None else age(look.dispatch_s),
            stored_s=None if look is None else age(look.stored_s),
            heard=look is not None and any(place.online for place in look.places),
            path_s=path.age_s,
            path_broken=bool(path.broken_en),
            sight=self.sight(area),
        )

    def beat(self, area: str | None) -> dict[str, Any]:
        """The beat of this moment, as pages get it."""
        known = self.known(area)
        return {
            "looked_s": round(known.looked_s, 1),
            "database": known.database,
            "broker": known.broker,
            "alerting_s": _rounded(known.handled_s),
            "dispatch_s": _rounded(known.dispatch_s),
            "gateways": None if known.sight is None else _told(known.sight),
            "path": msgspec.to_builtins(self._feed.proof.state()),
            "troubles": msgspec.to_builtins(troubles_of(known)),
            "calm": is_calm(known),
        }

    def _run(self, part: Part) -> None:
        while not self._stop.is_set():
            try:
                options = connect_options(self._database, "console-pulse")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    while not self._stop.is_set():
                        with deadline(conn, LONGEST_S):
                            self._look, self._sights = look(conn), {}
                        part.turned()
                        self._stop.wait(BEAT_S)
            except psycopg.Error as error:
                part.held_up(f"the database is away: {error}")
                log.warning("the state of the platform is not known", error=str(error).strip())
                self._stop.wait(BEAT_S)


def look(conn: psycopg.Connection[Any]) -> Look:
    """Read the state of the platform, of people's homes alone. Raises psycopg.Error while the database is away."""
    at = time.monotonic()
    with conn.cursor(row_factory=class_row(Place)) as cursor:
        places = cursor.execute(
            """
            WITH home AS (
                SELECT h.area_id, count(*) FILTER (WHERE g.state = 'online') AS online,
                       count(*) FILTER (WHERE g.state = 'offline') AS offline,
                       count(*) FILTER (WHERE g.state NOT IN ('online', 'offline')) AS unknown
                FROM household h JOIN gateway g ON g.household_id = h.id WHERE NOT h.synthetic GROUP BY h.id
            )
            SELECT a.path::text AS area, coalesce(s.path, a.path)::text AS street,
                   coalesce(s.name_zh, a.name_zh) AS street_zh, coalesce(s.name_en, a.name_en) AS street_en,
                   sum(online)::int AS online, sum(offline)::int AS offline, sum(unknown)::int AS unknown,
                   count(*)::int AS homes, (count(*) FILTER (WHERE online = 0))::int AS dark
            FROM home JOIN area a ON a.id = home.area_id LEFT JOIN area s ON s.level = 'street' AND a.path <@ s.path
            GROUP BY a.id, s.id
            """
        ).fetchall()
    handled = [worker.handled_s for worker in alerting_workers.load(conn) if worker.handled_s is not None]
    row = conn.execute(
        """
        SELECT (SELECT extract(epoch FROM clock_timestamp() - max(seen_at))::float8 FROM dispatch_worker),
               (SELECT extract(epoch FROM clock_timestamp() - max(updated_at))::float8 FROM ingest_stream)
        """
    ).fetchone()
    dispatch_s, stored_s = row or (None, None)
    return Look(
        at=at, places=tuple(places), handled_s=min(handled, default=None), dispatch_s=dispatch_s, stored_s=stored_s,
        handovers=offered(conn),
    )  # fmt: skip


def _told(sight: Sight) -> dict[str, Any]:
    """The sight as the beat tells it."""
    streets = [msgspec.to_builtins(street) for street in sight.streets[:MOST_STREETS]]
    return {
        "all": sight.gateways,
        "online": sight.online,
        "homes": sight.homes,
        "dark": sight.dark,
        "streets": streets,
        "more": len(sight.streets) - len(streets),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
