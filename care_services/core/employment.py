"""The place of an account in the care network: its level, and the organisation that employs its person."""

from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account

Level = Literal["station", "street", "district"]
LEVELS: tuple[Level, ...] = ("station", "street", "district")
"""From the lowest: the three levels of service control (三级服务管控)."""
_OF_AREA: dict[str, Level] = {"district": "district", "city": "district", "street": "street"}


class Employment(msgspec.Struct, frozen=True):
    """The post of somebody when work is judged. None: the account belongs to no member of staff."""

    level: Level
    staff_id: int | None
    organisation_id: int | None


def level_of_area(level: str) -> Level:
    """The level of an area: a community's, compound's or household's is the station's."""
    return _OF_AREA.get(level, "station")


def at_least(level: Level, wanted: Level) -> bool:
    """Whether a level is ``wanted`` or above it."""
    return LEVELS.index(level) >= LEVELS.index(wanted)


def above(level: Level) -> Level:
    """The level above; of the district itself the district."""
    return LEVELS[min(LEVELS.index(level) + 1, len(LEVELS) - 1)]


def employment_of(conn: Connection[Any], account: Account) -> Employment:
    """Where an account stands. Without an area (a family) it is the lowest level, and of no organisation."""
    row = conn.execute(
        "SELECT (SELECT level FROM area WHERE path = %s::ltree), s.id, s.organisation_id"
        " FROM (VALUES (1)) one LEFT JOIN staff s ON s.account_id = %s AND s.active",
        (account.area_path, account.id),
    ).fetchone()
    assert row is not None  # noqa: S101 - of one row of values
    return Employment(level_of_area(row[0] or ""), row[1], row[2])
