"""The account of a drill: from the gateways' ledgers to stored readings, events, alerts, and messages that arrived."""

import collections
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from alerting.service.first_call import direct_key
from dispatch.channels.sending import send_key
from shouwang.drills.load import SOS, Ledger, Press
from shouwang.drills.receiver import Arrival
from shouwang.verify.accounting import Balance, account, total
from shouwang.verify.fleet import CHANNEL, DEVICE

Connection = psycopg.Connection[Any]


class DrillAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Counts after a drill. Delays in seconds, from the press to the first message that the provider got.

    ``notifications_doubled``: messages that the provider got under two keys for the same alert, step, round and person.
    """

    readings: Balance
    pressed: int
    events_lost: int
    events_doubled: int
    alerts_lost: int
    alerts_doubled: int
    notifications_lost: int
    notifications_doubled: int
    worst_delay_s: float
    median_delay_s: float
    last_late_us: int = 0
    """When the last message arrived that was later than LATE_S; 0: none was."""

    @property
    def exact(self) -> bool:
        wrong = (
            self.events_lost, self.events_doubled, self.alerts_lost, self.alerts_doubled, self.notifications_lost,
            self.notifications_doubled,
        )  # fmt: skip
        return self.readings.exact and not any(wrong)


LATE_S = 2.0


def make_account(
    conn: Connection, ledgers: Sequence[Ledger], presses: Sequence[Press], arrivals: Iterable[Arrival]
) -> DrillAccount:
    """Compare the ledgers with what is stored and what the provider got."""
    events = _count(
        conn, "SELECT g.name, e.time FROM event e JOIN gateway g ON g.id = e.gateway_id WHERE kind = %s", SOS
    )
    alerts = _count(
        conn,
        "SELECT g.name, a.onset FROM alert a JOIN gateway g ON g.household_id = a.household_id WHERE rule = %s",
        "sos",
    )
    pressed = {(press.gateway, press.time_us) for press in presses}
    heard = first_messages(conn, arrivals)
    delays = sorted((heard[key] - key[1]) / 1e6 for key in pressed if key in heard)
    late = [heard[key] for key in pressed if key in heard and heard[key] - key[1] > LATE_S * 1e6]
    return DrillAccount(
        readings=total(_readings(conn, ledger) for ledger in ledgers),
        pressed=len(pressed),
        events_lost=len(pressed - events.keys()),
        events_doubled=sum(events.values()) - len(events),
        alerts_lost=len(pressed - alerts.keys()),
        alerts_doubled=sum(alerts.values()) - len(alerts),
        notifications_lost=len(pressed - heard.keys()),
        notifications_doubled=_doubled(conn, arrivals),
        worst_delay_s=round(delays[-1], 2) if delays else 0.0,
        median_delay_s=round(delays[len(delays) // 2], 2) if delays else 0.0,
        last_late_us=max(late, default=0),
    )


def first_messages(conn: Connection, arrivals: Iterable[Arrival]) -> dict[tuple[str, int], int]:
    """Find when the provider got the first message about each SOS, by (gateway, time of the press), all in µs."""
    first: dict[str, int] = {}
    for arrival in arrivals:
        first[arrival.key] = min(arrival.at_us, first.get(arrival.key, arrival.at_us))
    found: dict[tuple[str, int], int] = {}
    for gateway, onset, alert, kind, person, key, route in conn.execute(
        """
        SELECT g.name, (extract(epoch FROM a.onset) * 1e6)::bigint, a.id, n.recipient_kind, n.recipient_key,
               m.key, m.route
        FROM notification n LEFT JOIN message m ON m.id = n.message_id JOIN alert a ON a.id = n.alert_id
        JOIN gateway g ON g.household_id = a.household_id WHERE a.rule = 'sos'
        """
    ):
        for one in (*_keys(key, route), direct_key(alert, kind, person)):
            at_us = first.get(one)
            if at_us is not None:
                found[gateway, onset] = min(at_us, found.get((gateway, onset), at_us))
    return found


def _keys(key: uuid.UUID | None, route: Sequence[str] | None) -> list[str]:
    """List the keys under which the provider may have got a message: one for each channel."""
    return [] if key is None else [str(send_key(key, at, channel)) for at, channel in enumerate(route or (), 1)]


def _doubled(conn: Connection, arrivals: Iterable[Arrival]) -> int:
    got = {arrival.key for arrival in arrivals}
    told: collections.Counter[tuple[object, ...]] = collections.Counter()
    for *what, key, route in conn.execute(
        """
        SELECT n.alert_id, n.recipient_kind, n.recipient_key, n.reason, n.step, n.round, m.key, m.route
        FROM notification n LEFT JOIN message m ON m.id = n.message_id
        """
    ):
        told[tuple(what)] += any(one in got for one in _keys(key, route))
        alert, kind, person, reason, step, round = what
        if (reason, step, round) == ("escalation", 1, 0):  # the call without the database stands for this step
            told[tuple(what)] += direct_key(alert, kind, person) in got
    return sum(number - 1 for number in told.values() if number > 1)


def _count(conn: Connection, query: str, kind: str) -> collections.Counter[tuple[str, int]]:
    rows = conn.execute(query.encode(), (kind,)).fetchall()
    return collections.Counter((name, round(at.timestamp() * 1e6)) for name, at in rows)


def _readings(conn: Connection, ledger: Ledger) -> Balance:
    rows = conn.execute(
        """
        SELECT (extract(epoch FROM r.time) * 1e6)::bigint, r.value
        FROM reading r JOIN series s ON s.id = r.series_id JOIN device d ON d.id = s.device_id
        JOIN gateway g ON g.id = d.gateway_id WHERE g.name = %s AND d.name = %s AND s.channel = %s
        """,
        (ledger.name, DEVICE, CHANNEL),
    ).fetchall()
    times: NDArray[np.int64] = np.array([row[0] for row in rows], np.int64)
    return account(*ledger.readings(), times, np.array([row[1] for row in rows], np.float32))
