"""Weekly menus: the sets of dishes that a canteen offers, with allergens, marks and prices."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.money import yuan
from care_services.meals import diets
from care_services.meals.canteens import Canteen, managed
from care_services.meals.checking import FIRMNESS, Contents, Dish, contents, findings, refused
from care_services.meals.deadlines import week_of
from care_services.meals.words import ALLERGENS, MARKS, MEALS

MOST_DISHES, MOST_FEN = 8, 20_000
"""Of a set: dishes, and its price (200 yuan)."""
CODES = ("A", "B", "C", "D")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A set of dishes of one meal of one day."""

    id: int
    canteen_id: int
    day: dt.date
    meal: str
    code: str
    dishes: tuple[Dish, ...]
    price: int
    """In fen."""
    most: int | None
    """Portions; None: as many as are ordered."""
    withdrawn: bool
    version: int
    ordered: int
    """Portions that are taken, of everybody."""

    @property
    def contents(self) -> Contents:
        """Everything that it holds."""
        return contents(self.dishes)

    @property
    def left(self) -> int | None:
        """Portions that are left; None: no bound."""
        return None if self.most is None else max(0, self.most - self.ordered)


class NewOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A set as somebody wants it."""

    day: dt.date
    meal: str
    code: str
    dishes: tuple[Dish, ...]
    price: int
    most: int | None = None


class _Set(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table ``[[set]]`` of a file."""

    day: dt.date
    meal: str
    code: str
    price: str
    """In yuan, as people write it."""
    dishes: tuple[Dish, ...]
    most: int | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    set: tuple[_Set, ...] = ()


def read_sets(text: str) -> list[NewOffer]:
    """Read sets from TOML: tables ``[[set]]`` with day, meal, code, price in yuan, dishes. Raises ValueError."""
    return [
        NewOffer(day=one.day, meal=one.meal, code=one.code, dishes=one.dishes, price=yuan(one.price), most=one.most)
        for one in msgspec.toml.decode(text, type=_File).set
    ]


_SELECT: LiteralString = """
    SELECT o.id, o.canteen_id, o.day, o.meal, o.code, o.dishes, o.price_fen, o.most,
           o.withdrawn_at IS NOT NULL AS withdrawn, o.version, t.taken AS ordered
    FROM meal_offer o CROSS JOIN LATERAL meal_portions(o.id) t (taken)
"""


def _offer(row: dict[str, Any]) -> Offer:
    return Offer(dishes=msgspec.convert(row.pop("dishes"), tuple[Dish, ...]), price=row.pop("price_fen"), **row)


def offers(conn: Connection[Any], canteen_ids: Sequence[int], first: dt.date, last: dt.date) -> list[Offer]:
    """The sets of some canteens from day to day, withdrawn ones too, in the order of the week."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"{_SELECT} WHERE o.canteen_id = ANY (%s) AND o.day BETWEEN %s AND %s"
            " ORDER BY o.day, o.meal = 'dinner', o.canteen_id, o.code",
            (list(canteen_ids), first, last),
        ).fetchall()
    return [_offer(row) for row in rows]


def offers_by_id(conn: Connection[Any], ids: Iterable[int]) -> dict[int, Offer]:
    """Some sets by id."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return {row["id"]: _offer(row) for row in cursor.execute(f"{_SELECT} WHERE o.id = ANY (%s)", (list(ids),))}


def check(new: NewOffer) -> None:
    """Raise ProvisioningError where a set breaks a rule, with its field."""

    def wrong(zh: str, en: str, field: str) -> ProvisioningError:
        return ProvisioningError(zh=zh, en=en, field=field)

    if new.meal not in MEALS:
        raise wrong("请选择午餐或晚餐", "choose lunch or dinner", "meal")
    if new.code not in CODES:
        raise wrong("套餐编号为 A、B、C 或 D", "a set is A, B, C or D", "code")
    if not 0 < len(new.dishes) <= MOST_DISHES:
        raise wrong(f"填写 1 至 {MOST_DISHES} 道菜", f"write 1 to {MOST_DISHES} dishes", "dishes")
    if not 0 <= new.price <= MOST_FEN:
        raise wrong(f"价格不超过 {MOST_FEN // 100} 元", f"a price of {MOST_FEN // 100} yuan at most", "price")
    if new.most is not None and not 0 < new.most <= 5000:
        raise wrong("份数为 1 至 5000，不限则留空", "1 to 5000 portions; empty: no bound", "most")
    for dish in new.dishes:
        if not dish.zh.strip() or len(dish.zh) > 60 or len(dish.en) > 80:
            raise wrong("每道菜都要有名称（不超过 60 字）", "each dish needs a name (60 characters)", "dishes")
        if set(dish.allergens or ()) - set(ALLERGENS) or set(dish.marks) - set(MARKS) or dish.texture not in FIRMNESS:
            raise wrong("过敏原或饮食标记不在目录中", "an allergen or a mark that the list does not have", "dishes")


def put(conn: Connection[Any], acting: Acting, code: str, new: NewOffer, version: int = 0) -> int:
    """Add a set (version 0) or change one; its id.

    A set that people have ordered keeps its price, and takes no dish that one of them must not eat: the error names
    them, and they are to be given another set first. Raises ProvisioningError, ExistsError, ChangedMeanwhileError.
    """
    canteen = managed(conn, acting, code)
    check(new)
    if new.day < acting.today:
        raise ProvisioningError(en="that day is over", zh="这一天已经过去", field="day")
    dishes = Jsonb([msgspec.to_builtins(dish) for dish in new.dishes])
    with conn.transaction():
        if version == 0:
            try:
                row = conn.execute(
                    "INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen, most)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                    (canteen.id, new.day, new.meal, new.code, dishes, new.price, new.most),
                ).fetchone()
            except UniqueViolation as error:
                raise ExistsError(
                    en=f"there is a set {new.code} for that meal", zh=f"这一餐已有套餐 {new.code}", field="code"
                ) from error
            assert row is not None  # noqa: S101 - it was inserted
            number = int(row[0])
        else:
            number = _change(conn, acting, canteen, new, dishes, version)
        acting.audit(conn, "set_menu", what=code, day=str(new.day), meal=new.meal, set=new.code)
    return number


def _change(conn: Connection[Any], acting: Acting, canteen: Canteen, new: NewOffer, dishes: Jsonb, version: int) -> int:
    row = conn.execute(
        "SELECT id, version, price_fen FROM meal_offer WHERE canteen_id = %s AND day = %s AND meal = %s AND code = %s"
        " FOR UPDATE",
        (canteen.id, new.day, new.meal, new.code),
    ).fetchone()
    if row is None:
        raise NotFoundError(en="there is no such set", zh="没有这份套餐")
    if row[1] != version:
        raise ChangedMeanwhileError(
            en="somebody else changed this set meanwhile: look again", zh="他人刚刚修改了这份套餐，请刷新后再改"
        )
    ordered = conn.execute(
        "SELECT o.resident_id, r.name_zh, r.name_en FROM meal_order o JOIN resident r ON r.id = o.resident_id"
        " JOIN household h ON h.id = r.household_id"
        " WHERE o.offer_id = %s AND o.state = 'ordered' AND o.overridden = '' AND NOT h.synthetic ORDER BY r.code",
        (row[0],),
    ).fetchall()
    if ordered and new.price != row[2]:
        raise ProvisioningError(
            en=f"{len(ordered)} have ordered it at the old price: add another set instead",
            zh=f"已有 {len(ordered)} 人按原价订餐，请另加一份套餐", field="price",
        )  # fmt: skip
    holds, known = contents(new.dishes), diets.current_of(conn, [one[0] for one in ordered])
    against = [one for one in ordered if refused(findings(diets.diet_of(known.get(one[0])), holds))]
    if against:
        raise ProvisioningError(
            en="it holds what they must not eat who ordered it; give them another set first: "
            + ", ".join(name for _, _, name in against),
            zh="已订餐的老人中有人不能吃，请先为其改订：" + "、".join(name for _, name, _ in against),
            field="dishes",
        )
    conn.execute(
        "UPDATE meal_offer SET dishes = %s, price_fen = %s, most = %s, version = version + 1 WHERE id = %s",
        (dishes, new.price, new.most, row[0]),
    )
    return int(row[0])


def copy_week(conn: Connection[Any], acting: Acting, code: str, source: dt.date, target: dt.date) -> int:
    """Copy the sets of a week to another; what is there already stays. The number of new sets."""
    canteen = managed(conn, acting, code)
    shift = week_of(target)[0] - week_of(source)[0]
    if week_of(target)[-1] < acting.today:
        raise ProvisioningError(en="that week is over", zh="这一周已经过去", field="week")
    with conn.transaction():
        done = conn.execute(
            """
            INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen, most)
            SELECT canteen_id, day + %(shift)s, meal, code, dishes, price_fen, most FROM meal_offer
            WHERE canteen_id = %(canteen)s AND day BETWEEN %(first)s AND %(last)s AND withdrawn_at IS NULL
              AND day + %(shift)s >= %(today)s
            ON CONFLICT (canteen_id, day, meal, code) DO NOTHING
            """,
            {
                "shift": shift.days, "canteen": canteen.id, "first": week_of(source)[0], "last": week_of(source)[-1],
                "today": acting.today,
            },
        )  # fmt: skip
        acting.audit(conn, "set_menu", what=code, week=str(week_of(target)[0]), sets=done.rowcount)
    return done.rowcount


def withdraw(conn: Connection[Any], acting: Acting, code: str, offer_id: int, version: int, why: str) -> int:
    """Take a set off the menu: its orders are cancelled with that reason, and nobody pays. The number of orders."""
    canteen = managed(conn, acting, code)
    if not why.strip():
        raise ProvisioningError(en="say why: who ordered it will ask", zh="请写明原因，订餐的老人会问", field="why")
    with conn.transaction():
        done = conn.execute(
            "UPDATE meal_offer SET withdrawn_at = %s, version = version + 1 WHERE id = %s AND canteen_id = %s"
            " AND version = %s AND withdrawn_at IS NULL RETURNING day",
            (acting.at, offer_id, canteen.id, version),
        ).fetchone()
        if done is None:
            raise ChangedMeanwhileError(
                en="somebody else changed this set meanwhile: look again", zh="他人刚刚修改了这份套餐，请刷新后再改"
            )
        gone = conn.execute(
            """
            WITH gone AS (
                UPDATE meal_order SET state = 'cancelled', ended_at = %(at)s, version = version + 1
                WHERE offer_id = %(offer)s AND state = 'ordered' RETURNING id
            )
            INSERT INTO meal_order_event (order_id, at, account_id, state, note)
            SELECT id, %(at)s, %(account)s, 'cancelled', %(why)s FROM gone
            """,
            {"at": acting.at, "offer": offer_id, "account": acting.account.id, "why": why.strip()[:400]},
        )
        acting.audit(conn, "withdraw_menu", what=code, day=str(done[0]), cancelled=gone.rowcount)
    return gone.rowcount
