"""Read the picture for people: one resident as it is now, totals of an area, the residents of a place.

Lists come from what the observer wrote last, with its age; where it has not looked for a minute every cell is unknown.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from care_network.protection import loading
from care_network.protection.functions import Function, Level, serves
from care_network.protection.hearing import Hearing
from care_network.protection.judging import Cell, Cells, judge
from care_network.protection.reasons import Reason, gone, unpack

STALE_S = 60
PAGE = 50
"""Residents on a page of the matrix."""


class Look(msgspec.Struct, frozen=True):
    """When the picture was last right. ``age_s``: None before the first look."""

    at: dt.datetime | None = None
    age_s: float | None = None

    @property
    def known(self) -> bool:
        """Whether somebody looks; else every cell is unknown."""
        return self.age_s is not None and self.age_s <= STALE_S

    @property
    def reason(self) -> Reason:
        """Why every cell is unknown."""
        return Reason("unseen", 0 if self.at is None else round(self.at.timestamp()))


class Total(msgspec.Struct):
    """An area's residents by function and level. ``resting``: of the blind ones, those who are out or paused."""

    path: str
    name_zh: str
    name_en: str
    level: str
    residents: int = 0
    counts: dict[Function, list[int]] = msgspec.field(
        default_factory=lambda: {function: [0] * len(Level) for function in Function}
    )
    resting: dict[Function, int] = msgspec.field(default_factory=lambda: dict.fromkeys(Function, 0))


class Line(msgspec.Struct, frozen=True):
    """A resident and their cells."""

    id: int
    code: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    area_zh: str
    area_en: str
    cells: Cells


def look(conn: Connection[Any], now: dt.datetime) -> Look:
    """When the observer last looked."""
    row = conn.execute("SELECT at FROM protection_look").fetchone()
    return Look() if row is None else Look(row[0], max(0.0, (now - row[0]).total_seconds()))


def of_resident(conn: Connection[Any], resident_id: int, now: dt.datetime) -> Cells:
    """The seven cells of one resident, judged at this moment. Unknown for who is gone, and for nobody of that id."""
    found = _judged(conn, resident_id, now)
    if found:
        return found[1]
    query = "SELECT gone, gone_on FROM resident WHERE id = %s AND gone IS NOT NULL"
    row = conn.execute(query, (resident_id,)).fetchone()
    return dict.fromkeys(Function, Cell(Level.UNKNOWN, gone(row[0], row[1]) if row else Reason("unseen")))


def rooms_watched(conn: Connection[Any], resident_id: int, now: dt.datetime) -> tuple[list[str], Cells]:
    """Rooms in which a sensor that works sees somebody, and the cells."""
    found = _judged(conn, resident_id, now)
    if found is None:
        return [], of_resident(conn, resident_id, now)
    home, cells, facts = found
    rooms = []
    for device in home.devices:
        can = serves(device.model, device.room)
        alone = msgspec.structs.replace(home, devices=[device], carer=None, paused=0)
        if can and can.presence and device.room and device.room not in rooms:
            seen = judge(alone, resident_id, facts.receiving, round(now.timestamp()), facts.detecting)
            if seen[Function.STILLNESS].level <= Level.WEAK:
                rooms.append(device.room)
    return rooms, cells


def _judged(conn: Connection[Any], resident_id: int, now: dt.datetime) -> tuple[Any, Cells, loading.Now] | None:
    row = conn.execute("SELECT household_id FROM resident WHERE id = %s AND gone IS NULL", (resident_id,)).fetchone()
    homes = loading.registry(conn, row[0]) if row else {}
    if not homes:
        return None
    household = next(iter(homes))
    hearing = Hearing()
    loading.learn(conn, hearing, homes)
    hearing.look(conn, now)
    facts = loading.now_of(conn, now, household)
    home = loading.home_of(homes[household], household, hearing, facts)
    cells = judge(home, resident_id, facts.receiving, round(now.timestamp()), facts.detecting)
    return home, cells, facts


def totals(conn: Connection[Any], under: str, now: dt.datetime) -> tuple[Total, list[Total]]:
    """The area's total, and those of the areas right below it, in the order of their paths."""
    seen = look(conn, now)
    areas = conn.execute(
        "SELECT path::text, name_zh, name_en, level FROM area WHERE path <@ %(under)s::ltree"
        " AND nlevel(path) <= nlevel(%(under)s::ltree) + 1 ORDER BY path",
        {"under": under},
    ).fetchall()
    known = {row[0]: Total(*row) for row in areas}
    whole = known.pop(under, Total(under, under, under, ""))
    rows = conn.execute(
        """
        SELECT CASE WHEN nlevel(a.path) > nlevel(%(under)s::ltree)
                    THEN subpath(a.path, 0, nlevel(%(under)s::ltree) + 1)::text END, t.residents, t.counts, t.resting
        FROM protection_total t JOIN area a ON a.id = t.area_id WHERE a.path <@ %(under)s::ltree
        """,
        {"under": under},
    ).fetchall()
    if not rows:  # nobody has looked so far
        rows = conn.execute(_RESIDENTS, {"under": under}).fetchall()
    for child, residents, counts, resting in rows:
        for total in (whole, known.get(child)):
            if total is not None:
                _add(total, residents, counts, resting, known=seen.known)
    return whole, [total for total in known.values() if total.residents]


_RESIDENTS = """
    SELECT CASE WHEN nlevel(a.path) > nlevel(%(under)s::ltree)
                THEN subpath(a.path, 0, nlevel(%(under)s::ltree) + 1)::text END AS child, count(*), NULL, NULL
    FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
    WHERE a.path <@ %(under)s::ltree AND NOT h.synthetic AND r.gone IS NULL GROUP BY child
"""


def _add(total: Total, residents: int, counts: list[int] | None, resting: list[int] | None, *, known: bool) -> None:
    total.residents += residents
    for place, function in enumerate(Function):
        mine = total.counts[function]
        if counts is None or resting is None or not known:
            mine[Level.UNKNOWN] += residents
            continue
        for level in Level:
            mine[level] += counts[place * len(Level) + level]
        total.resting[function] += resting[place]


def matrix(
    conn: Connection[Any],
    under: str,
    now: dt.datetime,
    function: Function | None = None,
    level: Level | None = None,
    page: int = 1,
) -> tuple[list[Line], int]:
    """A page of the residents below an area, and how many there are; those alone of a level in a function."""
    seen = look(conn, now)
    where = ""
    if function is not None and level is not None:
        if not seen.known and level != Level.UNKNOWN:
            return [], 0
        if seen.known:
            where = "AND coalesce(p.levels[%(place)s], %(unknown)s) = %(level)s"
    values = {
        "under": under, "place": 1 + list(Function).index(function) if function else 1, "level": level,
        "unknown": int(Level.UNKNOWN), "limit": PAGE, "offset": (page - 1) * PAGE,
    }  # fmt: skip
    among = f"""
        FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
        LEFT JOIN protection_now p ON p.resident_id = r.id
        WHERE a.path <@ %(under)s::ltree AND NOT h.synthetic AND r.gone IS NULL {where}
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        number = cursor.execute(f"SELECT count(*) AS n {among}", values).fetchone()
        rows = cursor.execute(
            f"""
            SELECT r.id, r.code, r.name_zh, r.name_en, h.address_zh, h.address_en, a.name_zh AS area_zh,
                   a.name_en AS area_en, p.levels, p.reasons
            {among} ORDER BY a.path, h.code, r.code LIMIT %(limit)s OFFSET %(offset)s
            """,
            values,
        ).fetchall()
    return [_line(row, seen) for row in rows], number["n"] if number else 0


def _line(row: dict[str, Any], seen: Look) -> Line:
    levels, reasons = row.pop("levels"), row.pop("reasons")
    if levels is None or not seen.known:
        cells = dict.fromkeys(Function, Cell(Level.UNKNOWN, seen.reason if not seen.known else Reason("unseen")))
    else:
        cells = {f: Cell(Level(n), unpack(r)) for f, n, r in zip(Function, levels, reasons, strict=True)}
    return Line(**row, cells=cells)
