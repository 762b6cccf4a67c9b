"""Meals from the menu to the door: allergies refuse, deadlines hold, subsidies split, a shut door is told."""

import datetime as dt
from collections.abc import Iterator

import msgspec
import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core.acting import Acting
from care_services.meals import canteens, delivery, diets, dining, menus, orders, settlement
from care_services.meals.diets import NewDiet
from care_services.meals.orders import Choice
from tests.support.canteens import CANTEEN, NUTS, add_canteen, offer, soon
from tests.support.network import account
from tests.support.orders import staff_city

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as found:
        staff_city(found)
        add_canteen(found)
        found.execute(
            "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
            " WHERE a.login = 'daughter' AND r.code = 'R1'"
        )
        yield found


def acting(conn: psycopg.Connection, login: str, at: dt.datetime | None = None) -> Acting:
    return Acting(account(conn, login), at or dt.datetime.now(dt.UTC), "test")


def asked(*allergies: str) -> NewDiet:
    return NewDiet(allergies=allergies, texture="soft", said_by="family", said_on=soon(0))


def test_meals_from_the_menu_to_the_door(conn: psycopg.Connection) -> None:
    station, family = acting(conn, "station"), acting(conn, "daughter")
    fish = menus.put(conn, station, CANTEEN, offer(soon()))
    nuts = menus.put(conn, station, CANTEEN, offer(soon(), "B", NUTS))
    with pytest.raises(ExistsError):
        menus.put(conn, station, CANTEEN, offer(soon()))
    with pytest.raises(NotPermittedError):
        menus.put(conn, acting(conn, "carer"), CANTEEN, offer(soon(3)))
    # nobody has asked: unknown is not 'none'
    with pytest.raises(ProvisioningError, match="nobody has asked"):
        orders.order(conn, family, "R1", [Choice(fish)])
    diets.record(conn, family, "R1", asked("peanut"), 0)
    with pytest.raises(ChangedMeanwhileError):
        diets.record(conn, station, "R1", asked(), 0)
    with pytest.raises(ProvisioningError, match="peanuts"):
        orders.order(conn, family, "R1", [Choice(nuts)], "a family overrides nothing")
    paid = orders.order(conn, family, "R1", [Choice(fish)])
    assert [(one.price, one.subsidy, one.own) for one in paid] == [(1500, 450, 1050)], "over eighty: 30 %"
    assert "low_income" in paid[0].missing
    with pytest.raises(ProvisioningError, match="ordered already"):
        orders.order(conn, family, "R1", [Choice(fish)])
    # the dishes of an ordered set change into what one of them must not eat: refused, by name
    with pytest.raises(ProvisioningError, match="Chen"):
        menus.put(conn, station, CANTEEN, offer(soon(), dish=NUTS), 1)
    line = orders.of_resident(conn, 1, soon())[0]
    late = acting(conn, "daughter", dt.datetime.now(dt.UTC) + dt.timedelta(days=2))
    with pytest.raises(ProvisioningError, match="could be cancelled until"):
        orders.cancel(conn, late, line.id, line.version)
    with pytest.raises(NotFoundError):
        orders.cancel(conn, acting(conn, "station-ms"), line.id, line.version)
    orders.cancel(conn, family, line.id, line.version)
    # staff may order it all the same, and the reason stays
    orders.order(conn, station, "R1", [Choice(nuts)], "已核对，本餐不放花生")
    kept = next(one for one in orders.of_resident(conn, 1, soon()) if one.state == "ordered")
    assert (kept.code, kept.overridden) == ("B", "已核对，本餐不放花生")
    assert menus.withdraw(conn, station, CANTEEN, nuts, 1, "停电") == 1
    # of another street neither canteen nor person is there
    with pytest.raises(NotFoundError):
        canteens.canteen(conn, acting(conn, "station-ms"), CANTEEN)
    with pytest.raises(NotFoundError):
        orders.order(conn, acting(conn, "station-ms"), "R1", [Choice(fish)])


def test_portions_are_not_sold_twice(conn: psycopg.Connection) -> None:
    station = acting(conn, "station")
    conn.execute(
        "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
        " SELECT 'R9', household_id, '李', 'Li', 'female', '1950-01-01' FROM resident WHERE code = 'R1'"
    )
    last = menus.put(conn, station, CANTEEN, offer(soon(), most=1))
    for code in ("R1", "R9"):
        diets.record(conn, station, code, asked(), 0)
    orders.order(conn, station, "R1", [Choice(last)])
    with pytest.raises(ProvisioningError, match="sold out"):
        orders.order(conn, station, "R9", [Choice(last)])


def test_a_round_and_a_shut_door(conn: psycopg.Connection) -> None:
    canteens.set_hours(conn, acting(conn, "station"), CANTEEN, 0, dt.time(23, 59, 59), delivers=True, version=0)
    station, carer = acting(conn, "station"), acting(conn, "carer")
    today = station.today
    number = menus.put(conn, station, CANTEEN, offer(today))
    diets.record(conn, station, "R1", asked(), 0)
    orders.order(conn, station, "R1", [Choice(number)])
    with pytest.raises(NotPermittedError):
        delivery.plan(conn, carer, CANTEEN, today, "lunch", ["S1"])
    assert len(delivery.plan(conn, station, CANTEEN, today, "lunch", ["S1", "S11"])) == 1, "one door, one round"
    again = delivery.plan(conn, station, CANTEEN, today, "lunch", ["S1"])
    found, stops = delivery.load(conn, carer, again[0])
    assert (found.mine, found.meals, found.left) == (True, 1, 1)
    with pytest.raises(NotFoundError):
        delivery.load(conn, acting(conn, "carer-ms"), again[0])
    with pytest.raises(ProvisioningError, match="ring and knock"):
        delivery.record(conn, carer, stops[0].order_id, "absent", stops[0].version, note="按铃三次")
    tried = ("rang", "neighbour")
    delivery.record(conn, carer, stops[0].order_id, "absent", stops[0].version, note="按铃三次", tried=tried)
    waiting = delivery.absences(conn, station)
    assert [(one.resident_code, one.note, one.sign.watched) for one in waiting] == [("R1", "按铃三次", False)]
    assert delivery.rounds(conn, station, [found_id(conn)], today)[0].ended_at is not None
    with pytest.raises(ChangedMeanwhileError):
        delivery.record(conn, carer, stops[0].order_id, "delivered", stops[0].version, "resident")
    delivery.see_to(conn, station, stops[0].order_id, "hospital", "住院三天")
    assert delivery.absences(conn, station) == []
    with pytest.raises(ChangedMeanwhileError):
        delivery.see_to(conn, station, stops[0].order_id, "well")
    _, total = settlement.sums(conn, station, CANTEEN, f"{today:%Y-%m}")
    assert (total.ordered, total.absent, total.price, total.subsidy) == (1, 1, 1500, 450)
    text = settlement.as_csv(conn, station, CANTEEN, f"{today:%Y-%m}")
    assert "R1,陈,1,0,0,1,0,0,0,15.00,4.50,10.50,1" in text
    conn.execute("UPDATE resident SET name_zh = '=1+1' WHERE code = 'R1'")
    assert "R1,'=1+1," in settlement.as_csv(conn, station, CANTEEN, f"{today:%Y-%m}"), "no formula"
    with pytest.raises(NotPermittedError):
        settlement.sums(conn, carer, CANTEEN, f"{today:%Y-%m}")


def test_a_fact_that_becomes_known_decides_the_subsidy_anew(conn: psycopg.Connection) -> None:
    station, family = acting(conn, "station"), acting(conn, "daughter")
    sets = [menus.put(conn, station, CANTEEN, msgspec.structs.replace(offer(soon()), meal=one))
            for one in ("lunch", "dinner")]  # fmt: skip
    diets.record(conn, family, "R1", asked(), 0)
    paid = orders.order(conn, family, "R1", [Choice(one) for one in sets])
    assert [one.subsidy for one in paid] == [450, 0], "over eighty: one meal a day by 30 %"
    assert settlement.decide_anew(conn, station.at) == 0, "nobody knows more"
    conn.execute(
        "INSERT INTO resident_trait (resident_id, trait, holds, valid_from, evidence, set_at)"
        " SELECT id, 'extreme_poverty', false, %(day)s::date, '名册', now() FROM resident WHERE code = 'R1'"
        " UNION ALL SELECT id, 'low_income', true, %(day)s::date, '名册', now() FROM resident WHERE code = 'R1'",
        {"day": soon()},
    )
    later = station.at + dt.timedelta(days=80)
    assert settlement.decide_anew(conn, later) == 0, "its month is paid out"
    first = conn.execute("SELECT id FROM meal_order WHERE meal = 'lunch'").fetchone()
    assert [settlement.decide_anew(conn, station.at) for _ in range(2)] == [2, 0]
    lines = orders.of_resident(conn, 1, soon())
    assert sorted((one.subsidy, one.rule, one.anew, one.missing) for one in lines) == [
        (1200, "low-income", "0.00 → 12.00", []), (1200, "low-income", "4.50 → 12.00", []),
    ]  # fmt: skip
    assert first is not None
    orders.cancel(conn, family, first[0], next(one.version for one in lines if one.id == first[0]))


def found_id(conn: psycopg.Connection) -> int:
    return add_canteen(conn)


def test_a_meal_is_eaten_at_the_canteen_once_with_one_subsidy(conn: psycopg.Connection) -> None:
    station, carer = acting(conn, "station"), acting(conn, "carer")
    today, meal = station.today, "lunch"
    number = menus.put(conn, station, CANTEEN, offer(today))
    (found,) = dining.find(conn, carer, CANTEEN, "r1", meal)
    assert (found.code, found.order_id) == ("R1", None)
    assert dining.find(conn, acting(conn, "carer"), CANTEEN, "R2", meal) == [], "of another street"
    with pytest.raises(ProvisioningError, match="nobody has asked"):
        dining.eat(conn, carer, CANTEEN, "R1", meal, number)
    diets.record(conn, station, "R1", asked(), 0)
    with pytest.raises(ProvisioningError, match="choose one of today's sets"):
        dining.eat(conn, carer, CANTEEN, "R1", meal)
    order = dining.eat(conn, carer, CANTEEN, "R1", meal, number)
    paid = conn.execute("SELECT state, mode, subsidy_fen FROM meal_order WHERE id = %s", (order,)).fetchone()
    assert paid == ("eaten", "dine_in", 450)
    with pytest.raises(ProvisioningError, match="one meal, one subsidy"):
        dining.eat(conn, station, CANTEEN, "R1", meal, number)
    with pytest.raises(ChangedMeanwhileError):
        dining.take_back(conn, station, CANTEEN, order)
    dining.take_back(conn, carer, CANTEEN, order)
    assert conn.execute("SELECT state FROM meal_order WHERE id = %s", (order,)).fetchone() == ("cancelled",)
    canteens.set_hours(conn, station, CANTEEN, 0, dt.time(23, 59, 59), delivers=True, version=0)
    orders.order(conn, station, "R1", [Choice(number)])
    again = dining.eat(conn, carer, CANTEEN, "R1", meal)
    assert again != order
    of = "SELECT state, mode, subsidy_fen FROM meal_order WHERE id = %s"
    assert conn.execute(of, (again,)).fetchone() == ("eaten", "dine_in", 450)
    dining.take_back(conn, carer, CANTEEN, again)
    assert conn.execute(of, (again,)).fetchone() == ("ordered", "delivery", 450), "it is brought after all"
    conn.execute("UPDATE meal_order SET state = 'absent' WHERE id = %s", (again,))
    conn.execute("INSERT INTO meal_absence SELECT id, resident_id, now(), '' FROM meal_order WHERE id = %s", (again,))
    dining.eat(conn, carer, CANTEEN, "R1", meal)
    assert delivery.absences(conn, station) == []
    dining.take_back(conn, carer, CANTEEN, again)
    assert [one.order_id for one in delivery.absences(conn, station)] == [again], "nobody knows again"
    assert conn.execute(of, (again,)).fetchone() == ("absent", "delivery", 450)

    conn.execute("UPDATE meal_order SET state = 'failed' WHERE id = %s", (again,))
    supper = menus.put(conn, station, CANTEEN, msgspec.structs.replace(offer(today), meal="dinner"))
    other = dining.eat(conn, carer, CANTEEN, "R1", "dinner", supper)
    dining.eat(conn, carer, CANTEEN, "R1", meal)
    paid = [conn.execute(of, (number,)).fetchone() for number in (again, other)]
    assert paid == [("eaten", "dine_in", 0), ("eaten", "dine_in", 450)], "one meal a day has the subsidy"
