"""Make service orders of plans, some days ahead. However often it is done, each slot of a plan has one order."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core import rule_book
from care_services.core.facts import facts_over
from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import Prices, amount
from care_services.home_services.orders import store
from care_services.home_services.orders.people import Qualified, qualified
from care_services.home_services.orders.store import SYSTEM, NewOrder
from care_services.home_services.plans.recurrence import DAY, Recurrence, slots
from vocabulary.times import SHANGHAI

AHEAD_DAYS = 14
"""Orders stand so many days ahead: a provider plans its people by the fortnight."""
BATCH = 1000
"""Plans in one transaction."""


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    resident_id: int
    service: str
    work: str
    unit: str
    organisation_id: int
    staff_id: int | None
    weekdays: list[int]
    times: list[dt.time]
    every_weeks: int
    first_day: dt.date
    last_day: dt.date | None
    minutes: int
    made_until: dt.date | None

    @property
    def rule(self) -> Recurrence:
        return Recurrence(
            weekdays=tuple(self.weekdays), times=tuple(self.times), first_day=self.first_day, last_day=self.last_day,
            every_weeks=self.every_weeks,
        )  # fmt: skip


_DUE = """
    SELECT p.id, p.resident_id, p.service, c.work, c.unit, p.organisation_id, s.id AS staff_id, p.weekdays, p.times,
           p.every_weeks, p.first_day, p.last_day, p.minutes, p.made_until
    FROM service_plan p JOIN care_service c ON c.code = p.service
    JOIN resident r ON r.id = p.resident_id AND r.gone IS NULL
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    LEFT JOIN staff s ON s.id = p.staff_id AND s.active
    WHERE p.state = 'active' AND (p.made_until IS NULL OR p.made_until < %(until)s) AND p.first_day <= %(until)s
      AND (p.last_day IS NULL OR p.made_until IS NULL OR p.made_until < p.last_day)
      AND (%(plan)s::int IS NULL OR p.id = %(plan)s) AND p.id > %(after)s
    ORDER BY p.id LIMIT %(batch)s FOR UPDATE OF p SKIP LOCKED
"""


def make_ahead(
    conn: Connection[Any], now: dt.datetime, *, days: int = AHEAD_DAYS, plan_id: int | None = None
) -> int:  # fmt: skip
    """Make the orders of all active plans (or of one) up to so many days ahead; the number of those that are new.

    Price and subsidy are those of the visit's day: by the rules, the age and the traits of that day, as known now.
    A slot whose time has passed gets none. Of a provider that no longer has a price none is made, and the plan is
    looked at again the next time: the plan's page says so.
    """
    today = now.astimezone(SHANGHAI).date()
    until, made, after = today + days * DAY, 0, 0
    while True:
        with conn.transaction():
            with conn.cursor(row_factory=class_row(_Plan)) as cursor:
                asked = {"until": until, "plan": plan_id, "batch": BATCH, "after": after}
                plans = cursor.execute(_DUE, asked).fetchall()
            if not plans:
                return made
            made += _make(conn, plans, now, today, until)
            after = plans[-1].id


def _make(conn: Connection[Any], plans: list[_Plan], now: dt.datetime, today: dt.date, until: dt.date) -> int:
    facts = facts_over(conn, {plan.resident_id for plan in plans}, today, until)
    rules, prices = rule_book.over(conn, subsidy.SUBJECT), Prices(conn, until)
    crew = qualified(conn, {plan.staff_id for plan in plans if plan.staff_id is not None})
    found: list[NewOrder] = []
    reached: list[dt.date] = []
    for plan in plans:
        since, up_to = today if plan.made_until is None else max(today, plan.made_until + DAY), until
        for slot in slots(plan.rule, since, until):
            if slot <= now:
                continue
            day = slot.astimezone(SHANGHAI).date()
            price = prices.on(plan.service, plan.organisation_id, day)
            if price is None:
                up_to = day - DAY
                break
            cost = amount(plan.unit, price, plan.minutes)
            ruling = subsidy.decide(rules(day), facts(plan.resident_id, day), plan.service, plan.work)
            found.append(NewOrder(
                resident_id=plan.resident_id, service=plan.service, organisation_id=plan.organisation_id, source="plan",
                planned_start=slot, planned_minutes=plan.minutes, unit=plan.unit, price_fen=price,
                share=subsidy.part(cost, ruling), staff_id=_goes(plan, crew, day), plan_id=plan.id, slot=slot,
            ))  # fmt: skip
        reached.append(up_to)
    conn.execute(
        "UPDATE service_plan p SET made_until = n.reached FROM unnest(%s::int[], %s::date[]) AS n (id, reached)"
        " WHERE p.id = n.id AND p.made_until IS DISTINCT FROM n.reached",
        ([plan.id for plan in plans], reached),
    )
    return len(store.insert_many(conn, found, SYSTEM, now))


def _goes(plan: _Plan, crew: Mapping[int, Qualified], day: dt.date) -> int | None:
    """Name who goes by the plan, where their certificates count on that day; None: somebody has to be found."""
    if plan.staff_id is None or plan.staff_id not in crew:
        return None
    return plan.staff_id if crew[plan.staff_id].may(plan.work, day) else None
