"""The service plans of a bed's contract: offered by the approved plan of the assessment, and made once."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg import Connection

from care_network.catalogues.services import SERVICES
from care_network.errors import NotFoundError, ProvisioningError
from care_services.assessment.proposals import approved_plans
from care_services.core import rule_book
from care_services.core.acting import Acting
from care_services.core.facts import facts_of
from care_services.core.rules import Facts
from care_services.home_beds.store import Bed
from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import CareService, Offer, amount, offers, serves, services
from care_services.home_services.catalogue.subsidy import Share
from care_services.home_services.plans import desk as plans
from care_services.home_services.plans.desk import Plan, PlanData
from care_services.meals import menus, orders
from care_services.meals.arrangements import desk as arrangements
from care_services.meals.arrangements.desk import Arrangement, NewArrangement
from care_services.meals.subsidies import MEAL_SUBSIDY, Used, split

MEAL = "meal"
"""The work that canteens do: a meal arrangement in place of a service plan."""
TIMES = (dt.time(9), dt.time(10, 30), dt.time(14, 30), dt.time(16))
"""Usual times, so that what is planned for one home does not fall on the same hour."""
SPREAD = {1: (2,), 2: (1, 4), 3: (1, 3, 5), 4: (1, 2, 4, 5), 5: (1, 2, 3, 4, 5), 6: (1, 2, 3, 4, 5, 6)}
"""Days of the week by times a week; 7: every day."""


CANTEEN, UNWANTED, NOBODY = "由食堂按周订餐", "签约时未选", "本地暂无机构提供"
WHY_NOT: Mapping[str, str] = {
    CANTEEN: "ordered by the week at the canteen",  # of contracts before there were arrangements
    UNWANTED: "not wanted at the contract",
    NOBODY: "nobody offers it here yet",
}  # fmt: skip
"""Why a service has no plan, as it is stored, with the English."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A service of a provider that serves the home, as one visit of it would be paid."""

    service: str
    service_zh: str
    service_en: str
    minutes: int
    organisation: str
    provider_zh: str
    provider_en: str
    share: Share | None
    """None: nothing is on the menu of a canteen yet."""
    delivers: bool = True

    @property
    def key(self) -> str:
        """The value that a form sends for it."""
        return f"{self.service}@{self.organisation}"


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of work that the approved plan asks for, with who could do it."""

    work: str
    weekly: int
    choices: tuple[Choice, ...]
    """The bed's own organisation first, then by price. Empty: nobody offers it here."""
    days: tuple[int, ...]
    time: dt.time
    runs: Plan | None
    """A plan of this work that the resident has already: it becomes the bed's."""
    meals: Arrangement | None = None
    """Of meals: the arrangement that the resident has already; it becomes the bed's."""

    @property
    def words(self) -> tuple[str, str]:
        """The work in Chinese and English."""
        found = SERVICES.get(self.work)
        return (found.zh, found.en) if found else (self.work, self.work)


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A service as somebody chose it at the contract. ``service`` '': it is not wanted, and ``why_not``."""

    work: str
    service: str = ""
    organisation: str = ""
    weekdays: tuple[int, ...] = ()
    time: dt.time | None = None
    why_not: str = ""
    mode: str = "delivery"
    dinner: tuple[int, ...] = ()
    """Of meals: the days of dinners; ``weekdays`` are those of lunches."""


class BedService(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the bed's services. ``plan`` None: none was made, and why."""

    work: str
    weekly: int
    plan: Plan | None
    why_not: str
    meals: Arrangement | None = None
    """Of meals: the arrangement of the bed."""

    @property
    def runs(self) -> bool:
        """Whether it is planned, and has not ended."""
        return any(one is not None and one.state != "ended" for one in (self.plan, self.meals))

    @property
    def words(self) -> tuple[str, str]:
        """The work in Chinese and English."""
        found = SERVICES.get(self.work)
        return (found.zh, found.en) if found else (self.work, self.work)


def of_bed(conn: Connection[Any], bed_id: int, now: dt.datetime) -> list[BedService]:
    """The services of a bed, in the order in which they were made."""
    rows = conn.execute(
        "SELECT work, weekly, plan_id, why_not FROM home_bed_service WHERE bed_id = %s ORDER BY id", (bed_id,)
    ).fetchall()
    known = {one.id: one for one in plans.plans_by_id(conn, now, [row[2] for row in rows if row[2]])}
    meals = arrangements.of_bed(conn, bed_id)
    return [
        BedService(
            work=row[0], weekly=row[1], plan=known.get(row[2]), why_not=row[3], meals=meals if row[0] == MEAL else None
        )
        for row in rows
    ]


def offered(conn: Connection[Any], acting: Acting, bed: Bed, on: dt.date) -> list[Offered] | None:
    """The services that the approved plan asks for and that the bed has none of yet; None: no plan is approved.

    Shares of the public are those of somebody who has a bed, as it is from the signature on.
    """
    wanted = approved_plans(conn, [bed.resident_id]).get(bed.resident_id)
    if wanted is None:
        return None
    now = acting.at
    there = {one.work for one in of_bed(conn, bed.id, now) if one.runs}
    running = plans.plans_that_run(conn, now, bed.resident_id)
    catalogue = services(conn, active=True)
    work_of = {one.code: one.work for one in catalogue}
    facts = {**facts_of(conn, [bed.resident_id], on).get(bed.resident_id, {}), "home_care_bed": True}
    rules, prices = subsidy.rules(conn, on), offers(conn, on)
    found = []
    for place, (work, weekly) in enumerate(one for one in wanted.items() if one[0] not in there):
        choices = []
        for one in (one for one in catalogue if one.work == work):
            ruling = subsidy.decide(rules, facts, one.code, work)
            choices += [
                _choice(one, offer, subsidy.part(amount(one.unit, offer.price_fen, one.minutes), ruling))
                for offer in prices
                if offer.service == one.code and serves(offer, bed.path)
            ]
        choices.sort(key=lambda one: (one.organisation != bed.organisation, _amount(one), one.key))
        if work == MEAL:
            choices = _canteens(conn, acting, bed.resident_id, facts)
        found.append(Offered(
            work=work, weekly=weekly, choices=tuple(choices),
            days=SPREAD.get(weekly, tuple(range(1, 8))), time=TIMES[place % len(TIMES)],
            runs=next((one for one in running if work_of.get(one.service) == work), None),
            meals=arrangements.of_resident(conn, bed.resident_id) if work == MEAL else None,
        ))  # fmt: skip
    return found


def _amount(one: Choice) -> int:
    return 0 if one.share is None else one.share.amount_fen


def _canteens(conn: Connection[Any], acting: Acting, resident_id: int, facts: Facts) -> list[Choice]:
    """The canteens that serve the home, with what the next meal of their menu costs somebody who has a bed."""
    serving = orders.serving(conn, acting, resident_id)
    rules = rule_book.current(conn, MEAL_SUBSIDY, acting.today)
    ahead = menus.offers(conn, [one.id for one in serving], acting.today, acting.today + dt.timedelta(days=14))
    found = []
    for one in serving:
        price = next((offer.price for offer in ahead if offer.canteen_id == one.id and not offer.withdrawn), None)
        share = None
        if price is not None:
            paid = split(price, rules, facts, Used())
            share = Share(amount_fen=price, subsidy_fen=paid.subsidy, rule=paid.rule, open=bool(paid.missing))
        found.append(Choice(
            service=MEAL, service_zh="助餐", service_en="Meals", minutes=0, organisation=one.code,
            provider_zh=one.name_zh, provider_en=one.name_en, share=share, delivers=one.delivers,
        ))  # fmt: skip
    return found


def _choice(service: CareService, offer: Offer, share: Share) -> Choice:
    return Choice(
        service=service.code, service_zh=service.name_zh, service_en=service.name_en, minutes=service.minutes,
        organisation=offer.organisation, provider_zh=offer.provider_zh, provider_en=offer.provider_en, share=share,
    )  # fmt: skip


def usual(wanted: Sequence[Offered]) -> list[Chosen]:
    """The choice that is proposed: the first provider of each, on days spread over the week."""
    return [
        Chosen(
            work=one.work, service=one.choices[0].service, organisation=one.choices[0].organisation,
            weekdays=one.days, time=one.time, mode="delivery" if one.choices[0].delivers else "dine_in",
        )
        for one in wanted
        if one.choices and one.runs is None and one.meals is None
    ]  # fmt: skip


def chosen_of(sent: Mapping[str, Sequence[str]]) -> list[Chosen]:
    """Read the services of a form: 'service.bathing' (bath@provider, or nothing), its days and its time.

    Raises ProvisioningError with the field of the work.
    """
    found = []
    for name in sent:
        if not name.startswith("service."):
            continue
        work = name.removeprefix("service.")
        service, _, organisation = (sent[name] or [""])[0].partition("@")
        days, time = sent.get(f"days.{work}", ()), (sent.get(f"time.{work}") or [""])[0]
        try:
            chosen = Chosen(
                work=work, service=service, organisation=organisation,
                weekdays=tuple(sorted({int(day) for day in days if 1 <= int(day) <= 7})),
                time=dt.time.fromisoformat(time) if time else None, mode=(sent.get(f"mode.{work}") or ["delivery"])[0],
                dinner=tuple(sorted({int(day) for day in sent.get(f"dinner.{work}", ()) if 1 <= int(day) <= 7})),
            )  # fmt: skip
        except ValueError:
            raise ProvisioningError(en="choose days and a time", zh="请选择日期和时间", field=name) from None
        if service and not chosen.weekdays and not chosen.dinner:
            raise ProvisioningError(en="choose at least one day of the week", zh="请至少选择一天", field=name)
        found.append(chosen)
    return found


def make(
    conn: Connection[Any], acting: Acting, bed: Bed, contract: int, chosen: Sequence[Chosen], begins: dt.date,
    ends: dt.date,
) -> list[int]:  # fmt: skip
    """Make the plans of a bed: one for each work, however often it is asked for; gives those that are new.

    The caller holds the bed and has asked for permission. Raises ProvisioningError with the field of the work.
    """
    wanted = offered(conn, acting, bed, max(begins, acting.today)) or []
    by_work = {one.work: one for one in chosen}
    new = []
    for one in wanted:
        choice = by_work.get(one.work, Chosen(work=one.work))
        plan, why_not = None, choice.why_not.strip()[:400]
        if one.work == MEAL and _meals(conn, acting, bed, one, choice, begins, ends):
            why_not = ""
        elif one.runs is not None:
            plan = one.runs.id
            plans.go_on_until(conn, acting, one.runs, ends, "并入家庭养老床位服务")
        elif choice.service and one.choices and one.work != MEAL:
            plan = _put_in(conn, acting, bed, one, choice, begins, ends)
            new.append(plan)
        elif not why_not:
            why_not = UNWANTED if one.choices else NOBODY
        conn.execute(
            "INSERT INTO home_bed_service (bed_id, contract_id, work, weekly, plan_id, why_not, made_at, made_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (bed_id, work) DO UPDATE SET"
            " plan_id = excluded.plan_id, why_not = excluded.why_not, weekly = excluded.weekly,"
            " made_at = excluded.made_at, made_by = excluded.made_by",
            (bed.id, contract, one.work, one.weekly, plan, "" if plan else why_not, acting.at,
             acting.account.name_zh),
        )  # fmt: skip
    return new


def _meals(
    conn: Connection[Any], acting: Acting, bed: Bed, one: Offered, choice: Chosen, begins: dt.date, ends: dt.date
) -> bool:
    """Make the meal arrangement of a contract, or let the one that runs become the bed's; whether there is one."""
    if one.meals is not None:
        arrangements.join(conn, acting, one.meals, bed.id, ends)
        return True
    if not choice.service:
        return False
    new = NewArrangement(
        canteen=choice.organisation, mode=choice.mode, lunch=choice.weekdays, dinner=choice.dinner,
        first_day=max(begins, acting.today), last_day=ends,
    )  # fmt: skip
    try:
        arrangements.put_in(conn, acting, bed.resident_id, new, bed.id)
    except ProvisioningError as error:
        zh, en = one.words
        raise ProvisioningError(
            en=f"{en}: {error.message_en}", zh=f"{zh}：{error.message_zh}", field=f"service.{one.work}"
        ) from error
    return True


def _put_in(
    conn: Connection[Any], acting: Acting, bed: Bed, one: Offered, choice: Chosen, begins: dt.date, ends: dt.date
) -> int:
    found = next(
        (two for two in one.choices if (two.service, two.organisation) == (choice.service, choice.organisation)), None
    )
    if found is None:
        zh, en = one.words
        raise NotFoundError(
            en=f"{en}: this provider does not offer it here any more; choose another",
            zh=f"{zh}：该机构已不提供此服务，请另选", field=f"service.{one.work}",
        )  # fmt: skip
    try:
        return plans.put_in(conn, acting, bed.resident_id, PlanData(
            service=found.service, organisation=found.organisation, weekdays=choice.weekdays or one.days,
            times=(choice.time or one.time,), first_day=max(begins, acting.today), last_day=ends,
            minutes=found.minutes, note="家庭养老床位服务方案",
        ), "bed")  # fmt: skip
    except ProvisioningError as error:
        zh, en = one.words
        raise ProvisioningError(
            en=f"{en}: {error.message_en}", zh=f"{zh}：{error.message_zh}", field=f"service.{one.work}",
        ) from error  # fmt: skip


def lead_on(conn: Connection[Any], acting: Acting, bed_id: int, ends: dt.date) -> int:
    """Let the plans of a bed run until the end of its new contract; gives how many."""
    running = [one.plan for one in of_bed(conn, bed_id, acting.at) if one.plan and one.plan.state != "ended"]
    for one in running:
        if one.last_day is not None and one.last_day != ends:
            plans.go_on_until(conn, acting, one, ends, "合同续签")
    meals = arrangements.of_bed(conn, bed_id)
    if meals is not None and meals.state != "ended":
        arrangements.lead_on(conn, acting, meals, ends)
    return len(running)


def weekly_cost(wanted: Sequence[Offered]) -> tuple[int, int]:
    """The cost of a week by the first choices, and the resident's own part of it, in fen."""
    first = [(share, one.weekly) for one in wanted if one.choices and (share := one.choices[0].share)]
    return (
        sum(share.amount_fen * weekly for share, weekly in first),
        sum(share.own_fen * weekly for share, weekly in first),
    )


def ahead_of(conn: Connection[Any], plan_ids: Sequence[int], now: dt.datetime) -> tuple[int, int, int]:
    """The orders of some plans that are still to be done: how many, the resident's part and the public's, in fen."""
    row = conn.execute(
        "SELECT count(*)::integer, coalesce(sum(own_fen), 0)::bigint, coalesce(sum(subsidy_fen), 0)::bigint"
        " FROM service_order WHERE plan_id = ANY(%s) AND state IN ('planned', 'assigned') AND planned_start > %s",
        (list(plan_ids), now),
    ).fetchone()
    assert row is not None  # noqa: S101 - one row always
    return row[0], row[1], row[2]
