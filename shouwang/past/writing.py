"""Write the simulated past of a demonstration's homes, once, in one transaction."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import psycopg
from numpy.random import Generator

from database.grade import Grade, schema_grade
from database.maintenance import round_of_work
from database.rollup import full_hour
from device_simulators.home import Home
from figures.core import months
from ingest.batches.horizon import begin_storing
from shouwang.past.alerts import SPACE, PastAlert, add_alert, add_rating, add_visit, visit_times
from shouwang.past.district import PastDistrict, PastHome, load_district, load_home, without_neighbours
from shouwang.past.handovers import add_handovers
from shouwang.past.readings import Span, write_readings
from shouwang.past.stories import story_of
from shouwang.past.tables import Rows
from vocabulary.errors import BilingualError
from vocabulary.times import SHANGHAI

MONTHS_BEFORE = 13
"""Whole months of alerts and visits before the days that have readings: figures and forecasts need a year."""
LIVE_FROM = dt.timedelta(minutes=15)
"""A simulated home's first live readings begin so long before its start: the past ends there."""


class PastError(BilingualError, RuntimeError):
    """The past cannot be written; the texts say why."""


class NumberedHome(Protocol):
    """A simulated home, as far as its past is concerned."""

    @property
    def number(self) -> int: ...

    @property
    def gateway(self) -> str: ...


class WrittenPast(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a past that was written. ``until``: where live data begin; None: there was nothing to write."""

    homes: int
    until: dt.datetime | None
    rows: dict[str, int]
    readings: int


def write_past(
    conn: psycopg.Connection[Any],
    homes: Sequence[NumberedHome],
    days: int,
    now: dt.datetime,
    seed: int = 4,
    *,
    before: int = 0,
) -> WrittenPast:
    """Write ``days`` days before ``now`` for those of the homes that were never heard, and mark them as simulated.

    ``before``: so many whole months earlier have alerts and visits, and no readings. One transaction: interrupted,
    nothing is written. ``conn``: in autocommit. Raises PastError for a database whose roll-ups are made of readings
    alone, and one without schema.
    """
    grade = schema_grade(conn)
    if grade is None or grade is Grade.COMMUNITY:
        raise PastError(
            en="a simulated past is written as roll-ups, which TimescaleDB makes from readings alone: use the embedded"
            " database of the demonstration, or 'simulate history' without --demo",
            zh="模拟历史以汇总写入，TimescaleDB 只从原始读数生成汇总：请使用演示自带的数据库，"
            "或不带 --demo 运行 simulate history",
        )
    heard = {name for (name,) in conn.execute(_HEARD)}
    wanted = [home for home in homes if home.gateway not in heard]
    if not wanted:
        return WrittenPast(homes=0, until=None, rows=Rows().counts(), readings=0)
    for _ in round_of_work(conn, grade, now):  # the roll-ups' boundary comes close to now
        pass
    first = not live_since(conn)
    until = (now - LIVE_FROM).replace(second=0, microsecond=0)
    since = (until - dt.timedelta(days=days)).astimezone(SHANGHAI).replace(hour=0, minute=0).astimezone(dt.UTC)
    first_day = since if not before else months.begin(months.after(months.month_at(since), -before))
    rows, readings, written = Rows(), 0, 0
    alerts: list[PastAlert] = []
    with conn.transaction(), conn.cursor() as cursor:
        horizon = begin_storing(cursor)
        rolled = min(full_hour(until), dt.datetime.fromtimestamp(horizon.late_before_us // 1_000_000, dt.UTC))
        span = Span(_us(since), _us(rolled), _us(until))
        district = load_district(conn)
        for one in wanted:
            home = load_home(conn, one.gateway, since)
            if home is None:
                continue
            devices = _devices(conn, one.gateway)
            story = story_of(one.number, since, until, seed)
            rng = np.random.default_rng([seed, one.number, 1])
            for incident in story.incidents:
                alert = add_alert(rows, district, home, devices, incident, rng)
                alerts += [alert] if alert is not None else []
            if before:
                earlier = np.random.default_rng([seed, one.number, 2])
                for incident in story_of(one.number, first_day, since, seed + 1, own=False).incidents:
                    add_alert(rows, without_neighbours(district), home, devices, incident, earlier)
                _add_planned(rows, district, home, one.number, first_day, since, earlier)
            _add_planned(rows, district, home, one.number, since, until, rng)
            stored = write_readings(cursor, Home(one.number), devices, story.absences, span)
            _log_late_hours(cursor, one.gateway, rolled, horizon.late_before_us)
            _mark(cursor, home, (first_day, since, until), seed, stored)
            readings, written = readings + stored, written + 1
        if written and first:
            add_handovers(conn, rows, district, alerts, since, until)
        rows.write(cursor)
    return WrittenPast(homes=written, until=until if written else None, rows=rows.counts(), readings=readings)


def live_since(conn: psycopg.Connection[Any]) -> dict[str, dt.datetime]:
    """Where the live data of each home with a simulated past begin, by gateway."""
    rows = conn.execute(
        "SELECT g.name, p.until FROM simulated_past p JOIN gateway g ON g.household_id = p.household_id"
    )
    return dict(rows.fetchall())


def _devices(conn: psycopg.Connection[Any], gateway: str) -> dict[str, int]:
    rows = conn.execute(
        "SELECT d.name, d.id FROM device d JOIN gateway g ON g.id = d.gateway_id WHERE g.name = %s", (gateway,)
    )
    return dict(rows.fetchall())


def _log_late_hours(cursor: psycopg.Cursor[Any], gateway: str, rolled: dt.datetime, late_before_us: int) -> None:
    """Have the hours between the roll-ups and the boundary rolled up from the readings, which live ones will join."""
    cursor.execute(
        """
        INSERT INTO rollup_due (series_id, hour)
        SELECT s.id, h FROM series s JOIN device d ON d.id = s.device_id JOIN gateway g ON g.id = d.gateway_id,
             generate_series(%s::timestamptz, %s::timestamptz - INTERVAL '1 hour', INTERVAL '1 hour') h
        WHERE g.name = %s
        """,
        (rolled, dt.datetime.fromtimestamp(late_before_us // 1_000_000, dt.UTC), gateway),
    )


def _mark(
    cursor: psycopg.Cursor[Any], home: PastHome, times: tuple[dt.datetime, dt.datetime, dt.datetime], seed: int,
    readings: int,
) -> None:  # fmt: skip
    first_day, since, until = times
    cursor.execute(
        "INSERT INTO simulated_past (household_id, since, until, seed, readings) VALUES (%s, %s, %s, %s, %s)",
        (home.household_id, since, until, seed, readings),
    )
    # the home was watched, and the family agreed, before its past began
    cursor.execute(
        "UPDATE gateway SET registered_at = least(registered_at, %s) WHERE household_id = %s",
        (first_day, home.household_id),
    )
    for table in ("contact", "family_member"):
        cursor.execute(
            f"UPDATE {table} SET consent_at = least(consent_at, %s)"  # noqa: S608 - one of two fixed names
            " WHERE resident_id IN (SELECT id FROM resident WHERE household_id = %s)".encode(),
            (first_day, home.household_id),
        )


def _add_planned(
    rows: Rows, district: PastDistrict, home: PastHome, number: int, since: dt.datetime, until: dt.datetime,
    rng: Generator,
) -> None:  # fmt: skip
    """Add a visit a week that was agreed: measuring, or company."""
    begin = since + dt.timedelta(days=number % 7, hours=9, minutes=number * 7 % 120)
    week = 0
    while (due := begin + dt.timedelta(days=7 * week)) + dt.timedelta(hours=2) < until:
        week += 1
        team = [w for w in district.workers_at(due, home.area, "home_care_bed_team") if w.kind in ("carer", "nurse")]
        if not team:
            continue
        service, zh, en = (
            ("vital_signs", "每周测量生命体征", "weekly vital signs")
            if number % 2
            else ("comfort", "每周陪伴聊天", "weekly company")
        )
        out = due - dt.timedelta(minutes=12)
        times = visit_times(due - dt.timedelta(hours=20), out, due, due + dt.timedelta(minutes=25))
        order_id = uuid.uuid5(SPACE, f"planned|{home.resident_code}|{due.isoformat()}")
        add_visit(
            rows, order_id, home, team[week % len(team)], district.desk_at(times[0][3]), times, alert_id=None,
            service=service, urgency="planned", resident=home.resident_id, words=(zh, en), due=due, note="情况良好",
        )  # fmt: skip
        if rng.random() < 0.4:
            add_rating(rows, order_id, home, times[-1][3], rng)


_HEARD = """
    SELECT DISTINCT g.name FROM series s JOIN device d ON d.id = s.device_id JOIN gateway g ON g.id = d.gateway_id
"""
"""A home that has sent something has a past of its own; so has one of which it was made up."""


def _us(time: dt.datetime) -> int:
    return round(time.timestamp() * 1e6)
