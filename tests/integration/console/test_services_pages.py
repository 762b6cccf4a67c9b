"""The pages of services at home: a plan, its visits, the door, a rating's list, the settlement, the rounds."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import store
from care_services.one_tap import requests
from dispatch.family import panels
from tests.support.canteens import add_canteen, soon
from tests.support.care_city import acting, add_services
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import Cluster
from tests.support.network import account

pytestmark = pytest.mark.integration
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def site(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    folder: Path = tmp_path_factory.mktemp("services")
    with database_cluster.fresh_database() as url, console_site(url, folder) as found:
        add_services(found.conn, NOW)
        yield found


def visit(site: ConsoleSite, start: dt.datetime) -> int:
    return orders.add_single(
        site.conn, acting(site.conn, "station", NOW), "R1", "bath", "center-1", start, staff="S1"
    )  # fmt: skip


def test_a_plan_is_made_changed_and_ended_on_pages(site: ConsoleSite) -> None:
    first = acting(site.conn, "station", NOW).today + dt.timedelta(days=1)
    form = {
        "offer": "bath/center-1", "weekdays": [str(n) for n in range(1, 8)], "times": "10:00", "minutes": "60",
        "every_weeks": "1", "first_day": str(first), "staff": "S1", "act": "save",
    }  # fmt: skip
    with site.client("station") as client:
        assert "居家助浴 · 中心" in client.get("/care/residents/R1/plans/new").text
        wrong = client.post("/care/residents/R1/plans/new", data={**form, "times": "ten"})
        assert wrong.status_code == 422
        assert "时间写法如 09:30" in wrong.text
        assert 'value="ten"' in wrong.text, "what was typed is kept"
        made = client.post("/care/residents/R1/plans/new", data=form)
        assert made.headers["location"] == "/care/residents/R1/services"
        shown = client.get("/care/residents/R1/services").text
        assert "每天 10:00" in shown
        assert "许晴" in shown
        plan = int(re.search(r"/care/plans/(\d+)", shown)[1])  # type: ignore[index]
        stale = client.post(f"/care/plans/{plan}", data={**form, "minutes": "45", "version": "9"})
        assert stale.status_code == 409
        assert client.post(f"/care/plans/{plan}", data={**form, "minutes": "45", "version": "1"}).status_code == 303
        assert "待上门的 14 次服务将取消" in client.get(f"/care/plans/{plan}").text
        assert client.post(f"/care/plans/{plan}", data={"act": "end", "version": "2"}).status_code == 303
        assert "已结束" in client.get("/care/residents/R1/services").text
        paper = client.post("/care/residents/R1/services", data={"act": "code"}).text
        assert re.search(r"\d{3} \d{3}", paper)
    with site.client("station-ms") as client:
        assert client.get("/care/residents/R1/services").status_code == 404
        assert client.get(f"/care/plans/{plan}").status_code == 404
        assert client.post(f"/care/plans/{plan}", data={"act": "end", "version": "3"}).status_code == 404


def test_a_visit_is_done_at_the_door_and_stands_on_the_board(site: ConsoleSite) -> None:
    order = visit(site, NOW)
    place = {"action": "check_in", "how": "place", "longitude": "114.2410", "latitude": "22.57", "accuracy_m": "20"}
    with site.client("carer") as client:
        assert f"/mine/visits/{order}" in client.get("/mine").text
        assert "我已到达" in client.get(f"/mine/visits/{order}").text
        far = client.post(f"/mine/visits/{order}", data={**place, "key": "key-of-far"})
        assert far.status_code == 422
        assert "请到达后再签到" in far.text
        near = {**place, "latitude": "22.5600", "key": "key-of-near"}
        told = client.post(f"/mine/visits/{order}", data=near, headers={"Accept": "application/json"}).json()
        assert told["result"] == "done"
        assert client.post(f"/mine/visits/{order}", data=near).status_code == 303, "the same press again"
        out = {"action": "check_out", "key": "key-of-out", "tasks": ["1", "3"], "note": "血压正常"}
        assert client.post(f"/mine/visits/{order}", data=out).status_code == 303
        assert client.get("/care/visits?part=done").text.count(f"/care/visits/{order}") == 1
    found = store.load(site.conn, order)
    assert (found.state, found.tasks_done, found.checked_in_by) == ("checked_out", [1, 3], "place")
    with site.client("carer-ms") as client:
        assert client.get(f"/mine/visits/{order}").status_code == 404
        assert client.get(f"/care/visits/{order}").status_code == 404


def test_the_station_moves_cancels_and_takes_back_a_visit(site: ConsoleSite) -> None:
    order = visit(site, NOW + dt.timedelta(hours=2))
    with site.client("station") as client:
        no_reason = client.post(f"/care/visits/{order}", data={"act": "cancel", "version": "1", "note": " "})
        assert (no_reason.status_code, "请填写原因" in no_reason.text) == (422, True)
        cancel = {"act": "cancel", "version": "1", "note": "老人住院"}
        assert client.post(f"/care/visits/{order}", data=cancel).status_code == 303
        shown = client.get(f"/care/visits/{order}").text
        assert "撤销" in shown
        assert "老人住院" in shown
        assert client.post(f"/care/visits/{order}", data=cancel).status_code == 409
        assert client.post(f"/care/visits/{order}", data={"act": "undo", "version": "2"}).status_code == 303
        assert store.load(site.conn, order).state == "assigned"
        later = (NOW + dt.timedelta(days=1)).astimezone(dt.timezone(dt.timedelta(hours=8)))
        seen = str(store.load(site.conn, order).version)
        moved = {"act": "move", "version": seen, "start": f"{later:%Y-%m-%dT%H:%M}"}
        assert client.post(f"/care/visits/{order}", data=moved).status_code == 303
        assert "自动巡查已停" in client.get("/care/visits").text, "no rounds are made here"
        assert "从未运行" in client.get("/care/rounds").text
    with site.client("carer") as client:
        assert client.post(f"/care/visits/{order}", data={**cancel, "version": "5"}).status_code == 403


def test_prices_and_the_settlement(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        assert "120.00" in client.get("/care/catalogue").text
        day = str(acting(site.conn, "admin", NOW).today + dt.timedelta(days=1))
        bad = client.post(
            "/care/catalogue/bath/price", data={"organisation": "center-1", "valid_from": day, "price": "x"}
        )
        assert bad.status_code == 422
        assert "不是金额" in bad.text
        good = {"organisation": "center-1", "valid_from": day, "price": "130"}
        assert client.post("/care/catalogue/bath/price", data=good).status_code == 303
        assert "130.00" in client.get("/care/catalogue/bath").text
        month = f"{acting(site.conn, 'admin', NOW).today:%Y-%m}"
        assert "尚未结束" in client.post("/care/settlements", data={"organisation": "center-1", "month": month}).text
        settled = client.post("/care/settlements", data={"organisation": "center-1", "month": "2026-01"})
        assert settled.headers["location"] == "/care/settlements/S-202601-center-1"
        assert "S-202601-center-1" in client.get(settled.headers["location"]).text
        assert (
            client.get(f"{settled.headers['location']}/csv").text.splitlines()[1] == "合计 total,0,,,,,0,0.00,0.00,0.00"
        )
        assert "中心" in client.get("/care/compared").text
    with site.client("station") as client:
        assert client.get("/care/catalogue/bath").status_code == 403
        assert client.get("/care/ratings").status_code == 200


def test_a_resident_asks_at_the_panel_sees_who_comes_and_says_how_it_was(site: ConsoleSite) -> None:
    at = f"{panels.make(site.conn, site.keys, account(site.conn, 'admin'), 'gw-1', NOW, 'test')}/services"
    with site.client() as client:
        page = client.get(at.removesuffix("/services")).text
        assert 'data-need="bath"' in page
        assert 'data-need="doctor"' not in page, "nobody offers it"
        told = client.post(at, json={"act": "ask", "need": "bath"}).json()
        assert told["said"].startswith("已经帮您申请了")
        assert [card["words"] for card in told["cards"]] == ["居家助浴：正在安排"]
        assert client.post(at, json={"act": "ask", "need": "bath"}).json()["asked"] == told["asked"], "one request"
        assert client.post(at, json={"act": "ask", "need": "doctor"}).status_code == 409
        assert client.post(at, json={"act": "take_back", "number": 10**6}).status_code == 409
        asked = requests.one(site.conn, acting(site.conn, "station", NOW), told["asked"])
        assert (asked.asked_by, asked.actor, asked.state) == ("panel", "长者终端", "asked")
        site.conn.execute("UPDATE service_request SET state = 'station' WHERE id = %s", (asked.id,))
        center = site.conn.execute("SELECT id FROM organisation WHERE code = 'center-1'").fetchone()
        assert center is not None
        order = requests.accept(
            site.conn, acting(site.conn, "station", NOW), asked.id, asked.version, NOW, "S1", center[0]
        )  # fmt: skip
        shown = client.get(at).json()
        assert re.fullmatch(r"今天 \d\d:\d\d 许晴来居家助浴", shown["cards"][0]["words"])
        assert re.fullmatch(r"\d{3} \d{3}", shown["code"])
        early = client.post(at, json={"act": "rate", "number": order, "face": "skip"})
        assert early.status_code == 409, "what was not done yet is not passed over"
        with site.client("carer") as door:
            press = {"action": "check_in", "how": "code", "code": shown["code"], "key": "key-of-panel-code"}
            assert door.post(f"/mine/visits/{order}", data=press).status_code == 303
            out = {"action": "check_out", "key": "key-of-panel-out"}
            assert door.post(f"/mine/visits/{order}", data=out).status_code == 303
        shown = client.get(at).json()
        assert (shown["code"], shown["rate"]) == ("", None), "the carer may still be there"
        site.conn.execute("UPDATE service_order SET checked_out_at = now() - INTERVAL '6 min' WHERE id = %s", (order,))
        assert client.get(at).json()["rate"] == {"order": order, "words": "许晴的居家助浴，您满意吗？"}
        assert client.post(at, json={"act": "rate", "number": order, "face": "bad"}).json()["rate"] is None
        stars = site.conn.execute("SELECT stars, rated_by FROM service_rating WHERE order_id = %s", (order,)).fetchone()
        assert stars == (1, "panel")
        # another one, with somebody named, is taken back: the visit is cancelled with it
        again = client.post(at, json={"act": "ask", "need": "clean"}).json()["asked"]
        site.conn.execute("UPDATE service_request SET state = 'station' WHERE id = %s", (again,))
        seen = requests.one(site.conn, acting(site.conn, "station", NOW), again)
        made = requests.accept(
            site.conn, acting(site.conn, "station", NOW), again, seen.version, NOW, "S1", center[0]
        )  # fmt: skip
        assert client.post(at, json={"act": "take_back", "number": again}).json()["said"] == "已取消"
        assert store.load(site.conn, made).state == "cancelled"

        # a meal is the canteen's, where one brings it: the sets that may be eaten, one press, taken back
        canteen = add_canteen(site.conn)
        site.conn.execute(
            "INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen) SELECT %s, %s, 'lunch', code,"
            " jsonb_build_array(jsonb_build_object('zh', '清蒸鲈鱼', 'allergens', jsonb_build_array(allergen))), 1500"
            " FROM (VALUES ('A', 'fish'), ('B', 'egg')) v (code, allergen)",
            (canteen, soon()),
        )
        assert 'data-need="meal"' in client.get(at.removesuffix("/services")).text
        ask = {"act": "ask", "need": "meal"}
        assert client.post(at, json=ask).status_code == 409, "nobody knows what R1 may eat, and nobody cooks"
        site.conn.execute(
            "INSERT INTO meal_diet (resident_id, version, allergies, texture, said_by, said_on, recorded_at)"
            " SELECT id, 1, '{fish}', 'regular', 'resident', '2026-01-01', now() FROM resident WHERE code = 'R1'"
        )
        (only,) = client.post(at, json=ask).json()["menu"]
        assert (only["when"], only["words"]) == ("后天午餐", "清蒸鲈鱼")
        assert client.post(at, json={**ask, "cook": True}).status_code == 409
        meal = {"act": "meal", "number": only["offer"]}
        assert client.post(at, json=meal).json()["said"].startswith("订好了，食堂会送到家，自付")
        again_ = client.post(at, json=meal)
        assert (again_.status_code, "已经订过" in again_.json()["said"]) == (409, True)
        (card,) = [one for one in client.get(at).json()["cards"] if one["act"] == "cancel_meal"]
        assert card["words"] == "后天午餐：海山长者食堂送到家"
        site.conn.execute("UPDATE meal_order SET mode = 'dine_in'")
        (there,) = [one for one in client.get(at).json()["cards"] if one["act"] == "cancel_meal"]
        assert there["words"] == "后天午餐：请到海山长者食堂用餐", "nobody brings what is had at the canteen"
        back = {"act": "cancel_meal", "number": card["id"]}
        assert client.post(at, json=back).json()["said"] == "已取消"
        assert client.post(at, json=back).status_code == 409

        # a button: of no kind until the station has called back
        pressed = site.conn.execute(
            "WITH asked AS (INSERT INTO service_request (resident_id, asked_by, actor, wanted_at, state, created_at)"
            " SELECT id, 'button', '家中服务键', now(), 'station', now() FROM resident WHERE code = 'R1'"
            " RETURNING id) INSERT INTO button_press (event_id, device_id, household_id, pressed_at, heard_at, outcome,"
            " request_id) SELECT n, d.id, g.household_id, now(), now(), o, CASE o WHEN 'asked' THEN asked.id END"
            " FROM asked, device d JOIN gateway g ON g.id = d.gateway_id, (VALUES (1, 'asked'), (2, 'old')) v (n, o)"
            " WHERE g.name = 'gw-1' AND d.name = (SELECT min(name) FROM device) RETURNING request_id"
        ).fetchone()
        assert pressed is not None
        assert "服务站会给您打电话" in client.get(at).json()["cards"][0]["words"]
    with site.client("station") as client:
        shown = client.get("/care/requests").text
        assert "家中按键" in shown
        assert "线路中断" in shown
        assert client.post("/care/requests/presses/2").status_code == 303
        assert "线路中断" not in client.get("/care/requests").text
        told = {"act": "rate", "by": "family", "stars": "4", "note": "女儿来电"}
        assert client.post(f"/care/visits/{order}", data=told).status_code == 303
        assert "女儿来电" in client.get(f"/care/visits/{order}").text
        # a complaint about the visit is found by its number, and stands on its page
        form = {
            "about": "visit",
            "category": "manner",
            "words": "来得太晚",
            "order": str(order),
            "author": "resident",
        }
        assert client.post("/care/complaints/new", data={**form, "order": "999"}).status_code == 422
        said = client.post("/care/complaints/new", data={**form, "channel": "telephone"})
        assert said.status_code == 303
        shown = client.get(said.headers["location"]).text
        assert ("许晴" in shown, f'href="/care/visits/{order}"' in shown) == (True, True)
        assert "来得太晚" in client.get(f"/care/complaints?find={order}").text
        assert "来得太晚" in client.get(f"/care/visits/{order}").text
        own = f"/care/requests/{pressed[0]}"
        assert "共按 1 次" in client.get(own).text
        form = {"act": "kind", "version": "1", "service": "clean", "note": "胸口疼，想打扫"}
        assert "请立即按呼救键或拨打 120" in client.post(own, data=form).text
        assert client.post(own, data={**form, "sure": "1"}).status_code == 303
        assert "居家保洁" in client.get(own).text
    with site.client("carer") as client:
        assert "来得太晚" not in client.get(f"/care/complaints?find={order}").text, "it would tell who complained"


def test_words_that_sound_like_an_emergency_are_no_request(site: ConsoleSite) -> None:
    form = {"service": "bath", "words": "我妈摔倒了，想请人来", "wanted_at": ""}
    with site.client("dispatcher") as client:
        refused = client.post("/care/residents/R1/request", data=form)
        assert (refused.status_code, "“摔倒”听起来是紧急情况" in refused.text) == (422, True)
        assert 'name="sure"' in refused.text
        assert client.post("/care/residents/R1/request", data={**form, "sure": "1"}).status_code == 303
