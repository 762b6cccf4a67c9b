"""Visits that need another person: whoever is named for them may not go by now.

Somebody who was named may lose what the visit asks for: a certificate ends, a skill is taken out, they leave or work
for somebody else. Nothing is kept between two questions. A visit stays with its name until a person names another: it
is on the boards with the reason, whoever has to see to it is told, and its check-in is refused (:func:`refuse`).
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from care_network.access.permissions import Action
from care_network.below import people_below
from care_network.errors import ProvisioningError
from care_services.core import notices
from care_services.core.acting import Acting
from care_services.home_services.orders import store
from care_services.home_services.orders.people import PAPERS, Qualified
from care_services.home_services.orders.store import Order
from vocabulary.times import SHANGHAI

KIND = "visit_another"
PAGE = 50
PAST = dt.timedelta(hours=12)
"""So long after its time a visit that nobody has begun still can be."""
Pair = tuple[str, str]


class Unfit(msgspec.Struct, frozen=True):
    """A visit that needs another person, who was to go, and why they may not."""

    order: Order
    name: Pair
    why: Pair


class Count(msgspec.Struct, frozen=True):
    """How many visits need another person, and when the first of them is."""

    visits: int
    first: dt.datetime | None


class _Carer(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    organisation_id: int
    active: bool
    version: int
    able: Qualified

    def why_not(self, organisation_id: int, work: str, day: dt.date) -> Pair | None:
        """Say why they may not go for an organisation on a day; None: they may. Pure."""
        if not self.active:
            return "已离职或停用", "has left"
        if self.organisation_id != organisation_id:
            return "已不在该机构任职", "works for another organisation by now"
        return self.able.lacks(work, day)

    def since(self, organisation_id: int, work: str, first: dt.date, last: dt.date) -> dt.date | None:
        """The first of some days on which they may not go; None: they may on each. Pure.

        It can only be the first day, or one after the end of a paper: papers end, and do not begin.
        """
        ends = {dt.date.fromisoformat(end) + dt.timedelta(days=1) for end in self.able.papers.values() if end}
        for day in sorted({first, *(one for one in ends if first < one <= last)}):
            if self.why_not(organisation_id, work, day) is not None:
                return day
        return None


class _Turned(msgspec.Struct, frozen=True, kw_only=True):
    """A person, an organisation and a kind of work that do not go together from a day on."""

    carer: _Carer
    organisation_id: int
    work: str
    since: dt.date


_TURNED: LiteralString = """
    o.state IN ('planned', 'assigned') AND o.planned_start > %(since)s
    AND (o.staff_id = ANY (%(staff)s) OR (o.staff_id IS NULL AND o.plan_id = ANY (%(plans)s)))
    AND EXISTS (
        SELECT FROM unnest(%(staff)s::int[], %(organisation)s::int[], %(work)s::text[], %(from)s::date[])
            AS t (staff, organisation, work, since)
        WHERE t.staff = coalesce(o.staff_id, (SELECT p.staff_id FROM service_plan p WHERE p.id = o.plan_id))
          AND t.organisation = o.organisation_id
          AND t.work = (SELECT k.work FROM care_service k WHERE k.code = o.service)
          AND (o.planned_start AT TIME ZONE 'Asia/Shanghai')::date >= t.since)
"""
"""Visits of the person named, or of who would be by the plan, which names nobody whose certificate will have ended."""
_CARERS = (
    f"SELECT s.id, s.organisation_id, s.active, s.version, s.kind, s.skills, {PAPERS}, s.code FROM staff s"  # noqa: S608
    " WHERE s.id = ANY (%(ids)s) OR s.code = ANY (%(codes)s)"
)


_NAMED = (
    "SELECT staff_id, employer, active, version, kind, skills, papers::text, organisation_id, work, last_day"
    " FROM visits_named(%s)"
)
_papers = msgspec.json.Decoder(dict[str, str | None]).decode


def why(conn: Connection[Any], order: Order) -> Pair | None:
    """Say why whoever is named for a visit may not go; None: they may, or nobody is named."""
    if order.staff_id is None:
        return None
    carer = next(iter(_carers(conn, ids=[order.staff_id]).values()), None)
    return None if carer is None else carer.why_not(order.organisation_id, order.work, _day(order.planned_start))


def refuse(conn: Connection[Any], order: Order) -> None:
    """Refuse a check-in by somebody who may not go. Raises ProvisioningError with the reason and what to do."""
    reason = why(conn, order)
    if reason is not None:
        raise ProvisioningError(
            zh=f"这次服务须另派人员：{reason[0]}。请马上联系服务站，不要让老人空等",
            en=f"this visit needs another person: {reason[1]}. Call the station now: the resident is waiting",
        )


def count(conn: Connection[Any], under: str | None, now: dt.datetime) -> Count:
    """How many there are below an area, as far as the viewer sees them. The caller has asked for permission."""
    turned = _turned(conn, now)
    if not turned:
        return Count(0, None)
    row = conn.execute(
        f"SELECT count(*), min(o.planned_start) FROM service_order o WHERE {_TURNED}"  # noqa: S608 - constants
        f" AND {people_below('o.resident_id')}",
        {**_asked(conn, turned, now), "area": under},
    ).fetchone()
    return Count(row[0], row[1]) if row else Count(0, None)


def listing(conn: Connection[Any], acting: Acting, after: str = "") -> tuple[list[Unfit], str | None]:
    """The visits of the account's area that need another person, the soonest first, and the key of the next page."""
    acting.require(Action.VIEW_CARE)
    turned = _turned(conn, acting.at)
    if not turned:
        return [], None
    at, _, number = after.partition("-")
    good = at.isascii() and at.isdecimal() and number.isascii() and number.isdecimal() and len(after) < 30
    found = store.select_first(
        conn, f" WHERE {_TURNED} AND {people_below('o.resident_id')}"
        " AND (extract(epoch FROM o.planned_start)::bigint, o.id) > (%(at)s::bigint, %(number)s::bigint)",
        " ORDER BY o.planned_start, o.id",
        {**_asked(conn, turned, acting.at), "area": acting.account.area_path, "limit": PAGE + 1,
         "at": int(at) if good else 0, "number": int(number) if good else 0},
    )  # fmt: skip
    shown = found[:PAGE]
    last = shown[-1] if len(found) > PAGE else None
    key = None if last is None else f"{int(last.planned_start.timestamp())}-{last.id}"
    return _told(conn, turned, shown), key


def of_orders(conn: Connection[Any], orders: Mapping[int, tuple[int, str, dt.datetime, str | None]]) -> dict[int, Pair]:
    """The reasons among some visits: (organisation, kind of work, planned start, code of who is named) by number."""
    by_code = _carers(conn, codes={staff for _, _, _, staff in orders.values() if staff})
    found = {}
    for number, (organisation_id, work, start, staff) in orders.items():
        carer = by_code.get(staff or "")
        reason = carer.why_not(organisation_id, work, _day(start)) if carer else None
        if reason:
            found[number] = reason
    return found


def tell(conn: Connection[Any], now: dt.datetime) -> int:
    """Tell who has to name another person, once for each person and reason; how many notices are new. For the rounds.

    The managers of the provider, and whoever of the areas of the homes plans visits. Notices that are over are taken
    back.
    """
    with conn.transaction():
        keys, told = set(), []
        turned = _turned(conn, now)
        people = _people(conn, [one.carer.id for one in turned])
        for one in turned:
            carer, reason = one.carer, one.carer.why_not(one.organisation_id, one.work, one.since)
            if reason is None:
                continue
            values = _asked(conn, [one], now)
            row = conn.execute(
                f"SELECT count(*), min(o.planned_start) FROM service_order o WHERE {_TURNED}",  # noqa: S608 - constants
                values,
            ).fetchone()
            if row is None or not row[0]:
                continue
            code, name_zh, name_en = people[carer.id]
            key = f"{code}:{one.work}:{one.organisation_id}:{reason[1]}"
            if not carer.active or carer.organisation_id != one.organisation_id:
                key += f":{carer.version}"
            keys.add(key)
            first = row[1].astimezone(SHANGHAI)
            for account_id, role in conn.execute(_SEERS, {**values, "provider": one.organisation_id}).fetchall():
                told.append(notices.Notice(
                    to=notices.to_account(account_id), key=key, due=now, urgent=row[1] - now < dt.timedelta(hours=12),
                    zh=f"{name_zh}{reason[0]}，已排的 {row[0]} 次上门须另派人员，最早 {first:%m-%d %H:%M}",
                    en=f"{name_en}: {reason[1]}. {row[0]} visits need another person, the first on"
                    f" {first:%m-%d %H:%M}",
                    link=f"/provider?day={first:%Y-%m-%d}" if role == "provider" else "/care/visits/another",
                ))  # fmt: skip
        done = notices.tell_all(conn, KIND, told, now) if told else 0
        notices.keep_only(conn, KIND, keys)
    return done


_SEERS: LiteralString = f"""
    WITH places AS (SELECT DISTINCT a.path FROM service_order o JOIN resident r ON r.id = o.resident_id
                    JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
                    WHERE {_TURNED})
    SELECT k.id, k.role FROM account k JOIN staff b ON b.account_id = k.id AND b.active
    WHERE k.active AND b.organisation_id = %(provider)s AND (b.kind = 'manager' OR k.role = 'provider')
    UNION
    SELECT near.id, near.role FROM places p CROSS JOIN LATERAL (
        SELECT k.id, k.role, rank() OVER (ORDER BY nlevel(k.area_path) DESC) AS nearness FROM account k
        WHERE k.active AND k.role IN ('station', 'manager') AND k.area_path @> p.path) near
    WHERE near.nearness = 1
"""  # noqa: S608 - constants


def _turned(conn: Connection[Any], now: dt.datetime) -> list[_Turned]:
    """Find who may not do what they are named for, from the first day on which it is so."""
    first = _day(now - PAST)
    found, known = [], {}
    for *facts, papers, organisation_id, work, last in conn.execute(_NAMED, (now - PAST,)).fetchall():
        carer = _carer([*facts, _papers(papers)])
        # many share their role, skills and papers: each kind of person is judged once
        able, ends = carer.able, last.isoformat()
        papers = frozenset(kind for kind, end in able.papers.items() if end is None or end >= ends)
        key = (able.kind, frozenset(able.skills), papers, work)
        if key not in known:
            known[key] = able.may(work, last)
        if known[key] and carer.active and carer.organisation_id == organisation_id:
            continue
        since = carer.since(organisation_id, work, first, last)
        if since is not None:
            found.append(_Turned(carer=carer, organisation_id=organisation_id, work=work, since=since))
    return found


def _carer(facts: Sequence[Any]) -> _Carer:
    number, employer, active, version, kind, skills, papers = facts
    able = Qualified(kind=kind, skills=skills, papers=papers)
    return _Carer(id=number, organisation_id=employer, active=active, version=version, able=able)


def _carers(conn: Connection[Any], *, ids: Collection[int] = (), codes: Collection[str] = ()) -> dict[str, _Carer]:
    """Load some people by their code, as far as the viewer sees them."""
    if not ids and not codes:
        return {}
    rows = conn.execute(_CARERS, {"ids": list(ids), "codes": list(codes)}).fetchall()
    return {code: _carer(facts) for *facts, code in rows}


def _people(conn: Connection[Any], numbers: Collection[int]) -> dict[int, tuple[str, str, str]]:
    """Code and names of some people by number, as far as the viewer sees them."""
    query = "SELECT id, code, name_zh, name_en FROM staff WHERE id = ANY (%s)"
    return {row[0]: row[1:] for row in conn.execute(query, (list(numbers),)).fetchall()}


def _told(conn: Connection[Any], turned: Collection[_Turned], orders: Collection[Order]) -> list[Unfit]:
    by_plan = dict(conn.execute(
        "SELECT o.id, p.staff_id FROM service_order o JOIN service_plan p ON p.id = o.plan_id"
        " WHERE o.id = ANY (%s) AND o.staff_id IS NULL",
        ([one.id for one in orders],),
    ).fetchall())  # fmt: skip
    carers = {one.carer.id: one.carer for one in turned}
    named = {order.id: order.staff_id or by_plan[order.id] for order in orders}
    people = _people(conn, set(named.values()))
    found = []
    for order in orders:
        carer = carers[named[order.id]]
        reason = carer.why_not(order.organisation_id, order.work, _day(order.planned_start))
        if reason:
            _, *name = people.get(carer.id, ("", "其他地区的人员", "somebody of another area"))
            found.append(Unfit(order, (name[0], name[1]), reason))
    return found


def _asked(conn: Connection[Any], turned: Collection[_Turned], now: dt.datetime) -> dict[str, Any]:
    staff = [one.carer.id for one in turned]
    plans = conn.execute("SELECT id FROM service_plan WHERE staff_id = ANY (%s)", (staff,)).fetchall()
    return {
        "since": now - PAST, "staff": staff, "plans": [row[0] for row in plans],
        "work": [one.work for one in turned], "organisation": [one.organisation_id for one in turned],
        "from": [one.since for one in turned],
    }  # fmt: skip


def _day(at: dt.datetime) -> dt.date:
    return at.astimezone(SHANGHAI).date()
