"""Requests by one tap: the best provider is asked, then the next, then the station; the asker sees where it stands."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.home_services.catalogue import catalogue
from care_services.home_services.orders import store
from care_services.one_tap import requests
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
