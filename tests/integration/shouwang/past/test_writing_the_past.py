"""The simulated past in a real database: consistent, once, closed off where live data begin."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from care_network.demo.district import load_demo
from care_network.records import vitals
from database.grade import Grade
from database.maintenance import round_of_work
from device_simulators.home import Home
from device_simulators.homes import demo_home
from dispatch.desk.statistics import load_cases, summarise
from dispatch.sla.report import report
from shouwang.past.writing import LIVE_FROM, live_since, write_past
from shouwang.platform.report import stored

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_cluster", ["plain"], indirect=True, scope="session"),
]
NOW = dt.datetime.now(dt.UTC)
HOMES = [demo_home(1), demo_home(2)]
DAYS = 3
EVER = NOW - dt.timedelta(days=80)


@pytest.fixture
def past(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        load_demo(conn, HOMES)
        written = write_past(conn, HOMES, DAYS, NOW, before=1)
        assert written.homes == 2
        assert written.rows["alert"] > 0
        yield conn


def test_every_alert_is_closed_with_all_that_belongs_to_it_and_charts_are_full(past: psycopg.Connection[Any]) -> None:
    check_alerts(past)
    check_sums(past)
    check_charts(past)


def test_a_device_that_speaks_seldom_was_heard_and_the_home_has_seen_its_resident(
    past: psycopg.Connection[Any],
) -> None:
    """The picture of protection and the page of a resident ask for readings; roll-ups alone are "never heard"."""
    rows = past.execute(
        "SELECT d.name || '/' || s.channel, max(r.time) > %s, bool_or(r.value >= 0.5) FROM series s"
        " JOIN device d ON d.id = s.device_id JOIN gateway g ON g.id = d.gateway_id"
        " LEFT JOIN reading r ON r.series_id = s.id WHERE g.name = 'gw-yt-0002' GROUP BY 1",
        (NOW - dt.timedelta(hours=26),),
    ).fetchall()
    twice = past.execute("SELECT series_id, time FROM reading GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
    assert twice == []
    heard, moved = {name: bool(lately) for name, lately, _ in rows}, {name: last for name, _, last in rows}
    assert all(heard[name] for name in ("smoke/battery", "sos-button/battery", "pir-kitchen/battery"))
    assert all(moved[name] for name in ("pendant/body_movement", "pir-living/motion", "bed/in_bed"))


def check_alerts(past: psycopg.Connection[Any]) -> None:
    """Every closed alert has an end, an owner where a person closed it, and what was found; its history fits."""
    wrong = past.execute(
        """
        SELECT a.id, a.state FROM alert a
        LEFT JOIN alert_finding f ON f.alert_id = a.id
        CROSS JOIN LATERAL (
            SELECT array_agg(e.to_state ORDER BY e.id) AS states, array_agg(e.from_state ORDER BY e.id) AS before,
                   array_agg(e.at ORDER BY e.id) = array_agg(e.at ORDER BY e.at, e.id) AS in_order,
                   max(e.at) AS ended,
                   count(*) FILTER (WHERE e.action = 'acknowledge' AND e.account_id IS NOT NULL) AS owners,
                   count(*) FILTER (WHERE e.action NOT IN ('raise', 'call_out')) + 1 AS version
            FROM alert_event e WHERE e.alert_id = a.id) h
        WHERE alert_is_open(a.state) OR h.states[cardinality(h.states)] <> a.state OR NOT h.in_order
           OR h.states[:cardinality(h.states) - 1] <> h.before[2:] OR h.version <> a.version
           OR (a.state = 'resolved') <> (f.alert_id IS NOT NULL) OR (a.state = 'resolved') <> (h.owners = 1)
           OR (a.state = 'resolved') <> (a.outcome IS NOT NULL)
           OR a.closed_at IS DISTINCT FROM h.ended OR (a.state = 'resolved' AND a.owner_id IS NULL)
           OR a.next_step_at IS NOT NULL OR NOT (a.evidence ->> 'simulated')::bool
        """
    ).fetchall()
    assert wrong == []


def check_sums(past: psycopg.Connection[Any]) -> None:
    """Statistics and service level count what was written."""
    summary = summarise(load_cases(past, EVER, NOW))["all"]
    (alerts,) = past.execute("SELECT count(*) FROM alert").fetchone() or (0,)
    earlier = past.execute("SELECT count(*) FROM alert WHERE raised_at < %s", (NOW - dt.timedelta(days=DAYS + 2),))
    assert 0 < (earlier.fetchone() or (0,))[0] < alerts  # the month before, that has no readings
    assert (summary.alerts, summary.open) == (alerts, 0)
    lines = report(past, EVER, NOW, NOW, by_shift=False)
    missed = sum(line.late + line.missed for line in lines)
    (breaches,) = past.execute("SELECT count(*) FROM sla_breach").fetchone() or (0,)
    assert missed == breaches
    assert sum(line.pending for line in lines) == 0
    orders = past.execute(
        "SELECT count(*) FROM work_order o WHERE state <> 'done' OR NOT EXISTS"
        " (SELECT FROM work_order_event e WHERE e.order_id = o.id AND e.action = 'finish' AND e.at = o.done_at)"
    ).fetchone()
    assert orders == (0,)
    (waiting,) = past.execute("SELECT count(*) FROM notification WHERE state IN ('waiting', 'sent')").fetchone() or (1,)
    assert waiting == 0


def test_a_second_start_writes_nothing_and_live_data_join_without_a_hole(past: psycopg.Connection[Any]) -> None:
    def counts() -> list[tuple[int]]:
        return past.execute(
            "SELECT count(*) FROM alert UNION ALL SELECT count(*) FROM reading UNION ALL SELECT count(*) FROM"
            " rollup_minute UNION ALL SELECT count(*) FROM rollup_hour UNION ALL SELECT count(*) FROM handover"
        ).fetchall()

    before = counts()
    assert write_past(past, HOMES, DAYS, NOW + dt.timedelta(hours=1)).homes == 0
    assert counts() == before
    until = live_since(past)["gw-yt-0001"]
    assert NOW - LIVE_FROM - dt.timedelta(minutes=1) < until <= NOW - LIVE_FROM
    found = past.execute("SELECT max(time) < %s, max(time) > %s - INTERVAL '2 minutes' FROM reading", (until, until))
    assert found.fetchone() == (True, True)
    assert stored(past)["readings"] == 0, "the account of the demonstration counts what was sent alone"
    # live readings come, late ones among them, and the hours are rolled up: the hour of the seam has both parts
    row = past.execute(
        "SELECT s.id FROM series s JOIN device d ON d.id = s.device_id JOIN gateway g ON g.id = d.gateway_id"
        " WHERE g.name = 'gw-yt-0001' AND d.name = 'climate' AND s.channel = 'room_temperature'"
    ).fetchone()
    assert row is not None
    since = until.replace(minute=0) - dt.timedelta(hours=2)
    begin, end = (round(time.timestamp() * 1e6) for time in (until, NOW))
    live = next(c for c in Home(1).columns(begin, end) if c.channel == "room_temperature")
    for at, value in zip(live.times_us.tolist(), live.values.tolist(), strict=True):
        past.execute("INSERT INTO reading VALUES (to_timestamp(%s / 1e6), %s, %s)", (at, row[0], value))
    for _ in round_of_work(past, Grade.PLAIN, NOW + dt.timedelta(hours=3)):
        pass
    minutes = past.execute(
        "SELECT count(*), count(DISTINCT time), sum(n) FROM reading_minutes(ARRAY[%s::int], %s, %s)",
        (row[0], since, NOW.replace(second=0, microsecond=0)),
    ).fetchone()
    wanted = (NOW.replace(second=0, microsecond=0) - since) // dt.timedelta(minutes=1)
    assert minutes is not None
    assert minutes[0] == minutes[1] == minutes[2]
    assert abs(minutes[0] - wanted) <= 1


def check_charts(past: psycopg.Connection[Any]) -> None:
    """A day, and all of it, in a chart; the newest values are of the last hour."""
    row = past.execute("SELECT id FROM resident WHERE code = 'R0002'").fetchone()
    assert row is not None
    for days, least in ((1, 700), (3, 200)):
        assert len(vitals.chart(past, row[0], "room_temperature", NOW - dt.timedelta(days=days), NOW)["time"]) > least
    assert vitals.chart(past, row[0], "heart_rate", NOW - dt.timedelta(days=1), NOW)["time"]
