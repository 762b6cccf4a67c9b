"""The rounds: a visit to which nobody came is told once, and is over when the carer comes; jobs, and how they stand."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.errors import ProvisioningError
from care_services.core import traits
from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import store
from care_services.home_services.visits import field
from care_services.home_services.visits.checking import Place
from care_services.rounds import missed_visits, shut_doors
from care_services.rounds.jobs import JOBS, Job
from care_services.rounds.outside import Nobody, Outside
from care_services.rounds.running import blind, standings, turn
from shouwang.sweeping.alerts import Alerts
from tests.support.care_city import acting, add_services
from tests.support.databases import Cluster
from tests.support.network import NOW, account
from tests.support.orders import staff_city

pytestmark = pytest.mark.integration
MINUTE = dt.timedelta(minutes=1)
HOME = Place(114.2410, 22.5600, 20)


@pytest.fixture(scope="module")
def city(database_cluster: Cluster) -> Iterator[psycopg.Connection]:
    with database_cluster.fresh_database() as url, psycopg.connect(url, autocommit=True) as found:
        staff_city(found)
        add_services(found, NOW)
        yield found


@pytest.fixture
def conn(city: psycopg.Connection) -> Iterator[psycopg.Connection]:
    with city.transaction(force_rollback=True):
        yield city


def visit(conn: psycopg.Connection) -> store.Order:
    made = orders.add_single(conn, acting(conn, "station", NOW), "R1", "bath", "center-1", NOW, staff="S1")
    return store.load(conn, made)


def alerts(conn: psycopg.Connection) -> list[tuple[str, str, str]]:
    return conn.execute("SELECT rule, severity, state FROM alert ORDER BY raised_at").fetchall()


def test_a_visit_to_which_nobody_came_is_told_once_and_cleared_when_the_carer_comes(conn: psycopg.Connection) -> None:
    order, outside = visit(conn), Alerts()
    traits.record(conn, account(conn, "admin"), "R1", "lives_alone", holds=False, evidence="登记",
                  valid_from=NOW.date(), now=NOW)  # fmt: skip
    assert missed_visits.look(conn, NOW + 29 * MINUTE, outside) == 0
    assert missed_visits.look(conn, NOW + 30 * MINUTE, outside) == 1
    assert missed_visits.look(conn, NOW + 31 * MINUTE, outside) == 0
    assert alerts(conn) == [("visit_missed", "attention", "raised")]
    told = conn.execute("SELECT reason_zh, evidence -> 'rule' ->> 'zh' FROM alert").fetchone()
    assert told == (
        "12:00 的居家助浴超过 30 分钟无人签到（中心，许晴），请联系护理员，并确认老人是否平安", "护理员未按时上门",
    )  # fmt: skip
    assert conn.execute("SELECT count(*) FROM notification").fetchone() == (0,), "the ladder's sweeper calls"
    assert conn.execute("SELECT next_step_at IS NOT NULL FROM alert").fetchone() == (True,)
    carer = acting(conn, "carer", NOW + 40 * MINUTE)
    field.check_in(conn, carer, order.id, "place", carer.at, place=HOME)
    assert missed_visits.look(conn, NOW + 41 * MINUTE, outside) == 1
    assert missed_visits.look(conn, NOW + 42 * MINUTE, outside) == 0
    assert alerts(conn) == [("visit_missed", "attention", "cleared")]


def test_of_whom_little_is_known_it_is_told_soonest(conn: psycopg.Connection) -> None:
    visit(conn)
    assert missed_visits.look(conn, NOW + 15 * MINUTE, Nobody()) == 1, "nobody knows whether R1 lives alone"


def test_a_visit_that_is_moved_is_told_of_anew(conn: psycopg.Connection) -> None:
    order, outside = visit(conn), Alerts()
    missed_visits.look(conn, NOW + 30 * MINUTE, outside)
    seen = store.load(conn, order.id).version
    orders.move(conn, acting(conn, "station", NOW + 40 * MINUTE), order.id, NOW + 120 * MINUTE, seen)
    assert missed_visits.look(conn, NOW + 41 * MINUTE, outside) == 1
    assert missed_visits.look(conn, NOW + 150 * MINUTE, outside) == 1
    assert [state for _, _, state in alerts(conn)] == ["cleared", "raised"]
    assert missed_visits.close_past(conn, NOW + 15 * 60 * MINUTE, outside) == 1
    assert missed_visits.look(conn, NOW + 15 * 60 * MINUTE, outside) == 1
    assert [state for _, _, state in alerts(conn)] == ["cleared", "raised"], "a person closes it"


def test_a_job_that_fails_stops_no_other_and_everybody_sees_it(conn: psycopg.Connection) -> None:
    ran: list[str] = []

    def fails(conn: psycopg.Connection, now: dt.datetime, outside: Outside) -> int:
        conn.execute("SELECT 1")
        raise ValueError("no such thing")

    def works(conn: psycopg.Connection, now: dt.datetime, outside: Outside) -> int:
        ran.append("works")
        return 3

    every = 10 * MINUTE
    jobs = (
        Job(name="fails", zh="甲", en="a", every=every, work=fails),
        Job(name="works", zh="乙", en="b", every=every, work=works),
    )
    first = turn(conn, Nobody(), NOW, jobs)
    assert (first.done, first.faults) == ({"works": 3}, {"fails": "ValueError: no such thing"})
    assert turn(conn, Nobody(), NOW + MINUTE, jobs).done == {}, "not due again; the one that failed is tried sooner"
    assert ran == ["works"]
    found = {one.job.name: one.standing for one in standings(conn, NOW + MINUTE, jobs)}
    assert found == {"fails": "never", "works": "good"}
    assert {one.standing for one in standings(conn, NOW + 60 * MINUTE, jobs)} == {"never", "late"}
    assert blind(conn, NOW, "missed_visits"), "which has never run here"


def test_the_rounds_as_they_are_make_every_turn(conn: psycopg.Connection) -> None:
    visit(conn)
    found = turn(conn, Alerts(), NOW + 40 * MINUTE)
    assert not found.faults
    assert found.done.keys() == {job.name for job in JOBS}
    assert not blind(conn, NOW + 40 * MINUTE, "missed_visits")


def test_a_shut_door_is_told_at_once_with_what_was_tried_and_ends_when_it_opens(conn: psycopg.Connection) -> None:
    order, outside, carer = visit(conn), Alerts(), acting(conn, "carer", NOW)
    conn.execute("UPDATE household SET phone = '0755-1' WHERE code = 'H1'")
    conn.execute("UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'carer') WHERE code = 'S1'")
    with pytest.raises(ProvisioningError, match="telephone the resident"):
        field.shut(conn, carer, order.id, ["rang"], "", NOW)
    after = field.shut(conn, carer, order.id, ["neighbour", "telephone", "rang"], "灯亮着", NOW)
    assert after.state == "refused_at_door"
    assert shut_doors.look(conn, NOW + MINUTE, outside) == 1
    assert shut_doors.look(conn, NOW + MINUTE, outside) == 0
    assert alerts(conn) == [("door_shut", "urgent", "raised")]
    told = conn.execute("SELECT reason_zh FROM alert").fetchone()
    assert told is not None
    assert "无人应门。按门铃、敲门并等候；打过老人电话，无人接听；问过邻居或物业；灯亮着" in told[0]
    field.check_in(conn, carer, order.id, "place", NOW + 10 * MINUTE, place=HOME)
    assert shut_doors.look(conn, NOW + 11 * MINUTE, outside) == 1
    assert alerts(conn) == [("door_shut", "urgent", "cleared")]
