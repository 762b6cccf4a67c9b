"""The live board: open alerts in memory, shown with the database away too, and the sockets that watch it."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dispatch.core.headline import headline, place
from dispatch.core.notice import AlertNotice
from vocabulary.alert_state import OPEN
from vocabulary.severity import RANK

QUEUE_LIMIT = 256
"""Messages that a slow watcher may be behind; one that is further behind reloads the whole board."""


class Watcher:
    """One open socket, with a queue of the alerts it may see, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, may_see: Callable[[AlertNotice], bool]) -> None:
        self._loop, self.may_see = loop, may_see
        self.queue: asyncio.Queue[AlertNotice | None] = asyncio.Queue(QUEUE_LIMIT)

    def tell(self, alert: AlertNotice) -> None:
        """Queue an alert, from any thread; a watcher that is too far behind gets None instead: reload."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, alert)

    def _put(self, alert: AlertNotice) -> None:
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)
        else:
            self.queue.put_nowait(alert)


class Board:
    """Open alerts and their watchers. New alerts arrive by MQTT, changes from the database. Thread-safe."""

    def __init__(self) -> None:
        self._alerts: dict[str, AlertNotice] = {}
        self._watchers: set[Watcher] = set()
        self._lock = threading.Lock()

    def show(self, alert: AlertNotice) -> None:
        """Take a new or changed alert, and send it to the watchers who may see it. An older version changes nothing."""
        with self._lock:
            known = self._alerts.get(alert.id)
            if known is not None:
                if known.version > alert.version:
                    # The notice of an update has version 1 and says only the new severity and reason.
                    if RANK[alert.severity] >= RANK[known.severity]:
                        return
                    alert = msgspec.structs.replace(alert, state=known.state, version=known.version)
                elif known == alert:
                    return
            if alert.state in OPEN:
                self._alerts[alert.id] = alert
            else:
                self._alerts.pop(alert.id, None)
            watchers = list(self._watchers)
        for watcher in watchers:
            if watcher.may_see(alert):
                watcher.tell(alert)

    def reset(self, alerts: Iterable[AlertNotice], younger_than_us: int) -> None:
        """Replace the board by the open alerts of the database. A notice younger than ``younger_than_us`` that the
        database does not have stays: alerting is still writing it."""
        fresh = {alert.id: alert for alert in alerts}
        with self._lock:
            waiting = {i: a for i, a in self._alerts.items() if i not in fresh and a.raised_us >= younger_than_us}
            self._alerts = waiting
        for alert in fresh.values():
            self.show(alert)

    def open_alerts(self, may_see: Callable[[AlertNotice], bool]) -> list[AlertNotice]:
        """List open alerts, the gravest first, then the oldest."""
        with self._lock:
            alerts = list(self._alerts.values())
        return sorted((a for a in alerts if may_see(a)), key=lambda a: (RANK[a.severity], a.onset_us, a.id))

    @property
    def watchers(self) -> int:
        """Number of open sockets."""
        return len(self._watchers)

    def get(self, alert_id: str) -> AlertNotice | None:
        with self._lock:
            return self._alerts.get(alert_id)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Begin to watch; returns the function that ends it."""
        with self._lock:
            self._watchers.add(watcher)

        def unwatch() -> None:
            with self._lock:
                self._watchers.discard(watcher)

        return unwatch


def notice_of(row: dict[str, Any]) -> AlertNotice:
    """Make a notice of an alert's row, as ``dispatch.alerts.lifecycle`` reads it."""
    times = {
        "onset_us": row["onset"],
        "sensed_us": row["sensed_at"],
        "received_us": row["received_at"],
        "raised_us": row["raised_at"],
    }
    later = {"snoozed_us": row["snoozed_until"], "closed_us": row["closed_at"], "word_us": row["word_at"]}
    plain: dict[str, Any] = {
        name: row[name] for name in AlertNotice.__struct_fields__ if name in row and name not in ("id", "merged_into")
    }
    plain |= {name: row[name] or "" for name in ("word_zh", "word_en")}
    plain |= {name: None if time is None else round(time.timestamp() * 1e6) for name, time in later.items()}
    headline_zh, headline_en = headline(row["rule"], row["severity"], row["evidence"])
    place_zh, place_en = place((row["area_zh"], row["area_en"]), (row["address_zh"], row["address_en"]))
    return AlertNotice(
        id=str(row["id"]),
        **plain,
        **{name: round(time.timestamp() * 1e6) for name, time in times.items()},
        merged_into=None if row["merged_into"] is None else str(row["merged_into"]),
        headline_zh=headline_zh,
        headline_en=headline_en,
        place_zh=place_zh,
        place_en=place_en,
    )
