"""Plans as people work on them: look, add, change, pause, end. Every change brings the orders ahead into line."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_network.access.permissions import Action
from care_network.access.visible import may_see
from care_network.below import people_below
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.facts import check_here
from care_services.home_services.catalogue.catalogue import offer_of, serves, service
from care_services.home_services.orders.people import check_staff
from care_services.home_services.plans.making import make_ahead
from care_services.home_services.plans.reconciling import bring_into_line
from care_services.home_services.plans.recurrence import Recurrence, words

PlanState = Literal["active", "paused", "ended"]
STATES: dict[str, tuple[str, str]] = {
    "active": ("执行中", "running"), "paused": ("已暂停", "paused"), "ended": ("已结束", "ended"),
}  # fmt: skip


class PlanData(msgspec.Struct, frozen=True, kw_only=True):
    """The wish of somebody who plans: a service, by which provider, how often. ``staff``: the preferred person."""

    service: str
    organisation: str
    weekdays: tuple[int, ...]
    times: tuple[dt.time, ...]
    first_day: dt.date
    last_day: dt.date | None = None
    every_weeks: int = 1
    minutes: int
    staff: str | None = None
    note: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it is stored, with names."""

    id: int
    version: int
    state: PlanState
    resident_id: int
    resident_code: str
    resident_zh: str
    resident_en: str
    area_path: str
    service: str
    service_zh: str
    service_en: str
    organisation_id: int
    organisation: str
    provider_zh: str
    provider_en: str
    staff: str | None
    staff_zh: str | None
    staff_en: str | None
    weekdays: list[int]
    times: list[dt.time]
    every_weeks: int
    first_day: dt.date
    last_day: dt.date | None
    minutes: int
    note: str
    made_until: dt.date | None
    ahead: int
    """Orders that are still to be done."""

    @property
    def rule(self) -> Recurrence:
        return Recurrence(
            weekdays=tuple(self.weekdays), times=tuple(self.times), first_day=self.first_day, last_day=self.last_day,
            every_weeks=self.every_weeks,
        )  # fmt: skip

    @property
    def often(self) -> tuple[str, str]:
        """How often, in Chinese and English."""
        return words(self.rule)


_PLANS: LiteralString = """
    SELECT p.id, p.version, p.state, p.resident_id, r.code AS resident_code, r.name_zh AS resident_zh,
           r.name_en AS resident_en, a.path::text AS area_path, p.service, c.name_zh AS service_zh,
           c.name_en AS service_en, p.organisation_id, g.code AS organisation, g.name_zh AS provider_zh,
           g.name_en AS provider_en, s.code AS staff, s.name_zh AS staff_zh, s.name_en AS staff_en, p.weekdays, p.times,
           p.every_weeks, p.first_day, p.last_day, p.minutes, p.note, p.made_until,
           (SELECT count(*) FROM service_order o WHERE o.plan_id = p.id AND o.state IN ('planned', 'assigned')
              AND o.planned_start > %(now)s)::int AS ahead
    FROM {plans} p JOIN resident r ON r.id = p.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    JOIN area a ON a.id = h.area_id JOIN care_service c ON c.code = p.service
    JOIN organisation g ON g.id = p.organisation_id LEFT JOIN staff s ON s.id = p.staff_id
"""


def of_resident(conn: Connection[Any], acting: Acting, resident_code: str) -> list[Plan]:
    """The plans of a resident, those that run first. Raises NotFoundError for one whom the account may not see."""
    acting.require(Action.VIEW_CARE)
    resident_id = acting.resident(conn, resident_code, "view_service_plans")
    acting.audit(conn, "view_service_plans", resident_id)
    return _select(
        conn, acting.at,
        "WHERE p.resident_id = %(resident)s ORDER BY p.state = 'ended', p.id DESC LIMIT 100", resident=resident_id,
    )  # fmt: skip


def listed(conn: Connection[Any], acting: Acting, *, after: int = 0, limit: int = 50) -> list[Plan]:
    """The plans that run in the account's area, the newest first, those before the id ``after`` (0: from the begin)."""
    acting.require(Action.VIEW_CARE)
    running = f"p.state <> 'ended' AND {people_below('p.resident_id')} AND (%(after)s = 0 OR p.id < %(after)s)"
    found = f"(SELECT * FROM service_plan p WHERE {running} ORDER BY p.id DESC LIMIT %(limit)s)"  # noqa: S608
    return _select(
        conn, acting.at, "ORDER BY p.id DESC", found, area=acting.account.area_path, after=after, limit=limit
    )


def plan(conn: Connection[Any], acting: Acting, plan_id: int) -> Plan:
    """One plan; the look is audited. Raises NotFoundError for one that the account may not see."""
    acting.require(Action.VIEW_CARE)
    found = _one(conn, acting, plan_id)
    acting.audit(conn, "view_service_plans", found.resident_id, plan=plan_id)
    return found


def history(conn: Connection[Any], plan_id: int) -> list[dict[str, Any]]:
    """The events of a plan, the oldest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT e.at, e.action, e.actor, e.note, e.detail,"
            " (SELECT n.name_en FROM account n WHERE n.id = e.account_id) AS actor_en"
            " FROM service_plan_event e WHERE e.plan_id = %s ORDER BY e.id",
            (plan_id,),
        ).fetchall()


def add(conn: Connection[Any], acting: Acting, resident_code: str, new: PlanData, source: str = "plan") -> int:
    """Plan a service for a resident, and make its orders of the next days. Raises ProvisioningError with the field."""
    acting.require(Action.PLAN_SERVICES)
    return put_in(conn, acting, acting.resident(conn, resident_code, "plan_services"), new, source)


def put_in(conn: Connection[Any], acting: Acting, resident_id: int, new: PlanData, source: str) -> int:
    """Add a plan for somebody who is allowed to by another right, which the caller has asked for; see :func:`add`."""
    with conn.transaction():
        check_here(conn, resident_id)
        columns = _checked(conn, acting, resident_id, new, None)
        row = conn.execute(
            """
            INSERT INTO service_plan (resident_id, service, organisation_id, staff_id, weekdays, times, every_weeks,
                                      first_day, last_day, minutes, note, created_at, created_by)
            VALUES (%(resident)s, %(service)s, %(organisation_id)s, %(staff_id)s, %(weekdays)s, %(times)s,
                    %(every_weeks)s, %(first_day)s, %(last_day)s, %(minutes)s, %(note)s, %(at)s, %(by)s)
            RETURNING id
            """,
            {**columns, "resident": resident_id, "at": acting.at, "by": acting.account.id},
        ).fetchone()
        assert row is not None  # noqa: S101 - an INSERT returns its row
        _event(conn, acting, row[0], "add", detail={"source": source})
        acting.audit(conn, "plan_services", resident_id, plan=row[0], service=new.service)
        make_ahead(conn, acting.at, plan_id=row[0])
    return int(row[0])


def change(conn: Connection[Any], acting: Acting, plan_id: int, new: PlanData, seen: int) -> None:
    """Change a plan that was read at version ``seen``; orders ahead follow it.

    Raises ProvisioningError with the field, ChangedMeanwhileError where somebody else was first.
    """
    acting.require(Action.PLAN_SERVICES)
    with conn.transaction():
        before = _one(conn, acting, plan_id)
        if before.state == "ended":
            raise ChangedMeanwhileError(en="this plan has ended: make a new one", zh="该计划已结束，请新建计划")
        columns = _checked(conn, acting, before.resident_id, new, before)
        done = conn.execute(
            """
            UPDATE service_plan SET service = %(service)s, organisation_id = %(organisation_id)s,
                   staff_id = %(staff_id)s, weekdays = %(weekdays)s, times = %(times)s, every_weeks = %(every_weeks)s,
                   first_day = %(first_day)s, last_day = %(last_day)s, minutes = %(minutes)s, note = %(note)s,
                   made_until = NULL, version = version + 1
            WHERE id = %(id)s AND version = %(seen)s
            """,
            {**columns, "id": plan_id, "seen": seen},
        )
        if not done.rowcount:
            raise _changed()
        _event(conn, acting, plan_id, "change", detail={"before": _said(before)})
        acting.audit(conn, "plan_services", before.resident_id, plan=plan_id, service=new.service)
        bring_into_line(conn, acting, plan_id)
        make_ahead(conn, acting.at, plan_id=plan_id)


def set_state(conn: Connection[Any], acting: Acting, plan_id: int, state: PlanState, seen: int, note: str = "") -> None:
    """Pause a plan, let it run again, or end it for good; its orders ahead are cancelled, or come back.

    Raises ChangedMeanwhileError where somebody else was first, or it has ended.
    """
    acting.require(Action.PLAN_SERVICES)
    with conn.transaction():
        before = _one(conn, acting, plan_id)
        if before.state == "ended" or state == before.state:
            raise _changed()
        switch(conn, acting, before, state, note, seen=seen)


def switch(
    conn: Connection[Any], acting: Acting, before: Plan, state: PlanState, note: str, *, seen: int | None = None
) -> None:
    """Set the state of a plan by another right, which the caller has asked for; see :func:`set_state`."""
    if state == "active":
        check_here(conn, before.resident_id)
    done = conn.execute(
        "UPDATE service_plan SET state = %s, made_until = NULL, version = version + 1 WHERE id = %s AND version = %s",
        (state, before.id, before.version if seen is None else seen),
    )
    if not done.rowcount:
        raise _changed()
    action = {"active": "resume", "paused": "pause", "ended": "end"}[state]
    _event(conn, acting, before.id, action, note.strip()[:400])
    acting.audit(conn, "plan_services", before.resident_id, plan=before.id, state=state)
    bring_into_line(conn, acting, before.id)
    make_ahead(conn, acting.at, plan_id=before.id)


def go_on_until(conn: Connection[Any], acting: Acting, before: Plan, last_day: dt.date, note: str) -> None:
    """Give a plan another last day by another right, which the caller has asked for."""
    conn.execute(
        "UPDATE service_plan SET last_day = %s, made_until = NULL, version = version + 1 WHERE id = %s",
        (last_day, before.id),
    )
    _event(conn, acting, before.id, "change", note, {"before": _said(before)})
    acting.audit(conn, "plan_services", before.resident_id, plan=before.id)
    bring_into_line(conn, acting, before.id)
    make_ahead(conn, acting.at, plan_id=before.id)


def plans_by_id(conn: Connection[Any], now: dt.datetime, numbers: Sequence[int]) -> list[Plan]:
    """Some plans; the caller has looked at their resident."""
    return _select(conn, now, "WHERE p.id = ANY(%(ids)s) ORDER BY p.id", ids=list(numbers))


def plans_that_run(conn: Connection[Any], now: dt.datetime, resident_id: int) -> list[Plan]:
    """The plans of a resident that have not ended; the caller has looked at the resident."""
    return _select(conn, now, "WHERE p.resident_id = %(resident)s AND p.state <> 'ended' ORDER BY p.id LIMIT 100",
                   resident=resident_id)  # fmt: skip


def _checked(
    conn: Connection[Any], acting: Acting, resident_id: int, new: PlanData, before: Plan | None
) -> dict[str, Any]:
    """The columns of a plan that breaks no rule."""
    chosen = service(conn, new.service)
    if not chosen.active and (before is None or before.service != new.service):
        raise ProvisioningError(en="this service is out of use", zh="该服务项目已停用", field="service")
    if not new.weekdays or not set(new.weekdays) <= set(range(1, 8)):
        raise ProvisioningError(en="choose at least one day of the week", zh="请至少选择一天", field="weekdays")
    if not 1 <= len(new.times) <= 6:
        raise ProvisioningError(en="write one to six times, such as 09:30", zh="请填写 1 至 6 个时间，例如 09:30",
                                field="times")  # fmt: skip
    if not 1 <= new.every_weeks <= 12:
        raise ProvisioningError(en="every 1 to 12 weeks", zh="间隔应为 1 至 12 周", field="every_weeks")
    if not 5 <= new.minutes <= 600:
        raise ProvisioningError(en="between 5 and 600 minutes", zh="时长应在 5 至 600 分钟之间", field="minutes")
    if new.last_day is not None and new.last_day < max(new.first_day, acting.today):
        raise ProvisioningError(en="the last day lies before the first, or in the past",
                                zh="结束日期不能早于开始日期，也不能早于今天", field="last_day")  # fmt: skip
    if before is None and new.first_day < acting.today:
        raise ProvisioningError(en="begin today or later", zh="开始日期不能早于今天", field="first_day")
    row = conn.execute(
        "SELECT o.id, a.path::text FROM organisation o, resident r JOIN household h ON h.id = r.household_id"
        " AND NOT h.synthetic JOIN area a ON a.id = h.area_id WHERE o.code = %s AND o.active AND r.id = %s",
        (new.organisation, resident_id),
    ).fetchone()
    if row is None:
        raise NotFoundError(en="choose a provider", zh="请选择服务机构", field="organisation")
    if not serves(offer_of(conn, new.service, row[0], max(new.first_day, acting.today)), row[1]):
        raise ProvisioningError(en="this provider does not serve the area of the home",
                                zh="该机构不服务此住户所在区域", field="organisation")  # fmt: skip
    staff_id = None if not new.staff else check_staff(conn, new.staff, row[0], chosen.work)
    return {
        "service": new.service, "organisation_id": row[0], "staff_id": staff_id,
        "weekdays": sorted(set(new.weekdays)), "times": sorted(set(new.times)), "every_weeks": new.every_weeks,
        "first_day": new.first_day, "last_day": new.last_day, "minutes": new.minutes, "note": new.note.strip()[:400],
    }  # fmt: skip


def _one(conn: Connection[Any], acting: Acting, plan_id: int) -> Plan:
    found = _select(conn, acting.at, "WHERE p.id = %(plan)s", plan=plan_id) if 0 < plan_id < 2**31 else []
    if not found or not may_see(conn, acting.account, found[0].resident_id):
        raise NotFoundError(en="there is no such plan", zh="没有这项服务计划")
    return found[0]


def _select(
    conn: Connection[Any], now: dt.datetime, tail: str, plans: str = "service_plan", **values: Any
) -> list[Plan]:
    with conn.cursor(row_factory=class_row(Plan)) as cursor:
        return cursor.execute((_PLANS.format(plans=plans) + tail).encode(), {"now": now, **values}).fetchall()


def _said(plan: Plan) -> dict[str, Any]:
    zh, en = plan.often
    return {"zh": f"{plan.service_zh} {zh} {plan.provider_zh}", "en": f"{plan.service_en} {en} {plan.provider_en}"}


def _event(
    conn: Connection[Any], acting: Acting, plan_id: int, action: str, note: str = "", detail: Any = None
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO service_plan_event (plan_id, at, action, account_id, actor, note, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (plan_id, acting.at, action, acting.account.id, acting.account.name_zh, note, Jsonb(detail or {})),
    )


def _changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        en="somebody else changed this plan meanwhile: look at theirs, then decide anew",
        zh="他人刚刚修改了这项计划，请先查看再决定",
    )


def times_of(text: str) -> tuple[dt.time, ...]:
    """Read times such as '09:30, 16:00'. Raises ProvisioningError with the field ``times``."""
    try:
        parts: Sequence[str] = text.replace("，", ",").replace("、", ",").replace("：", ":").split(",")
        return tuple(dt.time.fromisoformat(part.strip().zfill(5)).replace(second=0) for part in parts if part.strip())
    except ValueError as error:
        raise ProvisioningError(
            en="write times such as 09:30, 16:00", zh="时间写法如 09:30、16:00", field="times"
        ) from error
