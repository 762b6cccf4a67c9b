"""The live board: open alerts in memory, whatever the state of the database, and everybody who watches."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dispatch.core.notice import AlertNotice
from vocabulary.alert_state import OPEN
from vocabulary.severity import RANK

QUEUE_LIMIT = 256
"""Messages a slow watcher may be behind; beyond it starts anew with the whole board."""


class Watcher:
    """One open socket: gets the alerts it may see, in order, by its own queue."""

    def __init__(self, loop: asyncio.AbstractEventLoop, may_see: Callable[[AlertNotice], bool]) -> None:
        self._loop, self.may_see = loop, may_see
        self.queue: asyncio.Queue[AlertNotice | None] = asyncio.Queue(QUEUE_LIMIT)

    def tell(self, alert: AlertNotice) -> None:
        """From any thread, at once; a watcher that is too far behind is told to reload (None)."""
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
    """Thread-safe. Alerts arrive by MQTT (new ones, at once) and from the database (changes)."""

    def __init__(self) -> None:
        self._alerts: dict[str, AlertNotice] = {}
        self._watchers: set[Watcher] = set()
        self._lock = threading.Lock()

    def show(self, alert: AlertNotice) -> None:
        """Take a new or changed alert, and tell everybody who may see it. An older version changes nothing."""
        with self._lock:
            known = self._alerts.get(alert.id)
            if known is not None:
                if known.version > alert.version:
                    # A notice of an update carries version 1; what it tells is the new severity and reason.
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
        """What the database says is open. A notice younger than ``younger_than_us`` that it does not have yet stays:
        alerting is still writing it."""
        fresh = {alert.id: alert for alert in alerts}
        with self._lock:
            waiting = {i: a for i, a in self._alerts.items() if i not in fresh and a.raised_us >= younger_than_us}
            self._alerts = waiting
        for alert in fresh.values():
            self.show(alert)

    def open_alerts(self, may_see: Callable[[AlertNotice], bool]) -> list[AlertNotice]:
        """The gravest first, then the oldest."""
        with self._lock:
            alerts = list(self._alerts.values())
        return sorted((a for a in alerts if may_see(a)), key=lambda a: (RANK[a.severity], a.onset_us, a.id))

    def get(self, alert_id: str) -> AlertNotice | None:
        with self._lock:
            return self._alerts.get(alert_id)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Begin to watch; returns what ends it."""
        with self._lock:
            self._watchers.add(watcher)

        def unwatch() -> None:
            with self._lock:
                self._watchers.discard(watcher)

        return unwatch


def notice_of(row: dict[str, Any]) -> AlertNotice:
    """The notice of an alert as ``dispatch.alerts.lifecycle`` reads it from the database."""
    times = {
        "onset_us": row["onset"],
        "sensed_us": row["sensed_at"],
        "received_us": row["received_at"],
        "raised_us": row["raised_at"],
    }
    plain = {name: row[name] for name in AlertNotice.__struct_fields__ if name in row and name != "id"}
    return AlertNotice(
        id=str(row["id"]), **plain, **{name: round(time.timestamp() * 1e6) for name, time in times.items()}
    )
