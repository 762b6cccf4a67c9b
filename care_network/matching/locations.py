"""Present places of staff: shared by themselves, with a consent that they can withdraw; only the last one is stored."""

import datetime as dt
import math
from collections.abc import Collection
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, may_do, require
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError

FRESH = dt.timedelta(minutes=15)
"""Older places are not used: a quarter of an hour on foot crosses a community."""


class Location(msgspec.Struct, frozen=True):
    """A place in degrees (CGCS2000), and the radius in metres that the telephone gives for it."""

    staff_id: int
    at: dt.datetime
    longitude: float
    latitude: float
    accuracy_m: float


class Sharing(msgspec.Struct, frozen=True):
    """A member of staff's consent, and the time of their last place."""

    consented_at: dt.datetime | None
    """None: they do not share it."""
    at: dt.datetime | None


def sharing(conn: Connection[Any], account: Account) -> Sharing | None:
    """How the account's person shares their place; None for an account that may not, or is no member of staff."""
    if not may_do(account, Action.SHARE_LOCATION):
        return None
    with conn.cursor(row_factory=class_row(Sharing)) as cursor:
        return cursor.execute(
            """
            SELECT s.location_consent_at AS consented_at, l.at
            FROM staff s LEFT JOIN staff_location l ON l.staff_id = s.id WHERE s.account_id = %s AND s.active
            """,
            (account.id,),
        ).fetchone()


def consent(conn: Connection[Any], account: Account, agreed: bool, *, at: dt.datetime, origin: str = "") -> None:
    """Record that the account's person agrees to show their location, or withdraws: then it is deleted at once.

    Audited; one transaction, part of the caller's if there is one. Raises NotPermittedError where the role may not
    share a location, NotFoundError where the account belongs to no active member of staff.
    """
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
    """Store the present place of the account's person; an older report does not replace a newer one.

    One transaction, part of the caller's if there is one. Raises NotPermittedError where the role may not share a
    location or the person has not agreed, NotFoundError where the account belongs to no active member of staff,
    ProvisioningError for a place that is none.
    """
    require(account, Action.SHARE_LOCATION)
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90 and 0 <= accuracy_m < math.inf):
        raise ProvisioningError(
            en="a location is longitude, latitude (degrees) and accuracy (metres)",
            zh="位置须为经度、纬度（度）和精度（米）",
        )
    with conn.transaction():
        staff_id, consented = _myself(conn, account)
        if consented is None:
            raise NotPermittedError(
                en="agree to share your location first; you can take it back at any time",
                zh="请先同意共享位置，您可随时撤回",
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
    """Find the places that these staff shared within FRESH, by staff id."""
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
            zh=f"{account.login} 未关联工作人员，请在人员档案中填写登录名",
        )
    return row[0], row[1]


class SharedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff who shares their place."""

    name_zh: str
    name_en: str
    kind: str
    phone: str
    organisation_zh: str
    organisation_en: str
    path: str
    """Of the organisation's area."""
    longitude: float
    latitude: float
    accuracy_m: float
    at: dt.datetime


def shared_places(conn: Connection[Any], under: str, now: dt.datetime) -> list[SharedPlace]:
    """List the staff of organisations below an area who share their place, as it was within FRESH."""
    with conn.cursor(row_factory=class_row(SharedPlace)) as cursor:
        return cursor.execute(
            """
            SELECT s.name_zh, s.name_en, s.kind, s.phone, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
                   a.path::text AS path, l.longitude, l.latitude, l.accuracy_m, l.at
            FROM staff_location l JOIN staff s ON s.id = l.staff_id JOIN organisation o ON o.id = s.organisation_id
            JOIN area a ON a.id = o.area_id
            WHERE s.active AND a.path <@ %s::text::ltree AND s.location_consent_at <= l.at AND l.at BETWEEN %s AND %s
            ORDER BY s.name_zh
            """,
            (under, now - FRESH, now + dt.timedelta(minutes=1)),
        ).fetchall()
