"""Parameters of the detectors as people set them: an append-only history, of which the newest line holds.

Here a parameter is a name and a number; its meaning and limits are in ``alerting.tuning.catalogue``.
"""

import datetime as dt
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

Scope = Literal["district", "grade", "home", "resident"]


class Place(msgspec.Struct, frozen=True):
    """The scope of a setting: the whole district, an ability grade, a home, or a resident."""

    scope: Scope
    grade: str | None = None
    household_id: int | None = None
    resident_id: int | None = None


DISTRICT = Place("district")


class Setting(msgspec.Struct, frozen=True):
    """A value that holds now."""

    place: Place
    name: str
    value: float


class Author(msgspec.Struct, frozen=True):
    """The person who sets a parameter; ``account_id`` None for a district file."""

    account_id: int | None
    name: str
    origin: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history; a value of None: not set at that place."""

    id: int
    at: dt.datetime
    name: str
    old_value: float | None
    new_value: float | None
    actor: str
    origin: str
    reason: str


# One place's lines; with %(name)s those of one parameter.
_HISTORY = """
    SELECT id, at, name, old_value, new_value, actor, origin, reason FROM parameter_change
    WHERE scope = %(scope)s AND grade IS NOT DISTINCT FROM %(grade)s
      AND household_id IS NOT DISTINCT FROM %(household_id)s AND resident_id IS NOT DISTINCT FROM %(resident_id)s
      AND (%(name)s::text IS NULL OR name = %(name)s)
    ORDER BY id DESC
"""


def current(conn: Connection[Any], as_of: dt.datetime | None = None) -> list[Setting]:
    """Read all settings that hold now, or held at a moment, at all places."""
    rows = conn.execute(
        """
        SELECT scope, grade, household_id, resident_id, name, new_value FROM (
            SELECT DISTINCT ON (scope, grade, household_id, resident_id, name) * FROM parameter_change
            WHERE %(as_of)s::timestamptz IS NULL OR at <= %(as_of)s
            ORDER BY scope, grade, household_id, resident_id, name, id DESC
        ) AS newest WHERE new_value IS NOT NULL
        """,
        {"as_of": as_of},
    )
    return [Setting(Place(*row[:4]), row[4], row[5]) for row in rows]


def history(conn: Connection[Any], place: Place, name: str | None = None) -> list[Change]:
    """Read the changes at a place, or of one parameter there; the newest first."""
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(_HISTORY, msgspec.structs.asdict(place) | {"name": name}).fetchall()


def author_of(conn: Connection[Any], number: int) -> int | None:
    """The account that made a change; None: no account, or no such change."""
    row = conn.execute("SELECT account_id FROM parameter_change WHERE id = %s", (number,)).fetchone()
    return None if row is None else row[0]


def lock(conn: Connection[Any]) -> None:
    """Let nobody else change parameters until the end of the transaction."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtext('parameter_change'))")


def append_change(
    conn: Connection[Any], place: Place, name: str, value: float | None, author: Author, reason: str, at: dt.datetime
) -> bool:
    """Set a parameter at a place (None: no longer); False where the value holds already."""
    with conn.transaction():
        lock(conn)
        before = history(conn, place, name)
        old = before[0].new_value if before else None
        if old == value:
            return False
        conn.execute(
            """
            INSERT INTO parameter_change (at, scope, grade, household_id, resident_id, name, old_value, new_value,
                                          account_id, actor, origin, reason)
            VALUES (%(at)s, %(scope)s, %(grade)s, %(household_id)s, %(resident_id)s, %(name)s, %(old)s, %(new)s,
                    %(account)s, %(actor)s, %(origin)s, %(reason)s)
            """,
            msgspec.structs.asdict(place)
            | {"at": at, "name": name, "old": old, "new": value, "account": author.account_id, "actor": author.name}
            | {"origin": author.origin, "reason": reason},
        )
    return True
