"""The second synthetic gateway vanishes now and then: that it is silent has to arrive at the receipt like an alert."""

import time
from typing import Any

import psycopg
import structlog

from care_network.records.synthetic import SILENT_GATEWAY
from shouwang.path import stamps
from shouwang.path.gateway import SilentGateway

log = structlog.get_logger(__name__)

LIMIT_S = 150.0
"""Alerting waits a minute after the last will of a gateway and looks every few seconds; the ladder of a synthetic home
begins at once, but messages of technical alerts wait 20 s for others like them."""
AGAIN_S = 300.0
"""After a silence that did not arrive the next one follows so soon."""
LASTING = 2
"""Silences one after the other that did not arrive: one alone may fall into a restart of the alerting service, which
hears everybody anew."""
STATUS_S = 60.0


class SilenceDrill:
    """Lets a gateway vanish at intervals, and looks for the receipt. Used from one thread."""

    def __init__(self, gateway: SilentGateway | None, first_s: float, every_s: float, limit_s: float = LIMIT_S) -> None:
        self._gateway, self._every_s, self._limit_s = gateway, every_s, limit_s
        self._next_at = time.monotonic() + first_s
        self._since: float | None = None
        self._status_at = 0.0
        self._lost = 0

    @property
    def broken(self) -> frozenset[str]:
        """The code of the link where the last silences did not arrive."""
        return frozenset({"silence"}) if self._lost >= LASTING else frozenset()

    def begin(self) -> None:
        """Bring the gateway online."""
        if self._gateway is not None:
            self._gateway.appear()

    def end(self) -> None:
        """Take it offline in good order."""
        if self._gateway is not None:
            self._gateway.stop()

    def look(self, conn: psycopg.Connection[Any]) -> None:
        """Vanish when it is time, and look whether it has arrived. Raises psycopg.Error."""
        if self._gateway is None:
            return
        now = time.monotonic()
        if self._since is not None:
            self._judge(conn, self._gateway, self._since, now)
        elif now >= self._next_at and self._gateway.online:  # else there is no last will
            rest_s = stamps.silence_rests_s(conn, SILENT_GATEWAY)
            if rest_s > 0:  # alerting would not say it again yet, as after a restart of this program
                self._next_at = now + rest_s
            else:
                self._gateway.vanish()
                self._since = now
        elif now >= self._status_at:
            self._gateway.tell()
            self._status_at = now + STATUS_S

    def _judge(self, conn: psycopg.Connection[Any], gateway: SilentGateway, since: float, now: float) -> None:
        arrived = stamps.silence_arrived(conn, SILENT_GATEWAY, now - since)
        if not arrived and now - since <= self._limit_s:
            return
        self._lost = 0 if arrived else self._lost + 1
        self._next_at = now + (self._every_s if arrived else min(AGAIN_S, self._every_s))
        if arrived:
            log.info("a silence has arrived", seconds=round(now - since))
        else:
            log.warning("a silence has not arrived", seconds=round(now - since))
        self._since = None
        gateway.appear()
