"""Doors that nobody opened, at a visit or a meal: the station hears of each at once, with what was tried there."""

import datetime as dt
import uuid
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core import doors
from care_services.meals import dining
from care_services.meals.words import FOUND, MEALS
from care_services.rounds.outside import CareAlert, Outside
from vocabulary.times import SHANGHAI

RULE = "door_shut"
TITLE = ("上门无人应门", "nobody opened the door")
NAMESPACE = uuid.UUID("b1f5d0c4-56d2-5a7b-8a3e-0d6a2f8c9e11")
OLDEST = dt.timedelta(hours=12)
"""A telephone without a signal may tell as late as this; an older one is news of yesterday, and opens no alert."""
BATCH = 200


class Shut(msgspec.Struct, frozen=True, kw_only=True):
    """A shut door with the facts needed to judge it."""

    id: int
    at: dt.datetime
    tried: list[str]
    note: str
    actor: str
    alert: uuid.UUID | None
    resident_id: int
    resident_code: str
    household_id: int
    service_zh: str | None
    service_en: str | None
    meal: str | None
    state: str
    visit_id: int | None
    found: str | None
    alone: bool | None


_DOORS = """
    SELECT d.id, d.at, d.tried, d.note, d.actor, d.alert, d.resident_id, r.code AS resident_code, r.household_id,
           c.name_zh AS service_zh, c.name_en AS service_en, m.meal, coalesce(o.state, m.state) AS state, d.visit_id,
           x.found, r.lives_alone AS alone
    FROM shut_door d JOIN resident r ON r.id = d.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    LEFT JOIN service_order o ON o.id = d.visit_id LEFT JOIN care_service c ON c.code = o.service
    LEFT JOIN meal_order m ON m.id = d.meal_id LEFT JOIN meal_absence x ON x.order_id = d.meal_id
"""


def look(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """Open an alert for each shut door that nobody was told of, and end those that were opened; how many of both."""
    return _end(conn, now, outside) + _tell(conn, now, outside)


def _select(conn: Connection[Any], where: str, values: dict[str, Any]) -> list[Shut]:
    with conn.cursor(row_factory=class_row(Shut)) as cursor:
        return cursor.execute((_DOORS + where).encode(), values).fetchall()


def _tell(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    conn.execute(
        "UPDATE shut_door SET ended_at = %s WHERE alert IS NULL AND ended_at IS NULL AND at <= %s", (now, now - OLDEST)
    )
    waiting = _select(
        conn, " WHERE d.alert IS NULL AND d.ended_at IS NULL ORDER BY d.at, d.id LIMIT %(batch)s", {"batch": BATCH}
    )
    for one in waiting:
        key = uuid.uuid5(NAMESPACE, f"{RULE}|{one.id}")
        with conn.transaction():
            held = conn.execute("UPDATE shut_door SET alert = %s WHERE id = %s AND alert IS NULL", (key, one.id))
            if held.rowcount:
                outside.open_alert(conn, _alert(one, key, now))
    return len(waiting)


def _alert(one: Shut, key: uuid.UUID, now: dt.datetime) -> CareAlert:
    clock = one.at.astimezone(SHANGHAI).strftime("%H:%M")
    what_zh, what_en = MEALS[one.meal] if one.meal else (one.service_zh or "", one.service_en or "")
    tried_zh, tried_en = doors.words(one.tried)
    alone_zh, alone_en = ("；独居", "; lives alone") if one.alone else ("", "")
    note_zh, note_en = (f"；{one.note}", f"; {one.note}") if one.note else ("", "")
    return CareAlert(
        key=key, rule=RULE, severity="urgent", household_id=one.household_id, resident_id=one.resident_id,
        subject=f"resident:{one.resident_code}", onset=one.at, at=now, title=TITLE, service="wellness_check",
        reason=(
            f"{clock} {one.actor}上门（{what_zh}）无人应门。{tried_zh}{note_zh}{alone_zh}。请核实老人是否平安",
            f"{clock}: nobody opened to {one.actor} ({what_en}). {tried_en}{note_en}{alone_en}. Make sure that the"
            " resident is well",
        ),
        evidence={"kind": RULE, "visit": one.visit_id, "service": what_zh, "tried": list(one.tried)},
    )  # fmt: skip


def _end(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """End the alerts of doors that were opened; a note at the counter ends one when it is not taken back any more."""
    over = _select(
        conn,
        " WHERE d.alert IS NOT NULL AND d.ended_at IS NULL AND (o.state IN ('checked_in', 'checked_out', 'confirmed')"
        " OR m.state IN ('delivered', 'eaten') OR x.found IS NOT NULL)"
        " AND (m.state IS DISTINCT FROM 'eaten' OR m.ended_at <= %(sure)s) ORDER BY d.at LIMIT %(batch)s",
        {"batch": BATCH, "sure": now - dining.UNDO},
    )
    for one in over:
        with conn.transaction():
            held = conn.execute(
                "UPDATE shut_door SET ended_at = %s WHERE id = %s AND ended_at IS NULL", (now, one.id)
            )  # fmt: skip
            if held.rowcount and one.alert is not None:
                if one.found:
                    zh, en = FOUND[one.found]
                    outside.end_alert(conn, one.alert, now, (f"已核实：{zh}", f"seen to: {en}"))
                else:
                    outside.end_alert(conn, one.alert, now, ("老人后来开了门", "the resident has opened since"))
    return len(over)
