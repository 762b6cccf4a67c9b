"""A provider's own people: their orders and nobody else's; a door is known from the day before until the day after."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from care_services.home_services.catalogue import catalogue
from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import store
from care_services.home_services.orders.people import Slot, people, people_by_slot
from care_services.home_services.visits import codes, door_links
from care_services.one_tap import requests
from care_services.providers.visits import PAGE
from care_services.rounds.requests import look
from shouwang.sweeping.alerts import Alerts
from tests.support.care_city import acting, add_services
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import Cluster
from tests.support.providers import add_provider
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def site(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    folder: Path = tmp_path_factory.mktemp("providers")
    with database_cluster.fresh_database() as url, console_site(url, folder) as found:
        add_services(found.conn, NOW)
        add_provider(found.conn)
        admin = acting(found.conn, "admin", NOW)
        catalogue.set_price(found.conn, admin, "bath", "anhe-own", admin.today, 9_000)
        yield found


def visit(site: ConsoleSite, start: dt.datetime, provider: str = "anhe-own") -> int:
    return orders.add_single(site.conn, acting(site.conn, "dispatcher", NOW), "R1", "bath", provider, start)


def test_who_goes_is_planned_and_the_door_is_known_for_three_days(site: ConsoleSite) -> None:
    mine, later = visit(site, NOW + dt.timedelta(minutes=5)), visit(site, NOW + 3 * DAY)
    others = visit(site, NOW + dt.timedelta(minutes=5), "center-1")
    with site.client("provider") as client:
        shown = client.get(f"/provider?day={acting(site.conn, 'admin', NOW + dt.timedelta(minutes=5)).today}").text
        assert f'id="v{mine}"' in shown
        assert "路1号" in shown
        assert f'id="v{others}"' not in shown
        far = client.get(f"/provider?day={acting(site.conn, 'admin', NOW + 3 * DAY).today}").text
        assert f'id="v{later}"' in far
        assert "路1号" not in far
        named = client.post(f"/provider/visits/{mine}", data={"staff": "PV2", "version": "1"})
        assert named.status_code == 303
        assert client.post(f"/provider/visits/{mine}", data={"staff": "PV1", "version": "1"}).status_code == 409
        assert client.post(f"/provider/visits/{later}", data={"staff": "S1", "version": "1"}).status_code == 422
        assert client.post(f"/provider/visits/{others}", data={"staff": "", "version": "1"}).status_code == 404
        shown = client.get(f"/provider?day={acting(site.conn, 'admin', NOW + dt.timedelta(minutes=5)).today}").text
        assert "/door/" not in shown, "it is sent to who goes alone"
        ask = f"/provider/visits/{mine}/link"
        assert client.post(ask, data={}).status_code == 422
        assert client.post(f"/provider/visits/{others}/link", data={"reason": "手机丢失"}).status_code == 404
        day = str(acting(site.conn, "admin", NOW + dt.timedelta(minutes=5)).today)
        before = f"/door/{site.keys.sign('visit_door', f'{mine}.PV2', 'staff:PV2', NOW + DAY)}"
        assert client.get(before).status_code == 200
        link = re.search(r'href="(/door/[^"]+)"', client.post(ask, data={"reason": "手机丢失", "day": day}).text)
        assert link is not None
        assert client.get(before).status_code == 404, "the one before is over"
        for page in ("/care", "/care/visits", "/residents", "/", f"/care/visits/{mine}", "/care/residents/R1/services"):
            assert client.get(page).status_code == 403, page
        for page in ("/provider/meals", "/provider/record", "/account"):
            assert client.get(page).status_code == 200, page
    order = store.load(site.conn, mine)
    assert (order.state, order.staff_code) == ("assigned", "PV2")
    assert [door_links.tell_due(site.conn, NOW) for _ in "12"] == [1, 0]
    told = site.conn.execute("SELECT kind, to_key, signed ->> 'subject' FROM care_notice").fetchall()
    assert told == [("visit_door", "PV2", f"{mine}-1.PV2")], "who goes is told, with the new page"

    # somebody else goes, and then the first one after all: each is told once, and the link says whose the visit is
    of = "SELECT kind, to_key, key FROM care_notice ORDER BY id"
    conn, first = site.conn, f"{mine}/PV2/1"
    digest = conn.execute(
        "INSERT INTO care_digest (to_kind, to_key, name_zh, name_en, language, urgent, notices, words_zh, words_en,"
        " made_at) VALUES ('staff', 'PV2', '王', 'Wang', 'zh', false, 1, '上门', 'visits', %s) RETURNING id",
        (NOW,),
    ).fetchone()
    assert digest is not None
    conn.execute("UPDATE care_notice SET state = 'sent', digest_id = %s", (digest[0],))
    put = "UPDATE service_order SET staff_id = (SELECT id FROM staff WHERE code = %s) WHERE id = %s"
    conn.execute(put, ("PV1", mine))
    with site.client() as client:
        shown = client.get(link[1])
        assert shown.status_code == 404
        assert "已改由" in shown.text
    door_links.tell_due(conn, NOW)
    assert ("visit_gone", "PV2", first) in conn.execute(of).fetchall()
    conn.execute(put, ("PV2", mine))
    assert [door_links.tell_due(conn, NOW) for _ in "12"] == [1, 0]
    assert conn.execute(of).fetchall()[-1] == ("visit_door", "PV2", f"{first}/again")
    assert conn.execute("SELECT state FROM care_notice WHERE to_key = 'PV1'").fetchall() == [("withdrawn",)], "unsent"

    # who goes has no account: the link asks for the same proofs, and is over with the name on the visit
    code = codes.paper(site.conn, acting(site.conn, "station", NOW), "R1").paper
    door, key = link[1], "key-of-a-link"
    with site.client() as client:
        assert "路1号" in client.get(door).text
        press = {"action": "check_in", "how": "station", "key": key + "0"}
        assert client.post(door, data=press).status_code == 422, "no proof"
        wrong = client.post(door, data={"action": "check_in", "how": "code", "code": "000000", "key": key + "1"})
        assert wrong.status_code == 422
        press = {"action": "check_in", "how": "code", "code": code, "key": key + "2"}
        assert [client.post(door, data=press).status_code for _ in "12"] == [303, 303], "taken once"
        done = {"action": "check_out", "tasks": "1", "key": key + "3"}
        sent = client.post(door, data=done, headers={"Accept": "application/json"})
        assert sent.json()["result"] == "done"
        order = store.load(site.conn, mine)
        assert (order.state, order.checked_in_by, order.tasks_done) == ("checked_out", "code", [1])
        history = [event["actor"] for event in store.history(site.conn, mine)]
        assert history[-2:] == [order.staff_zh, order.staff_zh]
        assert client.get(door[:-1] + ("A" if door[-1] != "A" else "B")).status_code == 410
        site.conn.execute("UPDATE service_order SET staff_id = NULL WHERE id = %s", (mine,))
        assert client.get(door).status_code == 404
        refused = client.post(door, data=done, headers={"Accept": "application/json"})
        assert (refused.status_code, refused.json()["result"]) == (404, "refused")


def test_a_day_of_many_visits_is_shown_page_by_page_with_who_is_free(site: ConsoleSite) -> None:
    admin = acting(site.conn, "admin", NOW)
    day = admin.today + 20 * DAY
    ten = dt.datetime.combine(day, dt.time(10), SHANGHAI)
    numbers = [visit(site, ten + dt.timedelta(minutes=number)) for number in range(PAGE)]
    noon = visit(site, ten + dt.timedelta(hours=3))
    with site.client("provider") as client:
        first = client.get(f"/provider?day={day}").text
        assert re.findall(r'id="v(\d+)"', first) == [str(number) for number in numbers]
        assert f"当日共 {PAGE + 1} 次上门" in first, "of all pages"
        onward = re.search(r'rel="next" href="([^"]+)"', first)
        assert onward is not None
        second = onward[1].replace("&amp;", "&")
        assert re.findall(r'id="v(\d+)"', client.get(second).text) == [str(noon)]
        form = {"staff": "PV2", "version": "1", "day": str(day), "after": str(numbers[-1])}
        named = client.post(f"/provider/visits/{noon}", data=form)
        assert named.headers["location"] == f"{second}#v{noon}", "back to the page it was on"
        refused = client.post(f"/provider/visits/{noon}", data={**form, "staff": "S1", "version": "2"})
        assert refused.status_code == 422
        assert re.findall(r'id="v(\d+)"', refused.text) == [str(noon)]
        assert client.get(f"/provider?day={day}&after=x").text.count("<article") == PAGE
    slots = {minutes: Slot("bathing", ten + dt.timedelta(minutes=minutes), 60) for minutes in (0, 100, 121, 240, 256)}
    mine = site.conn.execute("SELECT id FROM organisation WHERE code = 'anhe-own'").fetchone()
    assert mine is not None
    found = people_by_slot(site.conn, mine[0], list(slots.values()))
    busy = {minutes: [one.code for one in found[slot] if one.busy] for minutes, slot in slots.items()}
    taken = store.load(site.conn, noon).planned_minutes
    assert taken == 60
    assert busy == {0: [], 100: [], 121: ["PV2"], 240: ["PV2"], 256: []}, "a visit of an hour at one, with its way"
    for minutes, slot in slots.items():
        assert found[slot] == people(site.conn, [mine[0]], *slot), minutes
        assert [one.busy for one in found[slot]] == sorted(one.busy for one in found[slot])


def test_a_yes_becomes_an_order_by_the_rounds_and_a_no_asks_the_next(site: ConsoleSite) -> None:
    number = requests.ask(
        site.conn, acting(site.conn, "dispatcher", NOW), "R1", "bath", NOW + dt.timedelta(hours=6), "水要热一些",
        "telephone",
    )  # fmt: skip
    site.conn.execute(
        "UPDATE service_request SET organisation_id = (SELECT id FROM organisation WHERE code = 'anhe-own'),"
        " staff_id = NULL WHERE id = %s",
        (number,),
    )
    seen = requests.one(site.conn, acting(site.conn, "station", NOW), number)
    start = (NOW + dt.timedelta(hours=7)).astimezone(dt.timezone(dt.timedelta(hours=8)))
    answer = {"act": "yes", "version": str(seen.version), "start": f"{start:%Y-%m-%dT%H:%M}", "staff": "PV2"}
    with site.client("provider") as client:
        shown = client.get("/provider/requests").text
        assert "水要热一些" in shown
        assert "路1号" not in shown
        assert client.post(f"/provider/requests/{number}", data={**answer, "version": "0"}).status_code == 409
        assert client.post(f"/provider/requests/{2**31}", data={"act": "no", "note": "满员"}).status_code == 409
        assert client.post(f"/provider/requests/{number}", data=answer).status_code == 303
        assert "已答应" in client.get("/provider/requests").text
    assert look(site.conn, NOW + dt.timedelta(hours=2), Alerts()) == 1, "late, and yet it was answered in time"
    booked = requests.one(site.conn, acting(site.conn, "station", NOW), number)
    assert (booked.state, booked.provider_zh, booked.staff) == ("confirmed", "安和居家", "PV2")
    assert booked.order_id is not None
    order = store.load(site.conn, booked.order_id)
    assert (order.source, order.staff_code, order.price_fen) == ("one_tap", "PV2", 9_000)


def test_allergies_are_told_to_a_canteen_with_consent_alone(site: ConsoleSite) -> None:
    today = acting(site.conn, "admin", NOW).today
    site.conn.execute(
        "WITH mine AS (SELECT id FROM organisation WHERE code = 'anhe-own'), set AS (INSERT INTO meal_offer"
        " (canteen_id, day, meal, code, dishes, price_fen) SELECT id, %(day)s, 'lunch', 'A', '[]', 1500 FROM mine"
        " RETURNING id) INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen,"
        " subsidy_fen, ordered_at) SELECT r.id, mine.id, set.id, %(day)s, 'lunch', 'dine_in', 'ordered', 1500, 0, now()"
        " FROM resident r, mine, set WHERE r.code = 'R1'",
        {"day": today},
    )
    site.conn.execute(
        "INSERT INTO meal_diet (resident_id, version, allergies, diets, said_by, said_on, recorded_at)"
        " SELECT id, 1, '{peanut}', '{}', 'resident', current_date, now() FROM resident WHERE code = 'R1'"
    )
    with site.client("provider") as client:
        assert "供餐前请当面询问" in client.get("/provider/meals").text
        site.conn.execute(
            "INSERT INTO consent_event (resident_id, purpose, given, at, by_whom, how, words, recorded_at)"
            " SELECT id, 'meal_allergies', true, now(), 'self', 'paper', 1, now() FROM resident WHERE code = 'R1'"
        )
        shown = client.get("/provider/meals").text
        assert "花生" in shown
        number = site.conn.execute("SELECT id FROM meal_order").fetchone()
        assert number is not None
        assert client.post(f"/provider/meals/{number[0]}").status_code == 303
        assert client.post(f"/provider/meals/{number[0]}").status_code == 409
