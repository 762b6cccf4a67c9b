"""Record looks: each page that shows people leaves a line in the audit, by the permission that every route asks for.

Pages of one alert, order or resident are audited by what loads them (:mod:`console.access`), with the resident; this is
for lists and boards, which ask again every few seconds: one line for each account, page and search in EVERY.
"""

import datetime as dt
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
import structlog
from starlette.requests import HTTPConnection

from care_network.access.accounts import Account
from care_network.access.permissions import audit

log = structlog.get_logger(__name__)

EVERY = dt.timedelta(minutes=5)
MOST = 20_000
LOADED = frozenset({
    "alert_id", "order_id", "code", "assessment_id", "proposal_id", "bed_id", "application_id",
})  # fmt: skip
"""Parts of an address that name somebody: the page's own loader writes the line."""
TILES = "/map/tiles/"
"""Pieces of the map's ground: streets, and nobody on them. The look at the map has its line."""
LONGEST = 200
SAFE = frozenset({"GET", "HEAD"})

Look = tuple[int, str, str]


class Looks:
    """The latest looks, so that a board that asks each second is one line. Threads share it."""

    def __init__(self) -> None:
        self._last: dict[Look, dt.datetime] = {}
        self._lock = threading.Lock()

    def is_new(self, look: Look, now: dt.datetime) -> bool:
        """Whether it has to be recorded; it counts as recorded from now on."""
        with self._lock:
            last = self._last.get(look)
            if last is not None and now - last < EVERY:
                return False
            self._last.pop(look, None)
            self._last[look] = now
            while len(self._last) > MOST:
                self._last.pop(next(iter(self._last)))
            return True

    def forget(self, look: Look) -> None:
        """Take it back: it could not be recorded."""
        with self._lock:
            self._last.pop(look, None)


def look_of(connection: HTTPConnection) -> Mapping[str, Any] | None:
    """The detail of a look; None for a request that changes something or whose loader writes the line itself."""
    if connection.scope["type"] == "http" and connection.scope["method"] not in SAFE:
        return None
    if LOADED & connection.path_params.keys() or connection.url.path.startswith(TILES):
        return None
    detail: dict[str, Any] = {"page": str(connection.url.path)[:LONGEST]}
    words = connection.query_params.get("q", "").strip()
    return {**detail, "words": words[:LONGEST]} if words else detail


def record(looks: Looks, database: Any, connection: HTTPConnection, account: Account, origin: str) -> None:
    """Write the look, in a transaction of its own, before anything is shown.

    While the database is away the board is shown from memory all the same, and the log has the look.
    """
    detail, now = look_of(connection), dt.datetime.now(dt.UTC)
    if detail is None:
        return
    look = (account.id, str(detail["page"]), str(detail.get("words", "")))
    if not looks.is_new(look, now):
        return
    try:
        with database() as conn:
            audit(conn, account, "view_page", at=now, origin=origin, detail=dict(detail))
    except psycopg.OperationalError as error:
        looks.forget(look)
        log.warning("a look is not in the audit", account=account.id, page=detail["page"], error=str(error).strip())
