"""The roll-ups equal a direct count from the base tables, whatever happened and in whichever order it became known."""

import datetime as dt
from collections import Counter
from typing import Any

import numpy as np
import psycopg
import pytest

from care_network.duty.loading import load_roster
from care_network.duty.roster import stints
from care_network.protection import history
from care_network.protection.functions import Level
from dispatch.desk import statistics
from dispatch.sla import clock as sla
from dispatch.sla import report as sla_store
from figures.core import months
from figures.counting.refresh import refresh
from tests.support.databases import of_service
from tests.support.network import AREAS
from tests.support.orders import staff_city
from tests.support.pasts import PENDANTS, something_happens

pytestmark = pytest.mark.integration
NOW = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
FIRST, PRESENT = dt.date(2026, 9, 1), dt.date(2026, 11, 1)


def direct(conn: psycopg.Connection[Any], area: str, month: dt.date) -> dict[tuple[str, str, str], int]:
    """(severity or rule, its name, ending) → count, by the code of the page of the service level."""
    found: Counter[tuple[str, str, str]] = Counter()
    for case in statistics.load_cases(conn, *months.span(month), area):
        over = "open" if case.state == "raised" else case.state if case.state != "resolved" else "unrecorded"
        ending = case.verdict or over
        found["severity", case.severity, ending] += 1
        found["rule", case.rule, ending] += 1
    return dict(found)


def check_alerts(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    for month in months.between(FIRST, PRESENT):
        for area, _ in AREAS:
            rows = conn.execute(
                "SELECT what, key, ending, n FROM figure_count f JOIN area a ON a.id = f.area_id"
                " WHERE a.path::text = %s AND month = %s AND what IN ('severity', 'rule')", (area, month)
            ).fetchall()  # fmt: skip
            assert {tuple(row[:3]): row[3] for row in rows} == direct(conn, area, month), (area, month)
            stories = sla_store.stories(conn, *months.span(month), area)
            for severity in {story.severity for story in stories}:
                for milestone in sla.MILESTONES:
                    each = [sla.measure(one, milestone, now) for one in stories if one.severity == severity]
                    spans = [one.elapsed_s for one in each if one.elapsed_s is not None]
                    waiting = [
                        (sla.reached_at(story, "resolved") or now) - story.raised_at
                        for story, one in zip([s for s in stories if s.severity == severity], each, strict=True)
                        if one.elapsed_s is None
                        and one.verdict in ("pending", "missed")
                        and (milestone != "on_scene" or sla.reached_at(story, "resolved") is None)
                    ]
                    row = conn.execute(
                        "SELECT reached, waiting, p50_s, p90_s, p50_over, p90_over, met, late, missed, pending"
                        " FROM figure_time f JOIN area a ON a.id = f.area_id WHERE a.path::text = %s AND month = %s"
                        " AND severity = %s AND milestone = %s", (area, month, severity, milestone)
                    ).fetchone()  # fmt: skip
                    counts = [sum(one.verdict == word for one in each) for word in ("met", "late", "missed", "pending")]
                    found = [percentile(spans, [one.total_seconds() for one in waiting], share) for share in (0.5, 0.9)]
                    assert row is not None
                    assert row == (
                        len(spans), len(waiting), *(pytest.approx(value) for value, _ in found),
                        *(over for _, over in found), *counts,
                    ), (area, month, severity, milestone)  # fmt: skip


def percentile(reached: list[float], waiting: list[float], share: float) -> tuple[float | None, bool]:
    """The shortest time after which so many are there, by Kaplan and Meier, and whether it is longer than can be told:
    without anybody who waits it is interpolated."""
    if not waiting:
        return (float(np.percentile(reached, 100 * share)) if reached else None), False
    left = 1.0
    for time in sorted({*reached, *waiting}):
        at_risk = sum(one >= time for one in [*reached, *waiting])
        left *= 1 - reached.count(time) / at_risk
        if left <= 1 - share + 1e-9:
            return time, False
    return max([*reached, *waiting]), True


def check_people(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    gaps = conn.execute("SELECT since, until FROM protection_gap").fetchall()
    for month in months.between(FIRST, PRESENT):
        since, until = months.span(month)
        until = min(until, now)
        for resident, lost, bare, unknown, known in conn.execute(
            "SELECT resident_id, lost_s, bare_s, unknown_s, known_s FROM figure_person WHERE month = %s", (month,)
        ).fetchall():
            for function in range(7):
                changes = conn.execute(
                    "SELECT at, level FROM protection_change WHERE resident_id = %s AND function = %s AND at < %s"
                    " ORDER BY at, id", (resident, function, until)
                ).fetchall()  # fmt: skip
                seconds, _ = history.durations([(at, Level(level)) for at, level in changes], gaps, since, until)
                assert lost[function] + bare[function] == pytest.approx(seconds[Level.BLIND])
                assert unknown[function] == pytest.approx(seconds[Level.UNKNOWN])
                assert known[function] == pytest.approx(seconds[Level.COVERED] + seconds[Level.WEAK])
        roster = load_roster(conn, since, until)
        hours: Counter[int] = Counter()
        for stint in stints(roster, since, until):
            hours[stint.staff_id] += (min(stint.ends_at, until) - max(stint.starts_at, since)).total_seconds()  # type: ignore[assignment]
        counted = conn.execute("SELECT staff_id, duty_s FROM figure_worker WHERE month = %s", (month,)).fetchall()
        assert {staff: s for staff, s in counted if s} == pytest.approx({k: v for k, v in hours.items() if v}), month


def check_versions(conn: psycopg.Connection[Any]) -> None:
    """The sums of a version are those of its devices' whole months and of the homes that run it alone."""
    summed = conn.execute(
        "SELECT f.month, f.version, devices, expected_s, silent_s, unknown_s, false_alerts, low_battery_alerts"
        " FROM figure_version f JOIN area a ON a.id = f.area_id WHERE a.path = 'sz' ORDER BY 1, 2"
    ).fetchall()
    lines = conn.execute(
        "SELECT month, version, d.household_id, extract(epoch FROM until - since)::float8, silent_s, never, unknown_s"
        " FROM figure_device d JOIN figure_month USING (month) WHERE version IS NOT NULL"
    ).fetchall()
    direct: dict[Any, list[float]] = {}
    for month, version, home, expected, silent, never, unknown in lines:
        found = direct.setdefault((month, version), [0, 0, 0, 0, 0, 0])
        told = conn.execute(
            "SELECT count(*) FILTER (WHERE ending = 'false'), count(*) FILTER (WHERE rule = 'battery_low')"
            " FROM figure_alert WHERE month = %s AND household_id = %s AND model = 'shouwang-pendant'", (month, home),
        ).fetchone() or (0, 0)  # fmt: skip
        more = (1, expected, silent, expected if never else unknown, *told)
        direct[month, version] = [one + other for one, other in zip(found, more, strict=True)]
    assert {row[:2]: pytest.approx(row[2:]) for row in summed} == direct


def test_the_roll_ups_equal_a_direct_count_after_each_refresh(database_url: str) -> None:
    rng = np.random.default_rng(17)
    with (
        psycopg.connect(database_url, autocommit=True) as conn,
        psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as service,
    ):
        staff_city(conn)
        conn.execute(PENDANTS)
        conn.execute("UPDATE gateway SET registered_at = '2026-08-01', state = 'online'")
        conn.execute("INSERT INTO device_firmware SELECT id, '1.0', '2026-07-15' FROM device")
        for place, many in enumerate((60, 25, 1)):
            now = NOW + dt.timedelta(hours=place)
            conn.execute(
                "INSERT INTO protection_look VALUES (true, %(now)s, %(now)s, 1, 2)"
                " ON CONFLICT (one) DO UPDATE SET at = %(now)s", {"now": now}
            )  # fmt: skip
            something_happens(conn, rng, many, NOW)
            if place:  # what was counted is told of otherwise, weeks later
                conn.execute(
                    "UPDATE alert SET state = 'resolved', closed_at = %s WHERE state = 'raised' AND rule = 'fall'",
                    (now,),
                )
                conn.execute("INSERT INTO alert_event (alert_id, at, action, to_state, actor) SELECT id, %s, 'resolve',"
                             " 'resolved', '某' FROM alert WHERE closed_at = %s", (now, now))  # fmt: skip
                conn.execute("UPDATE figure_month SET people_at = '2026-09-02'")  # as if nobody had counted for months
            counted = list(refresh(service, now))
            assert counted[-1].left == 0
            check_alerts(conn, now)
            check_people(conn, now)
        before = conn.execute("SELECT * FROM figure_count ORDER BY 1, 2, 3, 4, 5").fetchall()
        assert [one.month for one in refresh(service, now)] == months.between(FIRST, PRESENT)  # each has open alerts
        assert conn.execute("SELECT * FROM figure_count ORDER BY 1, 2, 3, 4, 5").fetchall() == before
        assert conn.execute(
            "SELECT bool_and(registered) FROM figure_person WHERE month = %s", (PRESENT,)
        ).fetchone() == (True,)
        assert conn.execute("SELECT count(*) FROM figure_people WHERE month < %s", (PRESENT,)).fetchone() == (0,)
        whole = conn.execute(
            "SELECT sum(silent_s), sum(expected_s), sum(unknown_s) FROM figure_model f JOIN area a ON a.id = f.area_id"
            " WHERE a.path = 'sz' AND model = 'shouwang-pendant'"
        )
        silent, expected, unknown = whole.fetchone() or (0, 0, 0)
        assert 0 < silent <= expected - unknown
        lines = conn.execute(
            "SELECT count(*), sum(silent_s), sum(extract(epoch FROM until - since)),"
            " sum(CASE WHEN never THEN extract(epoch FROM until - since) ELSE unknown_s END)"
            " FROM figure_device JOIN figure_month USING (month)"
        ).fetchone() or (0,)
        assert (silent, expected, unknown) == pytest.approx(tuple(map(float, lines[1:])))
        assert lines[0] == 8  # two homes, and August to November
        check_versions(conn)
        conn.execute("UPDATE device_firmware SET version = '2.0', told_at = '2026-10-10' WHERE device_id ="
                     " (SELECT min(device_id) FROM figure_device)")  # fmt: skip
        list(refresh(service, now, every=True))
        told = conn.execute("SELECT month, version FROM figure_device WHERE device_id = (SELECT min(device_id)"
                            " FROM figure_device) ORDER BY month").fetchall()  # fmt: skip
        assert [version for _, version in told] == ["1.0", "1.0", None, "2.0"], (
            "what ran stays known; mixed months are not"
        )
        check_versions(conn)
        runs = conn.execute("SELECT of_version, f.version, devices, homes, battery_known FROM figure_running f"
                            " JOIN area a ON a.id = f.area_id AND a.path = 'sz'"
                            " WHERE model = 'shouwang-pendant' ORDER BY 1, 2").fetchall()  # fmt: skip
        assert runs == [(False, "", 2, 2, 0), (True, "1.0", 1, 1, 0), (True, "2.0", 1, 1, 0)]


def test_a_count_follows_what_was_put_right_later_and_a_service_that_was_away(database_url: str) -> None:
    """A home of another area, an order that was told of late, a month's end while nobody counted."""
    october, november = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
    with (
        psycopg.connect(database_url, autocommit=True) as conn,
        psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as service,
    ):
        staff_city(conn)
        conn.execute("UPDATE gateway SET registered_at = '2026-10-09T16:00Z', state = 'online'")
        conn.execute("INSERT INTO protection_look VALUES (true, '2026-10-30', '2026-10-01', 1, 2)")
        list(refresh(service, dt.datetime(2026, 10, 30, tzinfo=dt.UTC)))
        # three days without a count, over the end of the month; somebody came new meanwhile
        later = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
        conn.execute("INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
                     " SELECT 'R9', id, '新', 'New', 'male', '1940-01-01' FROM household"
                     " WHERE code = 'H1'")  # fmt: skip
        assert [one.month for one in refresh(service, later)] == [october, november]

        def counted(month: dt.date, area: str) -> tuple[Any, ...]:
            return conn.execute(
                "SELECT (SELECT sum(residents)::int FROM figure_people p WHERE p.area_id = a.id AND p.month = m.month),"
                " (SELECT homes FROM figure_place p WHERE p.area_id = a.id AND p.month = m.month), m.registry_at"
                " FROM area a, figure_month m WHERE a.path::text = %s AND m.month = %s", (area, month)
            ).fetchone() or ()  # fmt: skip

        assert counted(october, "sz.yt.hs") == (1, 1, dt.datetime(2026, 10, 30, tzinfo=dt.UTC))
        assert counted(november, "sz.yt.hs") == (2, 1, later)
        assert [one.month for one in refresh(service, later)] == [november]
        conn.execute("UPDATE household SET area_id = (SELECT area_id FROM household WHERE code = 'H2')"
                     " WHERE code = 'H1'")  # fmt: skip
        assert [one.month for one in refresh(service, later)] == [october, november]
        assert counted(october, "sz.yt.hs")[:2] == (None, 0)
        assert counted(october, "sz.yt.ms")[:2] == (2, 2)
        conn.execute(
            "INSERT INTO work_order (id, service, urgency, household_id, due_at, reason_zh, reason_en, state, staff_id,"
            " created_at, done_at) SELECT gen_random_uuid(), 'comfort', 'planned', (SELECT id FROM household LIMIT 1),"
            " at, '因', 'why', 'done', s.id, at, at FROM staff s, (VALUES ('2026-10-20T01:00Z'::timestamptz)) v (at)"
            " WHERE s.code = 'S11'"
        )
        assert [one.month for one in refresh(service, later)] == [october, november]
        assert conn.execute("SELECT sum(orders)::int FROM figure_worker WHERE month = %s", (october,)).fetchone() == (
            1,
        )
        assert [one.month for one in refresh(service, later)] == [november]
        assert conn.execute("SELECT began_at FROM figure_mark").fetchone() == (
            dt.datetime(2026, 10, 9, 16, tzinfo=dt.UTC),
        )


def test_what_lies_long_back_and_a_second_refresh_at_once(database_url: str) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as conn,
        psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as service,
    ):
        staff_city(conn)
        first = refresh(service, NOW)
        assert next(first).month == PRESENT  # nothing happened before
        assert list(refresh(conn, NOW)) == []
        assert list(first) == []
        served = conn.execute(
            "SELECT path::text, served, homes FROM figure_place JOIN area ON area.id = area_id ORDER BY 1"
        )
        assert served.fetchall() == [("sz.yt.hs", True, 1), ("sz.yt.hs.pw", False, 1), ("sz.yt.ms", True, 1),
                                     ("sz.yt.ms.dm", False, 1)]  # fmt: skip
        # nobody has looked at anybody: not known, which is neither watched nor blind
        assert conn.execute("SELECT sum(residents), sum(watched), sum(unknown) FROM figure_people f JOIN area a"
                            " ON a.id = area_id WHERE path = 'sz'").fetchone() == (2, 0, 2)  # fmt: skip
