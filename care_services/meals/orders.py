"""Order and cancel meals: by residents' families and by staff for residents, until the canteen's deadline.

A finding that speaks against a meal for a resident refuses it; staff may order it all the same with a reason, which
stays with the order. Somebody who has never been asked about allergies is unknown, and refused likewise.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from care_network.access.permissions import Action, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core import rule_book
from care_services.core.acting import Acting
from care_services.core.facts import check_here, facts_over
from care_services.core.rules import Facts, RuleSet
from care_services.meals import diets, menus
from care_services.meals.arrangements import absent
from care_services.meals.canteens import Canteen, canteens
from care_services.meals.checking import Diet, Finding, findings, refused
from care_services.meals.finding_words import said
from care_services.meals.menus import Offer
from care_services.meals.subsidies import MEAL_SUBSIDY, Split, Used, split
from care_services.meals.words import MEALS, MODES

MOST_MEALS = 28
"""That one order holds: two weeks of lunch and dinner."""
LIMIT = 50
SPLIT_ANEW = "split"
"""State of an event that changes none: the subsidy was decided anew; its note has it before and after, in yuan."""
_LOCK = 235
"""Of advisory locks: orders of one resident."""
_LOCK_OFFER = 236
"""Of advisory locks: the last portions of a set."""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A set as one resident would have it: what speaks against it, and who pays what."""

    offer: Offer
    findings: tuple[Finding, ...]
    split: Split
    open: bool
    """Whether it can still be ordered: before the deadline, on the menu, portions left."""


class Choice(msgspec.Struct, frozen=True):
    """A meal that somebody chooses."""

    offer_id: int
    mode: str = "delivery"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An order as lists show it."""

    id: int
    resident_code: str
    name_zh: str
    name_en: str
    canteen: str
    canteen_zh: str
    canteen_en: str
    offer_id: int
    code: str
    day: dt.date
    meal: str
    mode: str
    state: str
    price: int
    subsidy: int
    rule: str | None
    missing: list[str]
    overridden: str
    ordered_at: dt.datetime
    ended_at: dt.datetime | None
    handed_to: str | None
    version: int
    resident_id: int
    arranged: bool
    """Whether an arrangement ordered it."""
    anew: str | None
    """The subsidy before and after, in yuan, where it was decided anew."""


LINES: LiteralString = """
    SELECT m.id, r.code AS resident_code, r.name_zh, r.name_en, o.code AS canteen, o.name_zh AS canteen_zh,
           o.name_en AS canteen_en, m.offer_id, f.code, m.day, m.meal, m.mode, m.state, m.price_fen AS price,
           m.subsidy_fen AS subsidy, m.rule, m.missing, m.overridden, m.ordered_at, m.ended_at, m.handed_to, m.version,
           m.resident_id, m.arrangement_id IS NOT NULL AS arranged,
           (SELECT e.note FROM meal_order_event e WHERE e.order_id = m.id AND e.state = 'split'
            ORDER BY e.id DESC LIMIT 1) AS anew
    FROM meal_order m JOIN resident r ON r.id = m.resident_id JOIN household h ON h.id = r.household_id
    JOIN organisation o ON o.id = m.canteen_id JOIN meal_offer f ON f.id = m.offer_id
    WHERE NOT h.synthetic
"""


def serving(conn: Connection[Any], acting: Acting, resident_id: int) -> list[Canteen]:
    """The canteens that serve a resident's home."""
    row = conn.execute(
        "SELECT a.path::text FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
        " WHERE r.id = %s AND NOT h.synthetic",
        (resident_id,),
    ).fetchone()
    return [] if row is None else canteens(conn, acting, home=row[0])


class Terms(msgspec.Struct, frozen=True):
    """The things by which a resident's meals are judged and priced: facts and rules are those of the meal's day."""

    diet: Diet
    facts: Callable[[dt.date], Facts]
    rules: Callable[[dt.date], RuleSet]

    def split(self, price: int, day: dt.date, used: Used) -> Split:
        """How a meal of that day is paid."""
        return split(price, self.rules(day), self.facts(day), used)


def terms_of(conn: Connection[Any], resident_id: int, days: Collection[dt.date]) -> Terms:
    """Load by what a resident's meals of these days are judged and priced, as known now."""
    facts = facts_over(conn, [resident_id], min(days), max(days)) if days else None
    return Terms(
        diets.diet_of(diets.current_of(conn, [resident_id]).get(resident_id)),
        lambda day: facts(resident_id, day) if facts else {},
        rule_book.over(conn, MEAL_SUBSIDY),
    )


def used_by_day(conn: Connection[Any], resident_id: int, days: Sequence[dt.date]) -> dict[dt.date, int]:
    """Count subsidised meals by day, of all months that the days touch, without those the canteen failed to bring."""
    if not days:
        return {}
    first = min(days).replace(day=1)
    last = (max(days).replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    rows = conn.execute(
        "SELECT day, count(*) FROM meal_order WHERE resident_id = %s AND day >= %s AND day < %s AND subsidy_fen > 0"
        " AND state NOT IN ('cancelled', 'failed') GROUP BY day",
        (resident_id, first, last),
    ).fetchall()
    return {row[0]: int(row[1]) for row in rows}


def used_on(conn: Connection[Any], resident_id: int, day: dt.date) -> Used:
    """The subsidised meals of a resident on a day and in its month."""
    return used_of(used_by_day(conn, resident_id, [day]), day)


def used_of(by_day: Mapping[dt.date, int], day: dt.date) -> Used:
    """The subsidised meals of a day and its month. Pure."""
    month = sum(n for one, n in by_day.items() if (one.year, one.month) == (day.year, day.month))
    return Used(by_day.get(day, 0), month)


def quotes(
    conn: Connection[Any], acting: Acting, resident_id: int, serving: Sequence[Canteen], first: dt.date, last: dt.date
) -> list[Quote]:
    """Every set of some days as a resident would have it, each as if it were the next one ordered."""
    return quoted(conn, acting.at, resident_id, serving, first, last)


def quoted(
    conn: Connection[Any], at: dt.datetime, resident_id: int, serving: Sequence[Canteen], first: dt.date, last: dt.date
) -> list[Quote]:
    """Quote for whoever asks from the home itself, without an account; see :func:`quotes`."""
    by_id = {one.id: one for one in serving}
    found = menus.offers(conn, list(by_id), first, last)
    days = {one.day for one in found}
    terms, used = terms_of(conn, resident_id, days), used_by_day(conn, resident_id, list(days))
    return [
        Quote(
            offer=one, findings=findings(terms.diet, one.contents),
            split=terms.split(one.price, one.day, used_of(used, one.day)),
            open=not one.withdrawn and one.left != 0 and by_id[one.canteen_id].deadline.is_open(one.day, at),
        )
        for one in found
    ]  # fmt: skip


def order(
    conn: Connection[Any], acting: Acting, code: str, choices: Sequence[Choice], override: str = "", *,
    though_away: bool = False,
) -> list[Split]:  # fmt: skip
    """Order meals for a resident, all or none; how each is paid, in the order of the days.

    ``override``: the reason of staff, where something speaks against one of them. ``though_away``: somebody made sure
    that the resident eats at home although the home care bed is suspended; without it AwayError is raised. Raises
    ProvisioningError, which names every meal that cannot be ordered and why; NotFoundError.
    """
    acting.require(Action.MANAGE_MEALS, Action.FAMILY_CIRCLE)
    number = acting.resident(conn, code, "order_meals")
    check_here(conn, number)
    if not 0 < len(choices) <= MOST_MEALS:
        raise ProvisioningError(en=f"choose 1 to {MOST_MEALS} meals", zh=f"请选择 1 至 {MOST_MEALS} 餐")
    if any(one.mode not in MODES for one in choices):
        raise ProvisioningError(en="delivered or at the canteen", zh="请选择送餐或堂食", field="mode")
    may_override = may_do(acting.account, Action.MANAGE_MEALS)
    reason = override.strip()[:400] if may_override else ""
    gone = absent.of(conn, number)
    with conn.transaction():
        placed = _place(
            conn, acting.at, acting.account.id, number, choices, serving(conn, acting, number), reason, may_override,
            gone, though_away,
        )  # fmt: skip
        acting.audit(
            conn, "order_meals", number, meals=len(placed), from_day=str(placed[0][0].day),
            **({"reason": reason} if any(one[2] for one in placed) else {}),
            **({"though_away": True} if gone and though_away else {}),
        )  # fmt: skip
    return [one[1] for one in placed]


def order_at_home(
    conn: Connection[Any], at: dt.datetime, number: int, choice: Choice, serving: Sequence[Canteen]
) -> Split:  # fmt: skip
    """Order a meal for a resident, as their panel asks; the caller has read the panel. Raises as :func:`order`."""
    check_here(conn, number)
    with conn.transaction():
        return _place(conn, at, None, number, [choice], serving, "", False)[0][1]


def _place(
    conn: Connection[Any], at: dt.datetime, account_id: int | None, number: int, choices: Sequence[Choice],
    serving: Sequence[Canteen], reason: str, may_override: bool, gone: absent.Away | None = None,
    though_away: bool = True,
) -> list[tuple[Offer, Split, str]]:  # fmt: skip
    """Look at every choice, then make the orders; part of the caller's transaction. In the order of the days.

    ``gone``: the resident is probably not at home, and nobody has made sure unless ``though_away``.
    """
    lock(conn, number, {one.offer_id for one in choices})
    by_canteen = {one.id: one for one in serving}
    found = menus.offers_by_id(conn, (one.offer_id for one in choices))
    terms = terms_of(conn, number, {one.day for one in found.values()})
    problems: list[tuple[str, str]] = []
    wanted: list[tuple[Offer, str, str]] = []
    for choice in choices:
        offer = found.get(choice.offer_id)
        canteen = by_canteen.get(offer.canteen_id) if offer is not None else None
        if offer is None or canteen is None:
            raise NotFoundError(en="there is no such set for this home", zh="没有这份套餐，或食堂不服务该住址")
        against = refused(findings(terms.diet, offer.contents))
        problem = _problem(offer, canteen, choice, at)
        if problem is None and against and not reason:
            problem = against_words(offer, against, may_override=may_override)
        if problem is not None:
            problems.append(problem)
        wanted.append((offer, choice.mode, reason if against else ""))
    if problems:
        raise ProvisioningError(en="; ".join(en for _, en in problems), zh="；".join(zh for zh, _ in problems))
    if gone is not None and not though_away and any(gone.on(offer.day) for offer, _, _ in wanted):
        raise gone.error()
    wanted.sort(key=lambda one: (one[0].day, one[0].meal == "dinner"))
    used = used_by_day(conn, number, [offer.day for offer, _, _ in wanted])
    placed = []
    for offer, mode, overridden in wanted:
        paid = terms.split(offer.price, offer.day, used_of(used, offer.day))
        if paid.subsidy:
            used[offer.day] = used.get(offer.day, 0) + 1
        insert(conn, at, account_id, number, offer, mode, overridden, paid)
        placed.append((offer, paid, overridden))
    return placed


def lock(conn: Connection[Any], resident_id: int, offers: Collection[int] = ()) -> None:
    """Let nobody else change what a resident has ordered, nor take portions of these sets, until the transaction ends.

    The subsidised meals of a day, and the portions that are left, are counted under it.
    """
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK, resident_id))
    for offer_id in sorted(offers):
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK_OFFER, offer_id))


def had_after_all(conn: Connection[Any], order_id: int) -> None:
    """Split the price anew of a meal that was not brought and is had after all, before its state changes.

    It counted as none meanwhile, so that another one may have had the subsidy of that day or month. Part of the
    caller's transaction; a meal in another state is left as it is.
    """
    row = conn.execute(
        "SELECT resident_id, day, price_fen FROM meal_order WHERE id = %s AND state = 'failed'", (order_id,)
    ).fetchone()
    if row is None:
        return
    resident_id, day, price = row
    lock(conn, resident_id)
    paid = terms_of(conn, resident_id, {day}).split(price, day, used_on(conn, resident_id, day))
    conn.execute(
        "UPDATE meal_order SET subsidy_fen = %s, rule = %s, missing = %s WHERE id = %s",
        (paid.subsidy, paid.rule, list(paid.missing), order_id),
    )


def insert(
    conn: Connection[Any], at: dt.datetime, account_id: int | None, number: int, offer: Offer, mode: str,
    overridden: str, paid: Split,
) -> int:  # fmt: skip
    """Make an order, of the resident with that number; its number. Part of the caller's transaction, who has looked.

    Raises ProvisioningError where the resident has that meal already.
    """
    try:
        with conn.transaction():
            return put_down(conn, at, account_id, number, offer, mode, overridden, paid)
    except UniqueViolation as error:
        zh, en = _meal(offer)
        raise ProvisioningError(
            en=f"{en} is ordered already: cancel it first", zh=f"{zh}已经订过，改订请先取消"
        ) from error


def put_down(
    conn: Connection[Any], at: dt.datetime, account: int | None, number: int, offer: Offer, mode: str,
    overridden: str, paid: Split, arrangement: int | None = None,
) -> int:  # fmt: skip
    """Write an order down, and close what was missing for that meal. Raises UniqueViolation."""
    row = conn.execute(
        "INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen,"
        " subsidy_fen, rule, missing, overridden, ordered_at, account_id, arrangement_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'ordered', %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (
            number, offer.canteen_id, offer.id, offer.day, offer.meal, mode, paid.price, paid.subsidy,
            paid.rule, list(paid.missing), overridden, at, account, arrangement,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - an INSERT returns its row
    conn.execute(
        "UPDATE meal_gap SET closed_at = %s, closed_as = 'ordered' WHERE resident_id = %s AND day = %s AND meal = %s"
        " AND closed_at IS NULL",
        (at, number, offer.day, offer.meal),
    )
    return int(row[0])


def _meal(offer: Offer) -> tuple[str, str]:
    zh, en = MEALS[offer.meal]
    return f"{offer.day:%m-%d} {zh}", f"{en} of {offer.day:%m-%d}"


def _problem(offer: Offer, canteen: Canteen, choice: Choice, now: dt.datetime) -> tuple[str, str] | None:
    zh, en = _meal(offer)
    if offer.withdrawn:
        return f"{zh}：套餐 {offer.code} 已停供", f"{en}: set {offer.code} is off the menu"
    if not canteen.deadline.is_open(offer.day, now):
        until = canteen.deadline.of(offer.day)
        return f"{zh}：订餐已于 {until:%m-%d %H:%M} 截止", f"{en}: orders closed on {until:%m-%d} at {until:%H:%M}"
    if offer.left == 0:
        return f"{zh}：套餐 {offer.code} 已订完", f"{en}: set {offer.code} is sold out"
    if choice.mode == "delivery" and not canteen.delivers:
        return f"{zh}：{canteen.name_zh}不送餐", f"{en}: {canteen.name_en} does not deliver"
    return None


def against_words(offer: Offer, against: Sequence[Finding], *, may_override: bool) -> tuple[str, str]:
    """Tell what speaks against a set for somebody, and what to do, in Chinese and English. Pure."""
    zh, en = _meal(offer)
    words = [said(one) for one in against]
    what_zh, what_en = "、".join(one[0] for one in words), ", ".join(one[1] for one in words)
    do_zh = "；确需订餐请填写理由" if may_override else "；请先更正饮食登记，或致电社区站"
    do_en = "; give a reason to order it all the same" if may_override else "; correct the diet, or call the station"
    return f"{zh}（套餐 {offer.code}）：{what_zh}{do_zh}", f"{en} (set {offer.code}): {what_en}{do_en}"


def one(conn: Connection[Any], acting: Acting, order_id: int) -> Line:
    """An order of a resident whom the account may see. Raises NotFoundError."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        found = cursor.execute(f"{LINES} AND m.id = %s", (order_id,)).fetchone()
    if found is None:
        raise NotFoundError(en="there is no such order", zh="没有这份订餐")
    acting.resident(conn, found.resident_code, "order_meals")
    return found


def cancel(conn: Connection[Any], acting: Acting, order_id: int, version: int, why: str = "") -> Line:
    """Cancel an order before the deadline; an arrangement does not order that meal again.

    Raises NotFoundError, ProvisioningError, ChangedMeanwhileError.
    """
    acting.require(Action.MANAGE_MEALS, Action.FAMILY_CIRCLE)
    found = one(conn, acting, order_id)
    canteen = next((c for c in serving(conn, acting, found.resident_id) if c.code == found.canteen), None)
    if canteen is not None and not canteen.deadline.is_open(found.day, acting.at):
        until = canteen.deadline.of(found.day)
        raise ProvisioningError(
            en=f"it could be cancelled until {until:%m-%d %H:%M}; call the canteen: {canteen.phone or '—'}",
            zh=f"取消已于 {until:%m-%d %H:%M} 截止，请致电食堂：{canteen.phone or '—'}",
        )
    with conn.transaction():
        done = conn.execute(
            "UPDATE meal_order SET state = 'cancelled', ended_at = %s, version = version + 1"
            " WHERE id = %s AND version = %s AND state = 'ordered'",
            (acting.at, order_id, version),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else changed this order meanwhile: look again", zh="这份订餐刚被他人修改，请刷新后再看"
            )
        conn.execute(
            "INSERT INTO meal_order_event (order_id, at, account_id, state, note) VALUES (%s, %s, %s, 'cancelled', %s)",
            (order_id, acting.at, acting.account.id, why.strip()[:400]),
        )
        not_wanted(conn, order_id, acting.at, acting.account.name_zh)
        acting.audit(conn, "cancel_meal", found.resident_id, day=str(found.day), meal=found.meal)
    return found


def not_wanted(conn: Connection[Any], order_id: int, at: dt.datetime, by: str) -> None:
    """Keep that somebody cancelled a meal: an arrangement of the resident does not order it again."""
    conn.execute(
        """
        INSERT INTO meal_gap (arrangement_id, resident_id, day, meal, why, zh, en, due, found_at, closed_at, closed_as,
                              closed_by)
        SELECT a.id, a.resident_id, m.day, m.meal, 'cancelled', '已取消', 'cancelled', %(at)s, %(at)s, %(at)s,
               'not_wanted', %(by)s
        FROM meal_order m JOIN meal_arrangement a ON a.resident_id = m.resident_id AND a.state <> 'ended'
        WHERE m.id = %(id)s
        ON CONFLICT (arrangement_id, day, meal) DO UPDATE SET closed_at = excluded.closed_at,
            closed_as = 'not_wanted', closed_by = excluded.closed_by
        """,
        {"id": order_id, "at": at, "by": by},
    )


def of_resident(conn: Connection[Any], resident_id: int, since: dt.date, after: int | None = None) -> list[Line]:
    """A resident's orders of days from ``since`` on, the latest day first; LIMIT + 1 at most."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            f"{LINES} AND m.resident_id = %s AND m.day >= %s ORDER BY m.day DESC, m.id DESC LIMIT {LIMIT + 1}",
            (resident_id, since),
        ).fetchall()


def of_day(
    conn: Connection[Any], canteen_id: int, day: dt.date, meal: str = "", after: int = 0, limit: int = LIMIT
) -> list[Line]:
    """A canteen's orders of a day by key, one more than ``limit`` at most; ``meal`` '': of all."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            f"{LINES} AND m.canteen_id = %s AND m.day = %s AND (%s = '' OR m.meal = %s) AND m.id > %s"
            " ORDER BY m.id LIMIT %s",
            (canteen_id, day, meal, meal, after, limit + 1),
        ).fetchall()


def counts(conn: Connection[Any], canteen_ids: Sequence[int], first: dt.date, last: dt.date) -> list[tuple[Any, ...]]:
    """(canteen id, day, meal, state, number) from day to day."""
    return conn.execute(
        "SELECT canteen_id, day, meal, state, count(*) FROM meal_order WHERE canteen_id = ANY (%s)"
        " AND day BETWEEN %s AND %s GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3 DESC, 4",
        (list(canteen_ids), first, last),
    ).fetchall()
