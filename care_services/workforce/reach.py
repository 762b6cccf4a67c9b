"""Tell who may be sent where: the rules of matching, asked for one person or one home, with a reason for each refusal.

Everything is read anew at each question: a certificate that was entered or ended a second ago counts.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_network.access.permissions import Action, audit_home
from care_network.catalogues.services import SERVICES, Service
from care_network.catalogues.workforce import CERTIFICATES, ROLES, SKILLS, effective_skills
from care_network.duty.loading import load_roster
from care_network.duty.roster import Person
from care_network.errors import NotFoundError, ProvisioningError
from care_network.matching.crew import Crew, bounds, crew_of, day_of
from care_network.matching.locations import present_locations
from care_network.matching.matching import Candidate, Job, barriers, match
from care_services.core.connected import Connected
from vocabulary.times import SHANGHAI

Pair = tuple[str, str]
Verdict = Literal["now", "able", "not"]
"""Can be sent at that time; may do it, and not at that time; may not do it."""
ABILITY = frozenset({"vetting", "role", "licence", "skill", "certificate"})
"""Constraints that lie in the person; the others lie in the hour and the place."""
BEST = 12
MOST_OTHERS = 60
"""Of each sort that are told one by one; how many there are is said."""
_PLACES = """
    SELECT o.id, coalesce(o.longitude, a.longitude), coalesce(o.latitude, a.latitude)
    FROM organisation o JOIN area a ON a.id = o.area_id WHERE coalesce(o.longitude, a.longitude) IS NOT NULL
"""
_LOAD = """
    SELECT staff_id, urgency, count(*)::integer FROM order_in_hand
    WHERE state IN ('offered', 'accepted', 'en_route', 'arrived') AND (urgency <> 'planned' OR
        due_at BETWEEN %(at)s - interval '2 hours' AND %(at)s + interval '2 hours')
    GROUP BY staff_id, urgency
"""


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """A home to which somebody is to be sent."""

    id: int
    code: str
    path: str
    address_zh: str
    address_en: str
    longitude: float | None
    latitude: float | None
    languages: list[str]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A service and a person: whether it can be, and why not."""

    verdict: Verdict
    why: list[Pair]
    """In Chinese and English; empty: they can be sent."""


class OfService(msgspec.Struct, frozen=True, kw_only=True):
    """A service as one person may do it."""

    service: Service
    standing: Standing


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who cannot be sent, and why."""

    person: Person
    standing: Standing


class Sendable(msgspec.Struct, frozen=True, kw_only=True):
    """The people who may be sent for a service to a home at a time, and the others."""

    candidates: tuple[Candidate, ...]
    sendable: int
    """All of whom the best are candidates."""
    able: list[Other]
    """May do it, and not then or there: the first MOST_OTHERS of ``able_n``."""
    able_n: int
    unable: list[Other]
    """May not do it: likewise."""
    unable_n: int
    considered: int


def home_of(acting: Connected, code: str) -> Home:
    """A home of the account's area, by its code or a resident's; the look is audited. Raises NotFoundError."""
    acting.require(Action.VIEW_RESIDENT)
    row = acting.conn.execute(
        """
        SELECT h.id, h.code, a.path::text, h.address_zh, h.address_en, coalesce(h.longitude, a.longitude),
               coalesce(h.latitude, a.latitude),
               coalesce((SELECT array_agg(DISTINCT language) FROM resident r, unnest(r.languages) language
                         WHERE r.household_id = h.id), '{cmn}')
        FROM household h JOIN area a ON a.id = h.area_id
        WHERE (h.code = %(code)s OR h.id = (SELECT household_id FROM resident WHERE code = %(code)s))
          AND a.path <@ %(area)s::ltree AND NOT h.synthetic
        """,
        {"code": code.strip(), "area": acting.account.area_path},
    ).fetchone()
    if row is None:
        raise NotFoundError(
            en=f"there is no home or resident {code!r} in your area",
            zh=f"您的管辖区域内没有住户或老人 {code}",
            field="home",
        )
    audit_home(
        acting.conn, acting.account, "view_candidates", row[0], at=acting.now, origin=acting.origin,
        detail={"page": "workforce"},
    )  # fmt: skip
    return Home(
        id=row[0], code=row[1], path=row[2], address_zh=row[3], address_en=row[4], longitude=row[5], latitude=row[6],
        languages=row[7],
    )  # fmt: skip


def services_of(
    acting: Connected, staff_id: int, path: str, at: dt.datetime, home: Home | None = None
) -> list[OfService]:
    """Say what one person may do at a time: in a home, or (None) in the area of their organisation, ``path``."""
    crew = load_crew(acting.conn, at, acting.now, [staff_id])
    person = crew.day.people[crew.day.row[staff_id]] if staff_id in crew.day.row else None
    if person is None:
        return []
    today = at.astimezone(SHANGHAI).date()
    found = []
    for service in SERVICES.values():
        kept_from = barriers(crew, _job(service.code, home, path))[staff_id]
        found.append(OfService(service=service, standing=standing(person, service, kept_from, today)))
    order = {"now": 0, "able": 1, "not": 2}
    return sorted(found, key=lambda one: order[one.standing.verdict])


def verdicts(
    acting: Connected, staff: Mapping[int, str], service: str, at: dt.datetime, home: Home | None = None
) -> dict[int, Standing]:
    """Say of each of some people whether they may be sent for a service at a time, and why not.

    ``staff``: the path of the employer's area by the person's row, where they are asked for without a ``home``. Raises
    ProvisioningError.
    """
    if service not in SERVICES:
        raise ProvisioningError(en="choose a service", zh="请选择服务项目", field="service")
    crew, today = load_crew(acting.conn, at, acting.now, list(staff)), at.astimezone(SHANGHAI).date()
    found = {}
    for path in {home.path} if home else set(staff.values()):
        kept_from = barriers(crew, _job(service, home, path))
        for number, theirs in staff.items():
            if number in crew.day.row and (home or theirs == path):
                person = crew.day.people[crew.day.row[number]]
                found[number] = standing(person, SERVICES[service], kept_from[number], today)
    return found


def sendable(acting: Connected, service: str, home: Home, at: dt.datetime) -> Sendable:
    """Find who may be sent for a service to a home at a time, best first, and why each other may not.

    Of people whom the account sees: in its area, and of what serves it. Raises ProvisioningError.
    """
    if service not in SERVICES:
        raise ProvisioningError(en="choose a service", zh="请选择服务项目", field="service")
    crew = load_crew(acting.conn, at, acting.now)
    job, today = _job(service, home, home.path), at.astimezone(SHANGHAI).date()
    kept_from = barriers(crew, job)
    people = sorted((crew.day.people[crew.day.row[staff]] for staff in kept_from), key=lambda one: one.code)
    able = [one for one in people if kept_from[one.id] and not ABILITY & set(kept_from[one.id])]
    unable = [one for one in people if ABILITY & set(kept_from[one.id])]

    def told(others: list[Person]) -> list[Other]:
        return [
            Other(person=one, standing=standing(one, SERVICES[service], kept_from[one.id], today))
            for one in others[:MOST_OTHERS]
        ]

    found = match(crew, job, BEST)
    return Sendable(
        candidates=found.candidates, sendable=len(people) - len(able) - len(unable), able=told(able),
        able_n=len(able), unable=told(unable), unable_n=len(unable), considered=found.considered,
    )  # fmt: skip


def load_crew(conn: Connection[Any], at: dt.datetime, now: dt.datetime, among: Collection[int] | None = None) -> Crew:
    """The crew of a time, of everybody or of those ``among``: the day's roster, orders in hand, shared places."""
    date = at.astimezone(SHANGHAI).date()
    roster = load_roster(conn, *bounds(date), among=among)
    places = {row[0]: (row[1], row[2]) for row in conn.execute(_PLACES)}
    day = day_of(roster, date, places)
    shared = {}
    if abs((at - now).total_seconds()) < 900:
        shared = {
            staff: (one.longitude, one.latitude) for staff, one in present_locations(conn, list(day.row), now).items()
        }
    return crew_of(day, at, shared, conn.execute(_LOAD, {"at": at}).fetchall())


def standing(person: Person, service: Service, kept_from: tuple[str, ...], today: dt.date) -> Standing:
    """A person and a service in words. Pure. ``kept_from``: of :func:`care_network.matching.matching.barriers`."""
    # whoever lacks the skill lacks its certificate, too; whoever is not on duty is nowhere, and does not go home soon
    told = [
        name
        for name in kept_from
        if not (name == "certificate" and "skill" in kept_from)
        and not (name in ("elsewhere", "duty_ends") and "off_duty" in kept_from)
        and not (name == "off_duty" and "vetting" in kept_from)
        and not (name == "duty_ends" and "elsewhere" in kept_from)
    ]
    verdict: Verdict = "now" if not kept_from else "not" if ABILITY & set(kept_from) else "able"
    # what lies in the person comes first: the hour does not matter then
    ordered = sorted(told, key=lambda name: name not in ABILITY)
    return Standing(verdict=verdict, why=[_why(name, person, service, today) for name in ordered])


def _why(name: str, person: Person, service: Service, today: dt.date) -> Pair:
    match name:
        case "vetting":
            return "志愿者审查或培训失效", "their check or training as a volunteer does not count"
        case "off_duty":
            return "此时不在班", "not on duty then"
        case "elsewhere":
            return "在班，但不负责这一片区", "on duty for other places"
        case "role":
            role = ROLES.get(person.role)
            zh, en = (role.zh, role.en) if role else (person.role, person.role)
            return f"岗位“{zh}”不承担此项服务", f"a {en} does not do this"
        case "licence":
            return _papers(ROLES[person.role].needs, person, today)
        case "no_phone":
            return "没有电话或账号，无法联系", "no telephone or login: cannot be reached"
        case "skill":
            lacks = sorted(service.needs - set(person.skills))
            either = sorted(service.one_of) if not service.one_of & set(person.skills) else []
            zh = "、".join(filter(None, (*(SKILLS[c].zh for c in lacks), " 或 ".join(SKILLS[c].zh for c in either))))
            en = ", ".join(filter(None, (*(SKILLS[c].en for c in lacks), " or ".join(SKILLS[c].en for c in either))))
            return f"缺少技能：{zh}", f"lacks {en}"
        case "certificate":
            good, _ = effective_skills(person.skills, person.certificates, today)
            wanted = (service.needs - set(good)) or service.one_of
            skill = next(code for code in sorted(wanted) if code in person.skills)
            zh, en = _papers(SKILLS[skill].needs, person, today)
            return f"“{SKILLS[skill].zh}”：{zh}", f"{SKILLS[skill].en}: {en}"
        case "duty_ends":
            return "临近下班，时间不够", "duty ends too soon"
        case "too_far":
            return "距离过远", "too far away"
        case "busy":
            return "手上有其他任务", "busy with other orders"
    return name, name


def _papers(needs: frozenset[str], person: Person, today: dt.date) -> Pair:
    """Why none of the certificates of which one is needed counts: expired, or not there."""
    ended = [one for one in person.certificates if one.kind in needs and one.expires_on and one.expires_on < today]
    if ended:
        last = max(ended, key=lambda one: one.expires_on or today)
        term = CERTIFICATES[last.kind]
        return f"{term.zh}已于 {last.expires_on} 过期", f"{term.en} expired on {last.expires_on}"
    order = [code for code in CERTIFICATES if code in needs]
    zh, en = " 或 ".join(CERTIFICATES[c].zh for c in order), " or ".join(CERTIFICATES[c].en for c in order)
    return f"没有{zh}", f"has no {en}"


def _job(service: str, home: Home | None, path: str) -> Job:
    if home is None:
        return Job(key="", service=service, urgency="planned", path=path, languages=())
    return Job(
        key="", service=service, urgency="planned", path=home.path, longitude=home.longitude, latitude=home.latitude,
        languages=tuple(home.languages),
    )  # fmt: skip
