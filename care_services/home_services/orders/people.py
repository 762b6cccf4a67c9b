"""Find who may go: people of the provider with the skills of the work that count, and whether their time is free.

A skill counts on a day while one of its certificates does, as in dispatch: what ended yesterday counts no more.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, LiteralString, NamedTuple

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import CERTIFICATES, ROLES, SKILLS, Certificate, effective_skills
from care_network.errors import ProvisioningError
from vocabulary.times import SHANGHAI

TRAVEL = dt.timedelta(minutes=15)
"""Between two visits of one person: the district's circle of a quarter of an hour."""
LONGEST = dt.timedelta(hours=11)
"""More than a visit with its way can take: none is planned for more than ten hours."""


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
    papers: dict[str, str | None] = {}
    """Last days of their certificates by kind."""
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


PAPERS: LiteralString = (
    "coalesce((SELECT jsonb_object_agg(c.kind, c.expires_on) FROM staff_certificate c WHERE c.staff_id = s.id), '{}')"
)
"""The certificates of a member of staff ``s``: last days by kind."""


class Qualified(msgspec.Struct, frozen=True, kw_only=True):
    """A person's role and skills, with the last days of their certificates; None: one that does not expire."""

    kind: str
    skills: list[str]
    papers: dict[str, str | None]

    def may(self, work: str, on: dt.date) -> bool:
        """Whether they may do a kind of work on a day: with the licence of their role, and skills that count. Pure."""
        held = [Certificate(one, dt.date.fromisoformat(ends) if ends else None) for one, ends in self.papers.items()]
        licences = ROLES[self.kind].needs if self.kind in ROLES else frozenset[str]()
        licensed = not licences or any(one.kind in licences and one.valid(on) for one in held)
        return licensed and able(work, self.kind, effective_skills(self.skills, held, on)[0])

    def lacks(self, work: str, on: dt.date) -> tuple[str, str] | None:
        """Name what they lack for a kind of work on a day, in Chinese and English; None: nothing. Pure."""
        if self.may(work, on):
            return None
        if not able(work, self.kind, self.skills):
            zh, en = why_not(work)
            return f"不再具备所需的岗位或技能（{zh or '岗位不符'}）", f"lacks the role or a skill ({en or 'role'})"
        service = SERVICES[work]
        asked = [ROLES[self.kind].needs] if self.kind in ROLES and ROLES[self.kind].needs else []
        asked += [SKILLS[one].needs for one in sorted(set(self.skills) & (service.needs | service.one_of))]
        for kinds in asked:
            held = {one: dt.date.fromisoformat(ends) if ends else dt.date.max
                    for one, ends in self.papers.items() if one in kinds}  # fmt: skip
            if not kinds or any(ends >= on for ends in held.values()):
                continue
            if not held:
                words = [CERTIFICATES[one] for one in sorted(kinds)]
                return f"没有{' 或 '.join(one.zh for one in words)}", f"has no {' or '.join(one.en for one in words)}"
            last = max(held, key=lambda one: held[one])
            term, ends = CERTIFICATES[last], held[last]
            return f"{term.zh}最后有效日为 {ends}", f"the last valid day of {term.en} is {ends}"
        return "所需证书不再有效", "a certificate that it asks for does not count"


def qualified(conn: Connection[Any], staff_ids: Collection[int]) -> dict[int, Qualified]:
    """Load what each of these people can do."""
    rows = conn.execute(
        f"SELECT s.id, s.kind, s.skills, {PAPERS} FROM staff s WHERE s.id = ANY (%s)", (list(staff_ids),)  # noqa: S608
    ).fetchall()  # fmt: skip
    return {row[0]: Qualified(kind=row[1], skills=row[2], papers=row[3]) for row in rows}


def why_not(work: str) -> tuple[str, str]:
    """The skills that a kind of work asks for, in Chinese and English."""
    service = SERVICES[work]
    zh, en = [SKILLS[one].zh for one in sorted(service.needs)], [SKILLS[one].en for one in sorted(service.needs)]
    if service.one_of:
        zh.append(" 或 ".join(SKILLS[one].zh for one in sorted(service.one_of)))
        en.append(" or ".join(SKILLS[one].en for one in sorted(service.one_of)))
    return "、".join(zh), ", ".join(en)


def check_staff(
    conn: Connection[Any], code: str, organisation_id: int, work: str, at: dt.datetime | None = None
) -> int:  # fmt: skip
    """Find a person of the provider who may do the work at a time; None: today, by the database's clock.

    Raises ProvisioningError with the field ``staff``: not of the provider, not able, or a certificate has ended.
    """
    row = conn.execute(
        f"SELECT s.id, s.kind, s.skills, s.organisation_id, {PAPERS}, now() FROM staff s"  # noqa: S608
        " WHERE s.code = %s AND s.active", (code,),
    ).fetchone()  # fmt: skip
    if row is None or row[3] != organisation_id:
        raise ProvisioningError(en="choose somebody who works for this provider", zh="请选择该机构的在岗人员",
                                field="staff")  # fmt: skip
    day = (at or row[5]).astimezone(SHANGHAI).date()
    if able(work, row[1], row[2]) and not Qualified(kind=row[1], skills=row[2], papers=row[4]).may(work, day):
        raise ProvisioningError(
            en=f"a certificate that it asks for is missing or does not count on {day}: renew it, or choose somebody"
            " else",
            zh=f"该人员此项服务所需的证书在 {day} 缺失或已过期，请先续期或另选人员", field="staff",
        )  # fmt: skip
    if not able(work, row[1], row[2]):
        zh, en = why_not(work)
        raise ProvisioningError(
            en=f"this person cannot do it: it asks for {en or 'another role'}",
            zh=f"该人员不具备此项服务所需的技能或岗位（{zh or '岗位不符'}）", field="staff",
        )  # fmt: skip
    return int(row[0])


_PEOPLE: LiteralString = f"""
    SELECT s.id, s.organisation_id, s.code, s.name_zh, s.name_en, s.kind, s.skills, s.languages, {PAPERS} AS papers
    FROM staff s WHERE s.organisation_id = ANY (%(providers)s) AND s.active ORDER BY s.code
"""  # noqa: S608 - constants
_TAKEN: LiteralString = """
    SELECT o.staff_id, o.id, o.planned_start, o.planned_minutes FROM service_order o
    WHERE o.staff_id = ANY (%(staff)s) AND o.state IN ('planned', 'assigned', 'checked_in')
      AND o.planned_start > %(first)s - %(longest)s::interval AND o.planned_start < %(last)s + %(longest)s::interval
"""


class Slot(NamedTuple):
    """A time for which somebody is looked for, and the kind of work."""

    work: str
    start: dt.datetime
    minutes: int


class _Staff:
    """People of some providers with what they have to do around some times: asked in any order, without a query."""

    def __init__(self, conn: Connection[Any], providers: Collection[int], starts: Collection[dt.datetime]) -> None:
        with conn.cursor(row_factory=class_row(Person)) as cursor:
            self._people = cursor.execute(_PEOPLE, {"providers": list(providers)}).fetchall()
        self._able = {one.id: Qualified(kind=one.kind, skills=one.skills, papers=one.papers) for one in self._people}
        self._known: dict[tuple[int, str, dt.date], bool] = {}
        self._taken: dict[int, list[tuple[int, dt.datetime, dt.datetime]]] = {}
        near = {"staff": list(self._able), "first": min(starts), "last": max(starts), "longest": LONGEST}
        for staff, order, start, minutes in conn.execute(_TAKEN, near).fetchall():
            self._taken.setdefault(staff, []).append((order, start, start + dt.timedelta(minutes=minutes)))

    def who(
        self, works: Mapping[int, Collection[str]], start: dt.datetime, minutes: int, but: int | None = None
    ) -> list[Person]:
        """Those who may do one of the kinds of work of their provider then, the free ones first."""
        day, end = start.astimezone(SHANGHAI).date(), start + dt.timedelta(minutes=minutes)
        found = [
            msgspec.structs.replace(one, busy=self._busy(one.id, start, end, but))
            for one in self._people
            if any(self._may(one.id, work, day) for work in works.get(one.organisation_id, ()))
        ]
        return sorted(found, key=lambda one: (one.busy, one.code))

    def _may(self, staff: int, work: str, day: dt.date) -> bool:
        asked = (staff, work, day)
        if asked not in self._known:
            self._known[asked] = self._able[staff].may(work, day)
        return self._known[asked]

    def _busy(self, staff: int, start: dt.datetime, end: dt.datetime, but: int | None) -> bool:
        return any(
            order != but and begins < end + TRAVEL and ends > start - TRAVEL
            for order, begins, ends in self._taken.get(staff, ())
        )


def people(
    conn: Connection[Any],
    organisation_ids: Collection[int],
    work: str,
    start: dt.datetime,
    minutes: int,
    but: int | None = None,
) -> list[Person]:
    """The people of these providers who may do the work then, the free ones first. ``but``: an order that is left
    out."""
    return people_for(conn, dict.fromkeys(organisation_ids, frozenset({work})), start, minutes, but)


def people_for(
    conn: Connection[Any],
    works: Mapping[int, Collection[str]],
    start: dt.datetime,
    minutes: int,
    but: int | None = None,
) -> list[Person]:
    """The people who may do one of the kinds of work of their provider then, the free ones first.

    ``works``: kinds of work by the number of the provider. ``but``: an order that is left out.
    """
    return _Staff(conn, works, [start]).who(works, start, minutes, but)


def people_by_slot(conn: Connection[Any], organisation_id: int, slots: Collection[Slot]) -> dict[Slot, list[Person]]:
    """The people of a provider for each of many slots, as :func:`people` for one, in two questions for all."""
    if not slots:
        return {}
    staff = _Staff(conn, [organisation_id], [one.start for one in slots])
    return {one: staff.who({organisation_id: [one.work]}, one.start, one.minutes) for one in slots}


def staff_of_account(conn: Connection[Any], account_id: int) -> int | None:
    """The member of staff behind a login; None: it belongs to none."""
    row = conn.execute("SELECT id FROM staff WHERE account_id = %s AND active", (account_id,)).fetchone()
    return None if row is None else int(row[0])
