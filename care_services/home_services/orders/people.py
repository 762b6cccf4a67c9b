"""Find who may go: people of the provider with the skills of the work, and whether their time is free."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import SKILLS
from care_network.errors import ProvisioningError

TRAVEL = dt.timedelta(minutes=15)
"""Between two visits of one person: the district's circle of a quarter of an hour."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a provider's staff who can do the work."""

    id: int
    organisation_id: int
    code: str
    name_zh: str
    name_en: str
    kind: str
    skills: list[str]
    languages: list[str]
    busy: bool = False
    """Has another visit at that time, the way included."""


def able(work: str, kind: str, skills: Collection[str]) -> bool:
    """Whether somebody of that kind and with those skills can do a kind of work. Pure."""
    service = SERVICES[work]
    return (
        kind in service.roles
        and service.needs <= set(skills)
        and (not service.one_of or bool(service.one_of & set(skills)))
    )


def why_not(work: str) -> tuple[str, str]:
    """The skills that a kind of work asks for, in Chinese and English."""
    service = SERVICES[work]
    zh, en = [SKILLS[one].zh for one in sorted(service.needs)], [SKILLS[one].en for one in sorted(service.needs)]
    if service.one_of:
        zh.append(" 或 ".join(SKILLS[one].zh for one in sorted(service.one_of)))
        en.append(" or ".join(SKILLS[one].en for one in sorted(service.one_of)))
    return "、".join(zh), ", ".join(en)


def check_staff(conn: Connection[Any], code: str, organisation_id: int, work: str) -> int:
    """Find a person of the provider who can do the work. Raises ProvisioningError with the field ``staff``."""
    row = conn.execute(
        "SELECT id, kind, skills, organisation_id FROM staff WHERE code = %s AND active", (code,)
    ).fetchone()
    if row is None or row[3] != organisation_id:
        raise ProvisioningError(en="choose somebody who works for this provider", zh="请选择该机构的在岗人员",
                                field="staff")  # fmt: skip
    if not able(work, row[1], row[2]):
        zh, en = why_not(work)
        raise ProvisioningError(
            en=f"this person cannot do it: it asks for {en or 'another role'}",
            zh=f"该人员不具备此项服务所需的技能或岗位（{zh or '岗位不符'}）", field="staff",
        )  # fmt: skip
    return int(row[0])


_PEOPLE = """
    SELECT s.id, s.organisation_id, s.code, s.name_zh, s.name_en, s.kind, s.skills, s.languages,
           EXISTS (SELECT FROM service_order o WHERE o.staff_id = s.id AND o.id IS DISTINCT FROM %(but)s
                   AND o.state IN ('planned', 'assigned', 'checked_in')
                   AND o.planned_start BETWEEN %(start)s - INTERVAL '11 hours' AND %(start)s + INTERVAL '11 hours'
                   AND o.planned_start < %(end)s + %(way)s
                   AND o.planned_start + o.planned_minutes * INTERVAL '1 minute' > %(start)s - %(way)s::interval
           ) AS busy
    FROM staff s WHERE s.organisation_id = ANY (%(providers)s) AND s.active ORDER BY s.code
"""


def people(
    conn: Connection[Any],
    organisation_ids: Collection[int],
    work: str,
    start: dt.datetime,
    minutes: int,
    but: int | None = None,
) -> list[Person]:
    """The people of these providers who can do the work, the free ones first. ``but``: an order that is left out."""
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        found = cursor.execute(
            _PEOPLE,
            {"but": but, "start": start, "end": start + dt.timedelta(minutes=minutes), "way": TRAVEL,
             "providers": list(organisation_ids)},
        ).fetchall()  # fmt: skip
    return sorted((one for one in found if able(work, one.kind, one.skills)), key=lambda one: (one.busy, one.code))


def staff_of_account(conn: Connection[Any], account_id: int) -> int | None:
    """The member of staff behind a login; None: it belongs to none."""
    row = conn.execute("SELECT id FROM staff WHERE account_id = %s AND active", (account_id,)).fetchone()
    return None if row is None else int(row[0])
