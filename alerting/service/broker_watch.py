"""Watches the connection to the broker and raises an alert in the database while no home can be heard.

It is a technical alert of the platform itself, raised once however many alerting processes there are: the one that
finds none open raises it, the first whose link is back clears it, and one that is still cut off raises it again.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from alerting.core.finding import alert_id
from alerting.detection.kit.context import EVERYWHERE, Pause
from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.alerts import lifecycle
from dispatch.alerts.platform import platform_household, running
from observability.liveness import Part, unwatched

log = structlog.get_logger(__name__)

RULE, SUBJECT = "broker_away", "platform:broker"
SETTLE_S = 600.0
"""Time that homes need to send their backlog after the link is back; a silence must last longer to count."""
SHORT_S = 60.0
"""A shorter break (a restart of the broker) excuses no silence."""
LOOK_S = 1.0
_FOREVER_US = 1 << 62


class BrokerWatch:
    """Knows since when this program does not hear the homes.

    ``up`` and ``down`` are called in paho's thread, ``outage`` in the engine's; :meth:`run` has one of its own.
    """

    def __init__(
        self,
        database: DatabaseSettings,
        worker: str,
        after_s: float,
        cut_off_since_us: int | None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """``after_s``: a longer break is an alert; ``cut_off_since_us``: when an earlier run last heard the homes."""
        self._database, self._worker, self._after_s = database, worker, after_s
        self._now_us = now_us
        self._down_at: float | None = self._now()
        self._outage_us = None if cut_off_since_us is None else (cut_off_since_us, _FOREVER_US)
        self._open = True  # an alert of an earlier run may still be
        self._seen_at = 0.0  # when an alert was last seen open while this link was down
        self._changed = threading.Event()

    def up(self) -> None:
        self._down_at = None
        if self._outage_us is not None:
            since_us, now = self._outage_us[0], self._now()
            long = now - since_us / 1e6 >= SHORT_S
            self._outage_us = (since_us, round((now + SETTLE_S) * 1e6)) if long else None
        self._changed.set()

    def down(self) -> None:
        if self._down_at is None:
            self._down_at = self._now()
            begun_us = round(self._down_at * 1e6)
            again = self._outage_us is not None and self._outage_us[1] > begun_us
            self._outage_us = (self._outage_us[0] if again and self._outage_us else begun_us, _FOREVER_US)

    def stood_still(self, since_us: int, now_us: int) -> bool:
        """Whether the program stood still between two consecutive looks at the clock, and so heard nobody.

        The machine slept, or its clock was behind and has been set: no home's silence.
        """
        if since_us - now_us > SHORT_S * 1e6 and self._outage_us is not None and self._outage_us[1] != _FOREVER_US:
            # the clock was ahead: the end must not wait for a date that was wrong
            self._outage_us = (self._outage_us[0], min(self._outage_us[1], now_us + round(SETTLE_S * 1e6)))
        still = now_us - since_us >= SHORT_S * 1e6
        if still and self._down_at is None:
            self._outage_us = (since_us, now_us + round(SETTLE_S * 1e6))
        return still

    def _now(self) -> float:
        return self._now_us() / 1e6

    @property
    def is_down(self) -> bool:
        return self._down_at is not None

    @property
    def outage(self) -> Pause | None:
        """The time in which this program did not hear the homes, and in which their backlog arrives."""
        return None if self._outage_us is None else Pause("cut_off", EVERYWHERE, "", *self._outage_us)

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        """Raise and clear the alert until ``stop``."""
        part = part or unwatched()
        while not stop.is_set():
            part.turned()
            self._changed.wait(LOOK_S)
            self._changed.clear()
            down_at = self._down_at
            late = down_at is not None and self._now() - down_at >= self._after_s
            if (down_at is None and not self._open) or (down_at is not None and not late):
                continue
            try:
                options = connect_options(self._database, "alerting-link")
                with psycopg.connect(self._database.url, **options) as conn:
                    conn.execute("SELECT pg_advisory_xact_lock(hashtext('broker_away'))")
                    if down_at is None:
                        self._clear(conn)
                    else:
                        self._raise(conn, max(down_at, self._seen_at))
                self._open = down_at is not None
            except psycopg.Error as error:
                log.warning("database away; the state of the broker's link is not told", error=str(error).strip())
                stop.wait(LOOK_S)

    def _raise(self, conn: psycopg.Connection[Any], since_s: float) -> None:
        """Raise the alert, unless one is open. ``since_s``: no alert has been open since then.

        Another process whose link came back sooner may have cleared it; this one waits as long again before the next.
        """
        now = dt.datetime.fromtimestamp(self._now(), dt.UTC)
        if running(conn, RULE, SUBJECT):
            self._seen_at = now.timestamp()
            return
        household_id = platform_household(conn)
        if now.timestamp() - since_s < self._after_s or household_id is None:  # None: there is nobody to hear
            return
        since = dt.datetime.fromtimestamp(since_s, dt.UTC)
        minutes = (now - since).total_seconds() / 60
        alert = lifecycle.NewAlert(
            id=alert_id(SUBJECT, RULE, round(since.timestamp() * 1e6)),
            rule=RULE,
            rule_version=1,
            severity="technical",
            subject=SUBJECT,
            household_id=household_id,
            resident_id=None,
            onset=since,
            sensed_at=since,
            received_at=now,
            raised_at=now,
            reason_zh=f"消息服务器连接中断 {minutes:.1f} 分钟，无法接收各住户的数据和预警",
            reason_en=(
                f"The broker has been out of reach for {minutes:.1f} min: no home is heard, no alert can be raised"
            ),
            evidence={"kind": "link", "worker": self._worker},
        )
        if lifecycle.raise_alert(conn, alert):
            self._seen_at = now.timestamp()
            log.error("the broker is away", since=since.isoformat(), alert_id=str(alert.id))

    def _clear(self, conn: psycopg.Connection[Any]) -> None:
        for (number,) in running(conn, RULE, SUBJECT):
            now = dt.datetime.fromtimestamp(self._now(), dt.UTC)
            lifecycle.follow_up(conn, number, "clear", now, f"消息服务器连接已恢复（{self._worker}）")
