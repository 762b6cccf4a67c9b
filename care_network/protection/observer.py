"""Keep the picture of the whole district right: look every few seconds, write what changed and when.

One process does it, whichever holds the lock; another takes over. A time in which nobody looked is written down as a
gap, so that the history never says "covered" of it.
"""

import datetime as dt
import threading
import time
from collections.abc import Mapping
from typing import Any

import psycopg
import structlog
from psycopg import Connection
from psycopg.types.json import Jsonb

from care_network.protection import loading
from care_network.protection.functions import Function, Level
from care_network.protection.hearing import Hearing, portions
from care_network.protection.judging import Cell, Cells, judge
from care_network.protection.last_words import LastWords
from care_network.protection.reasons import TRANSIENT, pack, unpack
from care_network.protection.reasons import gone as said
from database.pool import connect_options
from database.settings import DatabaseSettings
from observability.liveness import Part

log = structlog.get_logger(__name__)

ONE_OF_US = 0x50524F54454354
"""'PROTECT': advisory lock of the process that looks."""
EVERY_S = 10.0
REGISTRY_S = 30.0
"""New homes and devices are noticed after this time."""
GAP = dt.timedelta(seconds=60)
"""A longer time without a look is a gap."""
_Total = tuple[int, list[int], list[int]]
AFTER_TROUBLE_S = 5.0
LOOK_MAY_LAST_S = 60.0


class Observer:
    """The picture of a district, as far as it has been written."""

    def __init__(self, began: dt.datetime) -> None:
        self._began = began
        self._hearing = Hearing()
        self._homes: loading.Registry = {}
        self._registered = 0.0
        self._written: dict[int, Cells] | None = None
        self._totals: dict[int, _Total] = {}
        self._words = LastWords()

    def look(self, conn: Connection[Any], now: dt.datetime) -> int:
        """Look at every home and write what has changed, in one transaction; the number of residents that changed."""
        began = time.monotonic()
        if not self._homes or began - self._registered >= REGISTRY_S:
            self._homes = loading.registry(conn)
            loading.learn(conn, self._hearing, self._homes)
            self._registered = began
        self._hearing.look(conn, now)
        seen = picture(self._homes, self._hearing, loading.now_of(conn, now), round(now.timestamp()))
        before = self._written if self._written is not None else stored(conn)
        changed = {resident: cells for resident, cells in seen.items() if before.get(resident) != cells}
        try:
            with conn.transaction():
                _note_gap(conn, now)
                _write(conn, changed)
                self._write_totals(conn, seen)
                _write_changes(conn, before, changed, now)
                gone = [resident for resident in before if resident not in seen]
                if gone:
                    _write_changes(conn, before, gone_cells(conn, gone), now)
                    conn.execute("DELETE FROM protection_now WHERE resident_id = ANY(%s)", (gone,))
                took = round((time.monotonic() - began) * 1000)
                conn.execute(
                    "INSERT INTO protection_look (at, began_at, took_ms, residents) VALUES (%s, %s, %s, %s)"
                    " ON CONFLICT (one) DO UPDATE SET at = excluded.at, began_at = excluded.began_at,"
                    " took_ms = excluded.took_ms, residents = excluded.residents",
                    (now, self._began, took, len(seen)),
                )
        except psycopg.Error:
            self._registered, self._written, self._totals = 0.0, None, {}  # a resident may be gone: read all anew
            raise
        self._written = seen
        self._words.write(conn, self._hearing, round(now.timestamp()))
        return len(changed)

    def _write_totals(self, conn: Connection[Any], seen: Mapping[int, Cells]) -> None:
        """Write the totals of each compound that are other ones."""
        totals = add_up(self._homes, seen)
        changed = [
            {"area": area, "residents": total[0], "counts": total[1], "resting": total[2]}
            for area, total in totals.items()
            if self._totals.get(area) != total
        ]
        if changed:
            conn.execute(
                """
                INSERT INTO protection_total (area_id, residents, counts, resting)
                SELECT n.area, n.residents, n.counts, n.resting
                FROM jsonb_to_recordset(%s) AS n (area int, residents int, counts int[], resting int[])
                JOIN area a ON a.id = n.area
                ON CONFLICT (area_id) DO UPDATE SET residents = excluded.residents, counts = excluded.counts,
                                                    resting = excluded.resting
                """,
                (Jsonb(changed),),
            )
        if not self._totals or self._totals.keys() - totals.keys():
            conn.execute("DELETE FROM protection_total WHERE area_id <> ALL(%s)", (list(totals),))
        self._totals = totals

    def learn_anew(self) -> None:
        """Read the registry at the next look."""
        self._registered = -REGISTRY_S


def picture(homes: loading.Registry, hearing: Hearing, facts: loading.Now, at: int) -> dict[int, Cells]:
    """The cells of every resident, by id."""
    seen: dict[int, Cells] = {}
    for number, row in homes.items():
        home = loading.home_of(row, number, hearing, facts)
        for resident in row.residents:
            seen[resident] = judge(home, resident, facts.receiving, at, facts.detecting)
    return seen


def gone_cells(conn: Connection[Any], residents: list[int]) -> dict[int, Cells]:
    """The cells of those who died or moved away, so that the history does not say of them what was true before."""
    rows = conn.execute(
        "SELECT id, gone, gone_on FROM resident WHERE id = ANY(%s) AND gone IS NOT NULL", (residents,)
    ).fetchall()
    return {row[0]: dict.fromkeys(Function, Cell(Level.UNKNOWN, said(row[1], row[2]))) for row in rows}


def add_up(homes: loading.Registry, seen: Mapping[int, Cells]) -> dict[int, _Total]:
    """The totals of each compound: residents, counts by function and level, blind ones that are out or paused."""
    totals: dict[int, _Total] = {}
    levels = len(Level)
    for row in homes.values():
        total = totals.get(row.area) or (0, [0] * (levels * len(Function)), [0] * len(Function))
        for resident in row.residents:
            for place, cell in enumerate(seen[resident].values()):
                total[1][place * levels + cell.level] += 1
                if cell.level == Level.BLIND and cell.reason.code in TRANSIENT:
                    total[2][place] += 1
        totals[row.area] = (total[0] + len(row.residents), total[1], total[2])
    return totals


def stored(conn: Connection[Any]) -> dict[int, Cells]:
    """The picture as it was written last."""
    return {
        row[0]: {
            function: Cell(Level(level), unpack(reason))
            for function, level, reason in zip(Function, row[1], row[2], strict=True)
        }
        for row in conn.execute("SELECT resident_id, levels, reasons FROM protection_now")
    }


def _write(conn: Connection[Any], changed: Mapping[int, Cells]) -> None:
    rows = [
        {
            "resident": resident,
            "levels": [int(cells[function].level) for function in Function],
            "resting": [cells[function].reason.code in TRANSIENT for function in Function],
            "reasons": [pack(cells[function].reason) for function in Function],
        }
        for resident, cells in changed.items()
    ]
    for some in portions(rows):
        conn.execute(
            """
            INSERT INTO protection_now (resident_id, levels, resting, reasons)
            SELECT n.resident, n.levels, n.resting, n.reasons
            FROM jsonb_to_recordset(%s) AS n (resident int, levels smallint[], resting boolean[], reasons jsonb)
            JOIN resident r ON r.id = n.resident
            ON CONFLICT (resident_id) DO UPDATE SET levels = excluded.levels, resting = excluded.resting,
                                                    reasons = excluded.reasons
            """,
            (Jsonb(some),),
        )


def _write_changes(
    conn: Connection[Any], before: Mapping[int, Cells], changed: Mapping[int, Cells], now: dt.datetime
) -> None:
    """Write each cell whose level, or the kind of whose reason, is another one."""
    rows = [
        {"resident": resident, "function": place, "level": int(cell.level), "reason": pack(cell.reason)}
        for resident, cells in changed.items()
        for place, function in enumerate(Function)
        if _differs(before.get(resident), function, cell := cells[function])
    ]
    for some in portions(rows):
        conn.execute(
            """
            INSERT INTO protection_change (at, resident_id, function, level, reason)
            SELECT %s, n.resident, n.function, n.level, n.reason
            FROM jsonb_to_recordset(%s) AS n (resident int, function smallint, level smallint, reason jsonb)
            JOIN resident r ON r.id = n.resident
            """,
            (now, Jsonb(some)),
        )


def _differs(before: Cells | None, function: Function, cell: Cell) -> bool:
    if before is None:
        return True
    was = before[function]
    return (was.level, was.reason.code, was.reason.model) != (cell.level, cell.reason.code, cell.reason.model)


def _note_gap(conn: Connection[Any], now: dt.datetime) -> None:
    conn.execute(
        "INSERT INTO protection_gap SELECT at, %(now)s FROM protection_look WHERE at < %(now)s - %(gap)s::interval"
        " ON CONFLICT DO NOTHING",
        {"now": now, "gap": GAP},
    )


def run(database: DatabaseSettings, stop: threading.Event, part: Part) -> None:
    """Look until ``stop``; a database that is away is tried again, and what happened meanwhile is a gap."""
    while not stop.is_set():
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "protection")) as conn:
                _keep_looking(conn, stop, part)
        except psycopg.Error as error:  # away, a standby after a fail-over, amid a migration
            part.held_up(f"the database is away: {error}")
            log.warning("protection picture: the database is away", error=str(error).strip())
            stop.wait(AFTER_TROUBLE_S)
        except Exception as error:  # one odd home must not stop whatever else this program does
            part.held_up(f"looking stumbled: {type(error).__name__}")
            log.exception("protection picture: looking stumbled")
            stop.wait(AFTER_TROUBLE_S)


def _keep_looking(conn: Connection[Any], stop: threading.Event, part: Part) -> None:
    while not stop.is_set() and not _alone(conn):
        part.turned()
        stop.wait(EVERY_S)
    observer = Observer(_clock(conn))
    while not stop.is_set():
        began = time.monotonic()
        changed = observer.look(conn, _clock(conn))
        part.turned()
        if changed:
            log.info("protection picture", residents_changed=changed, took_s=round(time.monotonic() - began, 2))
        stop.wait(max(1.0, EVERY_S - (time.monotonic() - began)))


def _alone(conn: Connection[Any]) -> bool:
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (ONE_OF_US,)).fetchone()
    return row is not None and bool(row[0])


def _clock(conn: Connection[Any]) -> dt.datetime:
    """The database's time."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    moment: dt.datetime = row[0]
    return moment
