"""Sends, breaks, mends, waits until all is quiet, and accounts for every reading and event."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import psycopg

from shouwang.verify.accounting import Account, account, total
from shouwang.verify.fleet import EVENT, Fleet
from shouwang.verify.servers import Fault, Servers

QUIET_BETWEEN_S = (1.0, 6.0)
FAULT_S = (0.3, 6.0)
SETTLE_S = 240.0
Tell = Callable[[str], None]


class Result(msgspec.Struct, frozen=True):
    """What the proof found; ``gaps`` by state."""

    broker: str
    gateways: int
    seed: int
    seconds: float
    readings: Account
    events: Account
    faults: list[Fault]
    gaps: dict[str, int]
    settled_after_s: float

    @property
    def exact(self) -> bool:
        return self.readings.exact and self.events.exact


def verify(
    folder: Path, broker: str, gateways: int, seconds: float, seed: int, tell: Tell, *, workers: int = 1
) -> Result:
    """Run the proof with so many ``workers`` of ingest; ``folder`` keeps the servers' data and logs.

    Raises TimeoutError or RuntimeError where a server does not start.
    """
    rng = random.Random(seed)  # noqa: S311 - repeatable troubles, no secrets
    names = [f"gw-proof-{i:04d}" for i in range(1, gateways + 1)]
    homes = folder / "homes"
    homes.mkdir(parents=True)
    with Servers(folder, broker, names, workers) as servers, Fleet(names, homes, servers.broker.settings) as fleet:
        faults = _trouble(servers, fleet, rng, seconds, tell)
        fleet.hush()
        began = time.monotonic()
        _settle(servers, fleet, tell)
        settled_after_s = time.monotonic() - began
        with servers.connect() as conn:
            readings, events = _account(conn, fleet)
            gaps = conn.execute("SELECT state, count(*) FROM stream_gap GROUP BY state").fetchall()
    return Result(
        broker,
        gateways,
        seed,
        seconds,
        readings,
        events,
        faults,
        {str(state): int(str(number)) for state, number in gaps},
        round(settled_after_s, 1),
    )


def _trouble(servers: Servers, fleet: Fleet, rng: random.Random, seconds: float, tell: Tell) -> list[Fault]:
    known, faults = servers.faults(fleet), []
    began = time.monotonic()
    order: list[str] = []
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, rng.uniform(*QUIET_BETWEEN_S)))
        if not order:  # each kind in each round, in an order by chance
            order = rng.sample(sorted(known), len(known))
        what, lasting = order.pop(), round(rng.uniform(*FAULT_S), 1)
        faults.append(Fault(round(time.monotonic() - began, 1), what, lasting))
        tell(f"{faults[-1].at_s:6.1f} s  {what}, {lasting} s")
        known[what](rng, lasting)
    return faults


def _settle(servers: Servers, fleet: Fleet, tell: Tell) -> None:
    """Until every gateway is rid of its messages, and for some seconds nothing comes and nothing is missing."""
    deadline, before, calm = time.monotonic() + SETTLE_S, -1, 0
    while time.monotonic() < deadline and calm < 12:
        time.sleep(1)
        pending = fleet.pending
        try:
            with servers.connect() as conn:
                row = conn.execute(
                    """
                    SELECT (SELECT coalesce(sum(high), 0) FROM ingest_stream)::bigint
                        + (SELECT count(*) FROM event) + (SELECT count(*) FROM stream_gap WHERE state = 'repaired'),
                        (SELECT count(*) FROM stream_missing)
                    """
                ).fetchone()
        except psycopg.OperationalError:
            continue
        stored, missing = (int(str(n)) for n in row or (0, 1))
        calm = calm + 1 if (stored, pending, missing) == (before, 0, 0) else 0
        before = stored
        tell(f"settling: {pending} messages wait, {missing} streams miss something")


def _account(conn: psycopg.Connection[tuple[object, ...]], fleet: Fleet) -> tuple[Account, Account]:
    readings, events = [], []
    for gateway in fleet.gateways:
        found = conn.execute(
            """
            SELECT (extract(epoch FROM time) * 1e6)::bigint, value FROM reading
            JOIN series ON series.id = series_id JOIN device ON device.id = device_id
            JOIN gateway ON gateway.id = gateway_id WHERE gateway.name = %s
            """,
            (gateway.name,),
        ).fetchall()
        times = np.array([row[0] for row in found], np.int64)
        values = np.array([row[1] for row in found], np.float32)
        readings.append(account(*gateway.readings(), times, values))
        told = conn.execute(
            """
            SELECT (extract(epoch FROM time) * 1e6)::bigint FROM event
            JOIN gateway ON gateway.id = gateway_id WHERE gateway.name = %s AND kind = %s
            """,
            (gateway.name, EVENT),
        ).fetchall()
        sent_us = np.array(gateway.events_us, np.int64)
        stored_us = np.array([row[0] for row in told], np.int64)
        ones = np.zeros(len(sent_us), np.float32), np.zeros(len(stored_us), np.float32)
        events.append(account(sent_us, ones[0], stored_us, ones[1]))
    return total(readings), total(events)
