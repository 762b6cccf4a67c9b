"""A small city with people on duty, and alerts in it, for the tests of work orders."""

import datetime as dt
import uuid
from functools import cache, partial

import psycopg

from care_network.records import kinds, store
from care_network.records.staff_records import NewRosterEntry, NewShift, NewStaff
from dispatch.alerts import lifecycle
from dispatch.alerts.lifecycle import NewAlert
from dispatch.core.history import Actor
from tests.support.network import NOW, build_city
from tests.support.replay import Replay
from tests.support.rules import about

ZHOU = Actor(None, "周敏", "10.0.0.1")
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


def staff_city(conn: psycopg.Connection, people: int = 3) -> None:
    """``build_city``, and S11, S12 … who can lift and are always on duty at Haishan's center; S1 is there, too."""
    _cities(people)(conn)


@cache
def _cities(people: int) -> Replay:
    return Replay(partial(_staff_city, people=people))


def _staff_city(conn: psycopg.Connection, people: int) -> None:
    build_city(conn)
    today = NOW.date()
    store.add(conn, kinds.SHIFT, NewShift("center-1", "all", "全天", "All day", dt.time(0), dt.time(0)), today)
    for number in range(11, 11 + people):
        new = NewStaff(
            code=f"S{number}",
            organisation="center-1",
            kind="carer",
            name_zh=f"员{number}",
            name_en=f"P{number}",
            phone=f"0755-000{number}",
            skills=("lifting", "device_repair"),
            languages=("cmn",),
        )
        store.add(conn, kinds.STAFF, new, today)
        roster_all_day(conn, new.code)
    place(conn, "center-1", 114.2400, 22.5600)
    conn.execute("UPDATE household SET longitude = 114.2410, latitude = 22.5600 WHERE code = 'H1'")


def roster_all_day(conn: psycopg.Connection, code: str) -> None:
    entry = NewRosterEntry(code, "center-1", "all", EVERY_DAY, dt.date(2026, 1, 1))
    store.add(conn, kinds.ROSTER, entry, NOW.date())


def place(conn: psycopg.Connection, organisation: str, longitude: float, latitude: float) -> None:
    conn.execute(
        "UPDATE organisation SET longitude = %s, latitude = %s WHERE code = %s", (longitude, latitude, organisation)
    )


def raise_alert(
    conn: psycopg.Connection,
    at: dt.datetime = NOW,
    severity: str = "emergency",
    rule: str = "fall",
    resident: str = "R1",
) -> uuid.UUID:
    """An alert of a resident as the detection core raises it; its id."""
    row = conn.execute("SELECT household_id, id FROM resident WHERE code = %s", (resident,)).fetchone()
    assert row is not None
    alert = NewAlert(
        id=uuid.uuid4(),
        rule=rule,
        rule_version=1,
        severity=severity,
        subject=f"resident:{resident}",
        household_id=row[0],
        resident_id=row[1],
        onset=at,
        sensed_at=at,
        received_at=at,
        raised_at=at,
        reason_zh="确认跌倒",
        reason_en="fall",
        evidence=about(rule),
    )
    assert lifecycle.raise_alert(conn, alert)
    return alert.id


def in_reach(conn: psycopg.Connection, code: str, at: dt.datetime, longitude: float, latitude: float) -> None:
    """The person shares this place now."""
    conn.execute("UPDATE staff SET location_consent_at = %s WHERE code = %s", (at - dt.timedelta(hours=1), code))
    conn.execute(
        "INSERT INTO staff_location SELECT id, %s, %s, %s, 10 FROM staff WHERE code = %s",
        (at, longitude, latitude, code),
    )


def asked(conn: psycopg.Connection) -> list[tuple[str, str, int]]:
    """(recipient kind, key, step) of the notifications about work orders, in order."""
    return conn.execute(
        "SELECT recipient_kind, recipient_key, step FROM notification WHERE reason = 'work_order' ORDER BY id"
    ).fetchall()
