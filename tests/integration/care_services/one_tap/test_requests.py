"""Requests by one tap: the best provider is asked, then the next, then the station; the asker sees where it stands."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.home_services.catalogue import catalogue
from care_services.home_services.orders import store
from care_services.one_tap import buttons, requests
from care_services.rounds import button_presses
from care_services.rounds.requests import look
from shouwang.sweeping.alerts import Alerts
from tests.support.care_city import acting, add_services
from tests.support.databases import Cluster
from tests.support.network import NOW
from tests.support.orders import staff_city

pytestmark = pytest.mark.integration
HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def city(database_cluster: Cluster) -> Iterator[psycopg.Connection]:
    with database_cluster.fresh_database() as url, psycopg.connect(url, autocommit=True) as found:
        staff_city(found)
        add_services(found, NOW)
        found.execute(
            "INSERT INTO organisation (code, area_id, kind, name_zh, name_en) SELECT 'anhe', id, 'service_provider',"
            " '安和', 'Anhe' FROM area WHERE path = 'sz.yt'"
        )
        found.execute(
            "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, skills) SELECT 'A1', id, 'carer',"
            " '罗秀英', 'Luo', '{bathing}' FROM organisation WHERE code = 'anhe'"
        )
        found.execute(
            "INSERT INTO staff_certificate (staff_id, kind) SELECT id, 'elder_carer' FROM staff WHERE code = 'A1'"
        )
        catalogue.set_price(found, acting(found, "admin", NOW), "bath", "anhe", NOW.date(), 30_000)
        found.execute(
            "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() - INTERVAL '1 day' FROM account a,"
            " resident r WHERE a.login = 'daughter' AND r.code = 'R1'"
        )
        yield found


@pytest.fixture
def conn(city: psycopg.Connection) -> Iterator[psycopg.Connection]:
    with city.transaction(force_rollback=True):
        yield city


def one(conn: psycopg.Connection, number: int) -> requests.Request:
    return requests.one(conn, acting(conn, "station", NOW), number, audited=False)


def test_the_desk_asks_and_the_provider_says_yes(conn: psycopg.Connection) -> None:
    desk = acting(conn, "dispatcher", NOW)
    number = requests.ask(conn, desk, "R1", "bath", NOW + 6 * HOUR, "想洗个澡", "telephone")
    found = one(conn, number)
    assert (found.state, found.provider_zh, found.asked_by) == ("asked", "中心", "telephone"), "nearer and cheaper"
    assert found.answer_by == NOW + 30 * MINUTE
    assert "人有空" in requests.history(conn, number)[1]["detail"]["zh"][0]
    with pytest.raises(ProvisioningError, match="already"):
        requests.ask(conn, desk, "R1", "bath", NOW + 6 * HOUR)
    with pytest.raises(NotPermittedError):
        requests.ask(conn, acting(conn, "carer", NOW), "R1", "bath", NOW + HOUR)
    with pytest.raises(NotFoundError):
        requests.accept(conn, acting(conn, "station-ms", NOW), number, found.version)
    made = requests.accept(conn, acting(conn, "carer", NOW), number, found.version, NOW + 7 * HOUR)
    order = store.load(conn, made)
    assert (order.source, order.state, order.planned_start) == ("one_tap", "assigned", NOW + 7 * HOUR)
    assert one(conn, number).state == "confirmed"
    with pytest.raises(ChangedMeanwhileError):
        requests.decline(conn, acting(conn, "station", NOW), number, found.version, "忙")


def test_a_familys_request_goes_from_one_to_the_next_and_to_the_station(conn: psycopg.Connection) -> None:
    daughter, outside = acting(conn, "daughter", NOW), Alerts()
    number = requests.ask(conn, daughter, "R1", "bath", NOW + 6 * HOUR)
    assert one(conn, number).provider_zh is None, "the rounds look for the best"
    assert look(conn, NOW, outside) == 1
    found = one(conn, number)
    assert found.provider_zh == "中心"
    requests.decline(conn, acting(conn, "station", NOW), number, found.version, "人手不够")
    assert look(conn, NOW + MINUTE, outside) == 1
    assert one(conn, number).provider_zh == "安和"
    assert look(conn, NOW + 20 * MINUTE, outside) == 0
    assert look(conn, NOW + 40 * MINUTE, outside) == 2, "silent, and the station is told"
    assert one(conn, number).state == "station"
    told = conn.execute("SELECT rule, severity, state FROM alert").fetchall()
    assert told == [("request_waits", "attention", "raised")]
    actions = [event["action"] for event in requests.history(conn, number)]
    assert actions == ["ask", "offer", "decline", "offer", "expire", "to_station"]
    station = acting(conn, "station", NOW + HOUR)
    provider = conn.execute("SELECT id FROM organisation WHERE code = 'anhe'").fetchone()
    assert provider is not None
    requests.accept(conn, station, number, one(conn, number).version, NOW + 8 * HOUR, "A1", provider[0])
    assert look(conn, NOW + HOUR, outside) == 1
    assert conn.execute("SELECT state FROM alert").fetchone() == ("cleared",)


def test_a_family_takes_its_request_back(conn: psycopg.Connection) -> None:
    daughter = acting(conn, "daughter", NOW)
    number = requests.ask(conn, daughter, "R1", "clean", NOW + 6 * HOUR)
    requests.withdraw(conn, daughter, number, one(conn, number).version)
    assert one(conn, number).state == "withdrawn"
    assert look(conn, NOW + HOUR, Alerts()) == 0
    with pytest.raises(NotFoundError):
        requests.ask(conn, daughter, "R2", "clean", NOW + 6 * HOUR)


def test_a_service_button_is_one_request_that_the_station_calls_back_about(conn: psycopg.Connection) -> None:
    conn.execute(
        "INSERT INTO device (gateway_id, name, model, room) SELECT id, 'two-keys', 'aqara-wxkg02lm', 'bedroom'"
        " FROM gateway WHERE name = 'gw-1'"
    )

    def press(seq: int, at: dt.datetime, kind: str = "service_called") -> None:
        conn.execute(
            "INSERT INTO event (gateway_id, epoch, seq, device_id, kind, time, received_at)"
            " SELECT gateway_id, 7, %s, id, %s, %s, %s FROM device WHERE name = 'two-keys'",
            (seq, kind, at, max(at, NOW - HOUR)),
        )

    outside = Alerts()
    press(1, NOW)
    press(2, NOW, "sos_pressed")
    assert button_presses.look(conn, NOW, outside) == 1, "a call for help asks for no service"
    press(3, NOW + MINUTE)
    assert [button_presses.look(conn, NOW + MINUTE, outside) for _ in "12"] == [1, 0], "each event once"
    (asked,) = requests.listed(conn, acting(conn, "station", NOW))
    assert (asked.state, asked.service, asked.asked_by) == ("station", "", "button")
    assert look(conn, NOW + MINUTE, outside) == 1
    press(4, NOW + 2 * MINUTE)
    button_presses.look(conn, NOW + 2 * MINUTE, outside)
    assert conn.execute("SELECT rule, severity, state FROM alert").fetchall() == [
        ("service_called", "attention", "raised")
    ]
    assert conn.execute("SELECT count(*) FROM alert_event WHERE note LIKE '%第 3 次%'").fetchone() == (1,)

    station = acting(conn, "station", NOW + 3 * MINUTE)
    with pytest.raises(ProvisioningError, match="call back"):
        requests.accept(conn, station, asked.id, asked.version)
    home = buttons.where(conn, asked.id)
    assert home is not None
    assert (home.presses, home.room, next(one.code for one in home.living)) == (3, "bedroom", "R1")
    wanted = NOW + 6 * HOUR
    with pytest.raises(NotPermittedError):
        buttons.choose_kind(conn, acting(conn, "carer", NOW), asked.id, asked.version, "bath", wanted)
    with pytest.raises(ProvisioningError, match="emergency"):
        buttons.choose_kind(conn, station, asked.id, asked.version, "bath", wanted, "摔倒了起不来")
    buttons.choose_kind(conn, station, asked.id, asked.version, "bath", wanted, "想洗个澡")
    with pytest.raises(ChangedMeanwhileError):
        buttons.choose_kind(conn, station, asked.id, asked.version, "clean", wanted)
    look(conn, NOW + 4 * MINUTE, outside)
    assert (one(conn, asked.id).provider_zh, one(conn, asked.id).service) == ("中心", "bath")
    assert conn.execute("SELECT state FROM alert").fetchall() == [("cleared",)]
    press(5, NOW + 9 * MINUTE)
    button_presses.look(conn, NOW + 9 * MINUTE, outside)
    press(6, NOW + 30 * MINUTE)
    press(7, NOW - 60 * HOUR)
    button_presses.look(conn, NOW + 30 * MINUTE, outside)
    outcomes = conn.execute("SELECT outcome, count(*) FROM button_press GROUP BY 1 ORDER BY 1").fetchall()
    assert outcomes == [("again", 3), ("asked", 2), ("old", 1)], "another wish half an hour later"
    (lost,) = buttons.unplaced(conn, station)
    assert buttons.unplaced(conn, acting(conn, "station-ms", NOW)) == []
    buttons.look_into(conn, station, lost.event_id)
    assert buttons.unplaced(conn, station) == []
