"""A carer walks a delivery round on a telephone, and the station's page shows the door that stayed shut by itself."""

import datetime as dt
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from care_network.consents import register
from care_services.core.acting import Acting
from care_services.meals import canteens, delivery, diets, menus, orders
from care_services.meals.diets import NewDiet
from care_services.meals.orders import Choice
from tests.support.canteens import CANTEEN, add_canteen, offer
from tests.support.console_site import console_site, now
from tests.support.network import account

pytestmark = pytest.mark.browser


def test_a_shut_door_is_told_by_the_phone_and_seen_to_at_the_station(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        add_canteen(site.conn)
        station = Acting(account(site.conn, "station"), now(), "test")
        canteens.set_hours(site.conn, station, CANTEEN, 0, dt.time(23, 59, 59), delivers=True, version=0)
        chosen = menus.put(site.conn, station, CANTEEN, offer(station.today))
        said = NewDiet(allergies=("peanut",), texture="soft", said_by="resident", said_on=station.today)
        diets.record(site.conn, station, "R1", said, 0)
        register.give(site.conn, station.account, "R1", "meal_allergies", at=now(), origin="test")
        orders.order(site.conn, station, "R1", [Choice(chosen)])
        number = delivery.plan(site.conn, station, CANTEEN, station.today, "lunch", ["S1"])[0]
        site.log_in(browser_context, "station")
        phone = browser_context.new_page()
        phone.set_viewport_size({"width": 390, "height": 844})
        phone.goto(f"{site.address}/care/meals/rounds/{number}")
        expect(phone.get_by_text("对花生过敏")).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        expect(phone.locator("#visit[data-ready]")).to_be_attached()
        phone.get_by_text("没人开门").first.click()
        browser_context.set_offline(True)
        phone.get_by_label("按门铃、敲门并等候").check()
        phone.get_by_role("button", name="仍无人应门，立即通知服务站").click()
        expect(phone.locator("[data-unsent] li")).to_contain_text("有信号时发送")
        expect(phone.locator("#now")).to_be_hidden()
        browser_context.set_offline(False)
        expect(phone.get_by_text("这条路线已全部完成")).to_be_visible()
        phone.goto(f"{site.address}/care/meals")
        expect(phone.get_by_role("heading", name="1 份餐无人接收")).to_be_visible()
        phone.get_by_label("核实结果").select_option("well")
        phone.get_by_role("button", name="登记核实").click()
        expect(phone.get_by_text("无人应门的情况都已核实")).to_be_visible()
