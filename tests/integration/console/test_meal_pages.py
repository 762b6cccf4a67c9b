"""Pages of meals: a family orders for its own after it was told what it costs, a carer finds a door shut."""

import datetime as dt
import re
from pathlib import Path

import psycopg
import pytest

from care_network.consents import register
from care_services.core.acting import Acting
from care_services.meals import canteens, delivery, diets, menus, orders
from care_services.meals.diets import NewDiet
from care_services.meals.orders import Choice
from tests.support.canteens import CANTEEN, add_canteen, offer, soon
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import account

pytestmark = pytest.mark.integration


def acting(site: ConsoleSite, login: str = "station") -> Acting:
    return Acting(account(site.conn, login), now(), "test")


def test_a_family_orders_after_it_saw_the_costs(database_url: str, tmp_path: Path) -> None:
    with (
        console_site(database_url, tmp_path) as site,
        site.client("daughter") as family,
        site.client("station") as desk,
    ):
        add_canteen(site.conn)
        sent = {
            "day": str(soon()), "meal": "lunch", "code": "A", "price": "15", "most": "", "version": "0", "id": "0",
            "dish.0.zh": "清蒸鲈鱼", "dish.0.stated": "true", "dish.0.allergens": "fish", "dish.0.texture": "soft",
        }  # fmt: skip
        wrong = desk.post(f"/care/meals/canteens/{CANTEEN}/set", data={**sent, "price": "1.234"})
        assert wrong.status_code == 422
        assert "不是金额" in wrong.text
        assert "清蒸鲈鱼" in wrong.text, "what was typed is kept"
        assert desk.post(f"/care/meals/canteens/{CANTEEN}/set", data=sent).status_code == 303
        assert "清蒸鲈鱼" in desk.get(f"/care/meals/canteens/{CANTEEN}/menu?week={soon()}").text
        page = family.get(f"/care/meals/of/R1?week={soon()}").text
        assert "未询问" in page
        assert f'name="meal.{soon()}.lunch"' not in page, "nothing to choose before somebody was asked"
        diet = {"asked": "true", "texture": "soft", "said_on": str(soon(0)), "version": "0", "week": str(soon())}
        assert family.post("/care/meals/of/R1/diet", data=diet).status_code == 303
        page = family.get(f"/care/meals/of/R1?week={soon()}").text
        chosen = re.search(rf'name="(meal\.{soon()}\.lunch)" value="(\d+)"', page)
        assert chosen is not None
        asked = {chosen[1]: chosen[2], "mode": "delivery", "week": str(soon())}
        costs = family.post("/care/meals/of/R1/order", data=asked).text
        assert "15.00 元" in costs
        assert "10.50 元" in costs
        assert site.conn.execute("SELECT count(*) FROM meal_order").fetchone() == (0,), "not yet ordered"
        assert family.post("/care/meals/of/R1/order", data={**asked, "sure": "true"}).status_code == 303
        assert site.conn.execute("SELECT state, subsidy_fen FROM meal_order").fetchall() == [("ordered", 450)]
        assert "取消订餐" in family.get(f"/care/meals/of/R1?week={soon()}").text
        line = site.conn.execute("SELECT id FROM meal_order").fetchone()
        assert line is not None
        cancelled = family.post(f"/care/meals/of/R1/cancel/{line[0]}", data={"version": "1", "week": str(soon())})
        assert cancelled.status_code == 303
        at = "/care/meals/of/R1/arrangement"
        assert "让系统自动订餐" in desk.get("/care/meals/of/R1").text
        wish = {"act": "save", "version": "0", "canteen": CANTEEN, "mode": "delivery", "first_day": str(soon(0))}
        assert "请至少选择一餐" in desk.post(at, data=wish).text
        assert desk.post(at, data={**wish, "lunch": [str(n) for n in range(1, 8)]}).status_code == 303
        page = family.get(f"/care/meals/of/R1?week={soon()}").text
        assert "每天午餐" in page
        missing = desk.get("/care/meals/gaps").text
        number = re.search(r'name="meal" value="(\d+)"', missing)
        assert number is not None, "no meal of today: it is named"
        assert "未订上的餐" in desk.get("/care/meals").text
        assert "请至少选择一餐" in desk.post("/care/meals/gaps", data={"closed_as": "otherwise"}).text
        done = {"meal": number[1], "closed_as": "otherwise", "note": "女儿送饭", "back": "resident"}
        assert desk.post("/care/meals/gaps", data=done).status_code == 303
        # somebody whose bed is suspended is probably in hospital: a meal is ordered after asking alone
        site.conn.execute("INSERT INTO home_bed (resident_id, state, state_since, applied_at, applicant)"
                          " VALUES (1, 'suspended', now(), now(), '女儿')")  # fmt: skip
        site.conn.execute("UPDATE meal_order SET state = 'cancelled'")
        assert "多半不在家" in family.post("/care/meals/of/R1/order", data=asked).text
        for who in (family, desk):
            refused = who.post("/care/meals/of/R1/order", data={**asked, "sure": "true"})
            assert refused.status_code == 422
            assert "请勾选" in refused.text
        sure = {**asked, "sure": "true", "though_away": "true"}
        assert family.post("/care/meals/of/R1/order", data=sure).status_code == 303
        ended = desk.get(at)
        assert "不取消任何餐" in ended.text
        assert desk.post(at, data={"act": "ended", "version": "1"}).status_code == 303
        assert family.get("/care/meals/of/R2").status_code == 404
        assert family.get("/care/meals").status_code == 403
        audited = site.conn.execute("SELECT count(*) FROM audit WHERE action = 'view_diet'").fetchone()
        assert audited is not None
        assert audited[0] >= 3


def _round(conn: psycopg.Connection, station: Acting) -> int:
    canteens.set_hours(conn, station, CANTEEN, 0, dt.time(23, 59, 59), delivers=True, version=0)
    number = menus.put(conn, station, CANTEEN, offer(station.today))
    said = NewDiet(allergies=("peanut",), texture="soft", said_by="resident", said_on=station.today)
    diets.record(conn, station, "R1", said, 0)
    orders.order(conn, station, "R1", [Choice(number)])
    return delivery.plan(conn, station, CANTEEN, station.today, "lunch", ["S1"])[0]


def test_a_carer_finds_a_door_shut_and_the_station_sees_it(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("carer") as carer, site.client("station") as desk:
        add_canteen(site.conn)
        number = _round(site.conn, acting(site))
        assert "海山长者食堂" in carer.get("/care/meals/rounds").text
        site.conn.execute("UPDATE meal_order SET overridden = '家属说花生可少量'")
        page = carer.get(f"/care/meals/rounds/{number}").text
        assert "老人未同意告知忌口" in page
        assert "花生" not in page, "nor in the words of whoever ordered in spite of a warning"
        register.give(site.conn, acting(site).account, "R1", "meal_allergies", at=now(), origin="test")
        page = carer.get(f"/care/meals/rounds/{number}").text
        assert "对花生过敏" in page
        assert "家属说花生可少量" in page
        way = re.search(r'action="(/care/meals/rounds/\d+/at/\d+)"', page)
        assert way is not None
        assert carer.post(way[1], data={"version": "1", "result": "absent", "tried": ["rang"]}).status_code == 303
        assert carer.post(way[1], data={"version": "1", "result": "delivered:resident"}).status_code == 409
        assert "1 份餐无人接收" in desk.get("/care/meals").text
        assert "情况未知" in desk.get("/care/meals/absent").text, "a home without devices is blind, not quiet"
        order = way[1].rsplit("/", 1)[1]
        assert desk.post(f"/care/meals/absent/{order}", data={"found": ""}).status_code == 422
        assert desk.post(f"/care/meals/absent/{order}", data={"found": "well"}).status_code == 303
        assert "都已核实" in desk.get("/care/meals").text
        assert "对花生过敏" in desk.get(f"/care/meals/rounds/{number}/print").text
        assert "无人应门" in desk.get(f"/care/meals/canteens/{CANTEEN}/orders").text
        assert "15.00" in desk.get(f"/care/meals/canteens/{CANTEEN}/settlement").text
        assert desk.get(f"/care/meals/canteens/{CANTEEN}/settlement.csv").content.startswith(b"\xef\xbb\xbf")
        with site.client("station-ms") as other:
            assert other.get(f"/care/meals/rounds/{number}").status_code == 404
            assert other.get(f"/care/meals/canteens/{CANTEEN}/orders").status_code == 404
            assert "1 份餐无人接收" not in other.get("/care/meals").text
