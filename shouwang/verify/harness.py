"""The proof of exactly-once storage: send, inflict faults, settle, and account for every reading and event."""

import contextlib
import random
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, LiteralString

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from firmware_profiles import wire
from ingest.quarantine.refusals import Code
from shouwang.verify.accounting import Balance, account, total
from shouwang.verify.faults import FAULTS, Fault
from shouwang.verify.fleet import EVENT, Fleet, Gateway
from shouwang.verify.servers import Servers

QUIET_BETWEEN_S = (1.0, 6.0)
FAULT_S = (0.3, 6.0)
SETTLE_S, CALM_S = 240.0, 12
Tell = Callable[[str], None]
Connection = psycopg.Connection[tuple[object, ...]]


class ProofResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the proof. ``refused``: readings of a device that is not registered, which belong into the
    quarantine. ``frames`` by stream, ``gaps`` by state."""

    broker: str
    database: str
    gateways: int
    seed: int
    seconds: float
    readings: Balance
    refused: Balance
    events: Balance
    frames: dict[str, int]
    faults: list[Fault]
    gaps: dict[str, int]
    settled_after_s: float

    @property
    def exact(self) -> bool:
        return self.readings.exact and self.refused.exact and self.events.exact


def verify(
    folder: Path,
    broker: str,
    gateways: int,
    seconds: float,
    seed: int,
    tell: Tell,
    *,
    database: str = "plain",
    faults: Collection[str] = (),
    ingest: str = "ingest",
    workers: int = 1,
    calm_s: int = CALM_S,
    keep: bool = False,
) -> ProofResult:
    """Run the proof with so many ``workers`` of ingest; ``folder`` keeps the servers' data and logs.

    ``faults``: these alone (empty: all). ``ingest``: the module that is proved. ``calm_s``: how long nothing may happen
    before the account is made. ``keep``: the database stays, to be looked at. Raises TimeoutError or RuntimeError where
    a server does not start.
    """
    rng = random.Random(seed)  # noqa: S311 - repeatable troubles, no secrets
    names = [f"gw-proof-{i:04d}" for i in range(1, gateways + 1)]
    homes = folder / "homes"
    homes.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        servers = Servers(folder, broker, database, names, ingest, workers)
        if not keep:  # the cluster may lie outside of the folder
            stack.callback(servers.postgres.discard)
        stack.enter_context(servers)
        fleet = stack.enter_context(Fleet(names, homes, servers.home))
        faults_inflicted = _trouble(servers, sorted(faults or FAULTS), rng, seconds, tell)
        fleet.hush()
        began = time.monotonic()
        _settle(servers, fleet, calm_s, tell)
        settled_after_s = time.monotonic() - began
        with servers.connect() as conn:
            return ProofResult(
                broker=broker,
                database=database,
                gateways=gateways,
                seed=seed,
                seconds=seconds,
                readings=total(_readings(conn, gateway) for gateway in fleet.gateways),
                refused=total(_refused(conn, gateway) for gateway in fleet.gateways),
                events=total(_events(conn, gateway) for gateway in fleet.gateways),
                frames=_numbers(conn, "SELECT stream, sum(high)::bigint FROM ingest_stream GROUP BY stream"),
                faults=faults_inflicted,
                gaps=_numbers(conn, "SELECT state, count(*) FROM stream_gap GROUP BY state"),
                settled_after_s=round(settled_after_s, 1),
            )


def _trouble(servers: Servers, kinds: list[str], rng: random.Random, seconds: float, tell: Tell) -> list[Fault]:
    faults: list[Fault] = []
    began = time.monotonic()
    order: list[str] = []
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, rng.uniform(*QUIET_BETWEEN_S)))
        if not order:  # each kind in each round, in an order by chance
            order = rng.sample(kinds, len(kinds))
        what, lasting = order.pop(), round(rng.uniform(*FAULT_S), 1)
        faults.append(Fault(round(time.monotonic() - began, 1), what, lasting))
        tell(f"{faults[-1].at_s:6.1f} s  {what}, {lasting} s")
        FAULTS[what](servers, rng, lasting)
    return faults


def _settle(servers: Servers, fleet: Fleet, calm_s: int, tell: Tell) -> None:
    """Wait until every gateway has sent its messages, and for some seconds nothing arrives and nothing is missing."""
    deadline, before, calm = time.monotonic() + SETTLE_S, -1, 0
    while time.monotonic() < deadline and calm < calm_s:
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


def _readings(conn: Connection, gateway: Gateway) -> Balance:
    found = conn.execute(
        """
        SELECT (extract(epoch FROM time) * 1e6)::bigint, value FROM reading
        JOIN series ON series.id = series_id JOIN device ON device.id = device_id
        JOIN gateway ON gateway.id = gateway_id WHERE gateway.name = %s
        """,
        (gateway.name,),
    ).fetchall()
    return account(*gateway.readings(), *_columns(found))


def _refused(conn: Connection, gateway: Gateway) -> Balance:
    """Balance the refused readings with the frames in the quarantine, which hold them alone."""
    found: list[tuple[Any, ...]] = conn.execute(
        "SELECT payload, times FROM quarantine WHERE gateway = %s AND code = %s", (gateway.name, Code.UNKNOWN_DEVICE)
    ).fetchall()
    stored: list[tuple[object, ...]] = []
    for payload, times in found:
        frame = wire.decode(wire.Frame, bytes(payload))
        for series in frame.series:
            at = frame.base_us + series.offsets_ms().astype(np.int64) * 1000
            stored += list(zip(at.tolist(), series.floats().tolist(), strict=True)) * times
    return account(*gateway.strangers(), *_columns(stored))


def _events(conn: Connection, gateway: Gateway) -> Balance:
    found = conn.execute(
        """
        SELECT (extract(epoch FROM time) * 1e6)::bigint, 0 FROM event
        JOIN gateway ON gateway.id = gateway_id WHERE gateway.name = %s AND kind = %s
        """,
        (gateway.name, EVENT),
    ).fetchall()
    sent_us = np.array(gateway.events_us, np.int64)
    return account(sent_us, np.zeros(len(sent_us), np.float32), *_columns(found))


def _columns(found: list[tuple[object, ...]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return np.array([row[0] for row in found], np.int64), np.array([row[1] for row in found], np.float32)


def _numbers(conn: Connection, query: LiteralString) -> dict[str, int]:
    return {str(name): int(str(number)) for name, number in conn.execute(query).fetchall()}
