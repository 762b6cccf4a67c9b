"""The district as the simulated past needs it: its homes, desks, people on duty and policies."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.duty.centers import desk_of
from dispatch.ladders.policy import encode
from dispatch.ladders.store import policy_of_home
from vocabulary.area_path import within
from vocabulary.severity import SEVERITIES
from vocabulary.times import SHANGHAI


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff with a shift of theirs."""

    id: int
    code: str
    name_zh: str
    name_en: str
    area: str
    organisation_kind: str
    kind: str
    starts: dt.time
    ends: dt.time
    weekdays: list[int]

    def on_duty(self, at: dt.datetime) -> bool:
        """Whether the shift covers this moment."""
        local = at.astimezone(SHANGHAI)
        clock, day = local.time(), local.isoweekday()
        if self.starts < self.ends:
            return day in self.weekdays and self.starts <= clock < self.ends
        before = (day - 2) % 7 + 1
        return (day in self.weekdays and clock >= self.starts) or (before in self.weekdays and clock < self.ends)


class Desk(msgspec.Struct, frozen=True):
    """An account that dispatches."""

    id: int
    name_zh: str
    area: str
    name_en: str


class PastHome(msgspec.Struct, frozen=True, kw_only=True):
    """A home with the first of its residents."""

    household_id: int
    gateway: str
    area: str
    resident_id: int
    resident_code: str
    desk: int | None = None
    """The organisation whose dispatch is told of a missed target."""
    policies: dict[str, str] = {}
    """Escalation policies as JSON, by severity."""
    contact: tuple[str, int | None] | None = None
    """(key of the first contact with consent, account)."""


class PastDistrict(msgspec.Struct, frozen=True):
    """People who acted."""

    workers: Sequence[Worker]
    desks: Sequence[Desk]
    neighbours: frozenset[int] = frozenset()
    """Those of them who are volunteers of the time bank, and were sent to alarms."""

    def desk_at(self, at: dt.datetime) -> Desk | None:
        """The account that dispatches at this hour: the first by day, the second by night."""
        if not self.desks:
            return None
        return self.desks[0 if 7 <= at.astimezone(SHANGHAI).hour < 19 else len(self.desks) > 1]

    def workers_at(self, at: dt.datetime, area: str, *kinds: str) -> list[Worker]:
        """Those on duty at this moment who serve a place, nearest organisations first."""
        found = [
            one for one in self.workers if one.organisation_kind in kinds and within(area, one.area) and one.on_duty(at)
        ]
        return sorted(found, key=lambda one: (-one.area.count("."), one.code))

    def neighbours_at(self, at: dt.datetime, area: str) -> list[Worker]:
        """Volunteers of the time bank who are on duty at this moment and serve a place, the nearest first."""
        found = [
            one for one in self.workers if one.id in self.neighbours and within(area, one.area) and one.on_duty(at)
        ]
        return sorted(found, key=lambda one: (-one.area.count("."), one.code))


def without_neighbours(district: PastDistrict) -> PastDistrict:
    """The same people before the time bank sent anybody to an alarm."""
    return PastDistrict(district.workers, district.desks)


def load_district(conn: psycopg.Connection[Any]) -> PastDistrict:
    """Load the people who act in the past."""
    with conn.cursor(row_factory=class_row(Worker)) as cursor:
        workers = cursor.execute(
            """
            SELECT s.id, s.code, s.name_zh, s.name_en, a.path::text AS area, o.kind AS organisation_kind, s.kind,
                   sh.starts, sh.ends, r.weekdays
            FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
            JOIN roster r ON r.staff_id = s.id JOIN shift sh ON sh.id = r.shift_id WHERE s.active ORDER BY s.code
            """
        ).fetchall()
    desks = conn.execute(
        "SELECT id, name_zh, area_path::text, name_en FROM account WHERE role = 'dispatcher' AND active"
        " ORDER BY login LIMIT 2"
    )
    neighbours = conn.execute("SELECT staff_id FROM time_volunteer WHERE staff_id IS NOT NULL AND state = 'active'")
    return PastDistrict(workers, [Desk(*row) for row in desks], frozenset(row[0] for row in neighbours))


def load_home(conn: psycopg.Connection[Any], gateway: str, at: dt.datetime) -> PastHome | None:
    """Load the home of a gateway; None where there is none, or nobody lives there."""
    with conn.cursor(row_factory=class_row(PastHome)) as cursor:
        home = cursor.execute(
            """
            SELECT h.id AS household_id, g.name AS gateway, a.path::text AS area, r.id AS resident_id,
                   r.code AS resident_code
            FROM gateway g JOIN household h ON h.id = g.household_id JOIN area a ON a.id = h.area_id
            JOIN resident r ON r.household_id = h.id WHERE g.name = %s AND NOT h.synthetic ORDER BY r.code LIMIT 1
            """,
            (gateway,),
        ).fetchone()
    if home is None:
        return None
    desk = desk_of(conn, home.area)
    contact = conn.execute(
        "SELECT phone, account_id FROM contact WHERE resident_id = %s AND consent_at IS NOT NULL"
        " ORDER BY call_order LIMIT 1",
        (home.resident_id,),
    ).fetchone()
    policies = {str(severity): encode(policy_of_home(conn, severity, home.household_id, at)) for severity in SEVERITIES}
    return msgspec.structs.replace(
        home,
        desk=desk and desk[0],
        policies=policies,
        contact=contact and (f"{home.resident_code}/{contact[0]}", contact[1]),
    )
