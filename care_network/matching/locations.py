"""Where staff on duty are now: shared by themselves, with consent that they can take back, the last place only."""

import datetime as dt
import math
from collections.abc import Collection
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError

FRESH = dt.timedelta(minutes=15)
"""An older place says nothing about where somebody is now: a quarter of an hour on foot crosses a community."""


class Location(msgspec.Struct, frozen=True):
    """Degrees, CGCS2000; the radius in metres within which the person is, as the telephone says."""

    staff_id: int
    at: dt.datetime
    longitude: float
    latitude: float
    accuracy_m: float


def consent(conn: Connection[Any], account: Account, agreed: bool, *, at: dt.datetime, origin: str = "") -> None:
    """The account's person agrees that their location is shown, or takes it back: then it is deleted at once."""
    require(account, Action.SHARE_LOCATION)
    with conn.transaction():
        staff_id, _ = _myself(conn, account)
        conn.execute("UPDATE staff SET location_consent_at = %s WHERE id = %s", (at if agreed else None, staff_id))
        if not agreed:
            conn.execute("DELETE FROM staff_location WHERE staff_id = %s", (staff_id,))
        audit(conn, account, Action.SHARE_LOCATION, at=at, origin=origin, detail={"consent": agreed})


def share(
    conn: Connection[Any], account: Account, longitude: float, latitude: float, accuracy_m: float, *, at: dt.datetime
) -> None:
    """The account's person is here now; an older report does not replace a newer one.

    Raises NotPermittedError before consent, ProvisioningError for what is no place on earth.
    """
    require(account, Action.SHARE_LOCATION)
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90 and 0 <= accuracy_m < math.inf):
        raise ProvisioningError(
            en="a location is longitude, latitude (degrees) and accuracy (metres)",
            zh="位置须为经度、纬度(度)和精度(米)",
        )
    with conn.transaction():
        staff_id, consented = _myself(conn, account)
        if consented is None:
            raise NotPermittedError(
                en="agree to share your location first; you can take it back at any time",
                zh="请先同意共享位置,您可随时撤回",
            )
        conn.execute(
            """
            INSERT INTO staff_location (staff_id, at, longitude, latitude, accuracy_m) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (staff_id) DO UPDATE SET at = excluded.at, longitude = excluded.longitude,
                latitude = excluded.latitude, accuracy_m = excluded.accuracy_m
            WHERE staff_location.at <= excluded.at
            """,
            (staff_id, at, longitude, latitude, accuracy_m),
        )


def present_locations(conn: Connection[Any], staff_ids: Collection[int], now: dt.datetime) -> dict[int, Location]:
    """By staff id: those who share their place and did so within FRESH."""
    with conn.cursor(row_factory=class_row(Location)) as cursor:
        rows = cursor.execute(
            """
            SELECT l.staff_id, l.at, l.longitude, l.latitude, l.accuracy_m
            FROM staff_location l JOIN staff s ON s.id = l.staff_id
            WHERE l.staff_id = ANY (%s) AND s.location_consent_at <= l.at AND l.at BETWEEN %s AND %s
            """,
            (list(staff_ids), now - FRESH, now + dt.timedelta(minutes=1)),
        ).fetchall()
    return {row.staff_id: row for row in rows}


def _myself(conn: Connection[Any], account: Account) -> tuple[int, dt.datetime | None]:
    row = conn.execute(
        "SELECT id, location_consent_at FROM staff WHERE account_id = %s AND active FOR UPDATE", (account.id,)
    ).fetchone()
    if row is None:
        raise NotFoundError(
            en=f"{account.login} is no member of staff; enter the login in the staff record",
            zh=f"{account.login} 未关联工作人员,请在人员档案中填写登录名",
        )
    return row[0], row[1]
