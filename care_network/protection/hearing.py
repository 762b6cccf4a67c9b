"""Keep when each device was last heard and what it last said of itself: battery, contact, movement, door.

The table of readings is asked for the newest value of each series, a part of the series at each look, from the last
look on; only a series that is new is looked for in the days before.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, TypeVar

import msgspec
from psycopg import Connection

from care_network.protection.functions import PRESENCE, SIGNS
from firmware_profiles.channels import EVENTS

BACK_S = 8 * 86_400
"""Longer than any device may be silent."""
EVERY_S = 38
"""Each series is looked at again after this time."""
TURNS = 4
LATE_S = 180
"""Readings may be stored so late."""
AHEAD_S = 60
"""Clocks of homes that are ahead by more say nothing of when a device was heard."""
AT_ONCE = 10_000
OVERLAP = 2000
"""Events whose number is older by this are read again: their transaction may have ended later."""
OF_OTHERS = frozenset(event for event in EVENTS if event.endswith(("_fault", "_due"))) | {"local_alarm"}
"""Events that the gateway tells of a device: it need not have been heard."""
DOORS = frozenset({"door_opened", "door_closed"})
MOVES = PRESENCE | SIGNS | {"body_movement"}
"""Not steps: the count of a day stays as it is while the pendant lies on a table."""
REACHABLE, BATTERY = "reachable", "battery"


Some = TypeVar("Some")


def portions(all_of_them: Sequence[Some]) -> Iterator[Sequence[Some]]:
    """Parts of at most AT_ONCE, so that no statement takes long."""
    for start in range(0, len(all_of_them), AT_ONCE):
        yield all_of_them[start : start + AT_ONCE]


class Heard(msgspec.Struct):
    """The last words of a device; seconds since 1970, 0: never."""

    heard: int = 0
    unreachable: int = 0
    battery: int | None = None
    moved: int = 0
    door: int = 0


class _Series(msgspec.Struct):
    device: int
    channel: str
    looked: int = 0


class Hearing:
    """All devices of a district, or those of one home."""

    def __init__(self) -> None:
        self.devices: dict[int, Heard] = {}
        self._series: dict[int, _Series] = {}
        self._event = 0
        self._new: list[int] = []

    def learn(self, devices: Set[int], series: Iterable[tuple[int, int, str]]) -> None:
        """Take in the registry: ids of the devices, and (id, device, channel) of their series."""
        for gone in self.devices.keys() - devices:
            del self.devices[gone]
        for device in devices - self.devices.keys():
            self.devices[device] = Heard()
            self._new.append(device)
        wanted = {number: (device, channel) for number, device, channel in series}
        self._series = {
            number: self._series.get(number) or _Series(device, channel)
            for number, (device, channel) in wanted.items()
            if device in self.devices
        }

    def look(self, conn: Connection[Any], now: dt.datetime) -> None:
        """Ask for what is new."""
        at = round(now.timestamp())
        first = [number for number, series in self._series.items() if not series.looked]
        again = [number for number, series in self._series.items() if series.looked and at - series.looked >= EVERY_S]
        for numbers, back in ((first, BACK_S), (again, None)):
            for some in portions(numbers):
                since = at - back if back else min(self._series[number].looked for number in some) - LATE_S
                self._take(_newest(conn, some, since, at), self._hear)
                moving = [number for number in some if self._series[number].channel in MOVES]
                self._take(_newest(conn, moving, since, at, least=0.5), self._move)
                for place, number in enumerate(some):
                    turn = place % TURNS if back else 0
                    self._series[number].looked = at - turn * EVERY_S // TURNS
        self._events(conn, at)

    def _take(self, rows: Iterable[tuple[int, int, float]], keep: Any) -> None:
        for number, time, value in rows:
            series = self._series[number]
            keep(self.devices[series.device], series.channel, time, value)

    @staticmethod
    def _hear(device: Heard, channel: str, time: int, value: float) -> None:
        if channel == REACHABLE:
            device.unreachable = 0 if value >= 0.5 else device.unreachable or time
            return
        device.heard = max(device.heard, time)
        if channel == BATTERY:
            device.battery = round(value)

    @staticmethod
    def _move(device: Heard, _channel: str, time: int, _value: float) -> None:
        device.moved = max(device.moved, time)

    def _events(self, conn: Connection[Any], at: int) -> None:
        newest = conn.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
        new, self._new = self._new, []
        rows: list[tuple[int, str, int]] = []
        for some in portions(new):
            rows += _events_of(conn, some, at)
        if self._event:
            rows += conn.execute(
                "SELECT device_id, kind, extract(epoch FROM time)::bigint FROM event WHERE id > %s AND time <= %s",
                (self._event - OVERLAP, _moment(at + AHEAD_S)),
            ).fetchall()
        self._event = newest[0] if newest else 0
        for device_id, kind, time in rows:
            device = self.devices.get(device_id)
            if device is None or kind in OF_OTHERS:
                continue
            device.heard = max(device.heard, min(time, at))
            if kind in DOORS:
                device.door = max(device.door, min(time, at))


def _moment(at: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at, dt.UTC)


def _newest(
    conn: Connection[Any], series: Sequence[int], since: int, at: int, least: float | None = None
) -> list[tuple[int, int, float]]:
    """(series, s since 1970, value) of the newest reading of each that has one, of those not below ``least``."""
    if not series:
        return []
    return conn.execute(
        """
        SELECT s.id, least(extract(epoch FROM r.time)::bigint, %(at)s), r.value
        FROM unnest(%(series)s::int[]) AS s(id) CROSS JOIN LATERAL (
            SELECT time, value FROM newest_readings(
                s.id, %(since)s, %(until)s, 1, coalesce(%(least)s::real, '-infinity'))) r
        """,
        {"series": list(series), "since": _moment(since), "until": _moment(at + AHEAD_S), "at": at, "least": least},
    ).fetchall()


def _events_of(conn: Connection[Any], devices: Sequence[int], at: int) -> list[tuple[int, str, int]]:
    """The newest event of each device, and its newest of the door."""
    return conn.execute(
        """
        SELECT d.id, e.kind, extract(epoch FROM e.time)::bigint FROM unnest(%(devices)s::int[]) AS d(id)
        CROSS JOIN LATERAL (
            (SELECT kind, time FROM event WHERE device_id = d.id AND time > %(since)s AND time <= %(until)s
               AND kind <> ALL(%(others)s) ORDER BY time DESC LIMIT 1)
            UNION ALL
            (SELECT kind, time FROM event WHERE device_id = d.id AND time > %(since)s AND time <= %(until)s
               AND kind = ANY(%(doors)s) ORDER BY time DESC LIMIT 1)) e
        """,
        {
            "devices": list(devices), "since": _moment(at - BACK_S), "until": _moment(at + AHEAD_S),
            "others": sorted(OF_OTHERS), "doors": sorted(DOORS),
        },
    ).fetchall()  # fmt: skip
