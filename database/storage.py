"""Examine roll-ups, retention and disk use, for ``shouwang storage status`` and ``shouwang doctor``."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg

from database.freshness import clock_is_borne_out
from database.grade import Grade, schema_grade
from database.packing.steps import border
from database.policies import judge, load_policies
from database.retention import load_retention, midnight
from database.rollup import GRACE, HOUR, full_hour

LAGS_AFTER = dt.timedelta(hours=2)
"""Roll-ups that are behind by more than this are a finding."""
PACKS_WITHIN = dt.timedelta(days=1)
"""Packing may be behind by this much: readings are two to three days old then."""
ROW_BYTES = 100
"""About what a reading takes that is not packed."""
RETIRES_WITHIN = dt.timedelta(days=2)
"""Readings may be this much older than their retention: only whole days that are rolled up are removed."""
NOTHING_FRESH = (
    "readings: none of the last day (it is {} by the clock here). Does ingest run? Is the clock right? Until one comes,"
    " 'shouwang maintain' removes and rolls up nothing; if the district was off, 'shouwang maintain --once' does it"
)
NOT_RUN_YET = (
    "TimescaleDB's policies have not run yet; they begin within minutes of 'shouwang migrate' or a change of the"
    " retention"
)


class StorageState(msgspec.Struct, frozen=True):
    """State of roll-ups, retention and compression.

    ``lag``: how far the roll-ups are behind; their figures are right all the same. ``findings``: for a person, each
    says what does not work and what to do.
    """

    grade: Grade
    lag: dt.timedelta
    text: str
    findings: tuple[str, ...] = ()


def examine_storage(conn: psycopg.Connection[Any], now: dt.datetime) -> StorageState:
    """Examine the storage without changing it. Raises RuntimeError where there is no schema."""
    grade = schema_grade(conn)
    if grade is None:
        raise RuntimeError("there is no schema yet: run 'shouwang migrate'")
    state = _policies(conn, now) if grade is Grade.COMMUNITY else _maintained(conn, grade, now)
    waits_until = _waits_until(conn)
    if waits_until is not None and waits_until > now:
        state = msgspec.structs.replace(state, text=f"{state.text}; no reading is removed before {_utc(waits_until)}")
    return state


def _maintained(conn: psycopg.Connection[Any], grade: Grade, now: dt.datetime) -> StorageState:
    row = conn.execute(
        """
        SELECT nullif(late_before, '-infinity'), (SELECT min(hour) FROM rollup_due),
               (SELECT count(*) FROM (SELECT FROM rollup_due LIMIT 1000000) d)
        FROM storage
        """
    ).fetchone()
    assert row is not None  # noqa: S101 - the migration puts the one row in
    late_before, oldest, due = row
    findings = (*_not_removed(conn, now), *_not_packed(conn, now))
    if not clock_is_borne_out(conn, now):
        findings = (NOTHING_FRESH.format(_utc(now)), *findings)
    if late_before is None:
        if not _older(conn, "reading_row", "time", now - LAGS_AFTER - GRACE):
            return StorageState(grade, dt.timedelta(0), "nothing to roll up yet", findings)
        text = "never made: is 'shouwang maintain' running?"
        return StorageState(grade, dt.timedelta.max, text, (f"roll-ups: {text}", *findings))
    lag = max(full_hour(now - GRACE) - late_before, dt.timedelta(0))
    text = f"made up to {_utc(late_before)}"
    if due:
        text += f"; {due:,} hours of series are due (again), the oldest of {_utc(oldest)}"
    if lag > LAGS_AFTER:
        text += f"; {lag // HOUR} hours behind: is 'shouwang maintain' running?"
        findings = (f"roll-ups: {text}", *findings)
    return StorageState(grade, lag, text, findings)


def _not_removed(conn: psycopg.Connection[Any], now: dt.datetime) -> Iterator[str]:
    """Report each level whose retention is behind."""
    keep, waits_until = load_retention(conn), _waits_until(conn)
    levels: list[tuple[str, int, tuple[tuple[str, str], ...]]] = [
        ("minutes", keep.minute_days, (("rollup_minute", "hour"),)),
        ("hours", keep.hour_days, (("rollup_hour", "day"),)),
    ]
    if waits_until is None or waits_until <= now:
        levels.insert(0, ("readings", keep.raw_days, (("reading_row", "time"), ("reading_pack", "since"))))
    for what, days, tables in levels:
        border_of = midnight(now - dt.timedelta(days=days)) - RETIRES_WITHIN
        if any(_older(conn, table, column, border_of) for table, column in tables):
            yield (
                f"retention: {what} are to be kept for {days} days, and older ones are still there: is 'shouwang"
                " maintain' running? Its log says what holds it up; disk room is not freed meanwhile"
            )


def _not_packed(conn: psycopg.Connection[Any], now: dt.datetime) -> Iterator[str]:
    """Report where packing is behind by more than PACKS_WITHIN."""
    row = conn.execute(
        "SELECT nullif(packed_before, '-infinity'), (SELECT min(day) FROM pack_due), late_before > '-infinity'"
        " FROM storage"
    ).fetchone()
    if row is None or not row[2]:
        return  # nothing is rolled up yet, and says so
    packed, oldest, _ = row
    behind = border(now) - PACKS_WITHIN
    if packed is None and _older(conn, "reading_row", "time", behind):
        yield f"packing: readings older than two days take {ROW_BYTES} bytes each: is 'shouwang maintain' running?"
    elif packed is not None and min(packed, oldest or packed) < behind:
        yield (
            f"packing: readings are packed up to {_utc(min(packed, oldest or packed))}; until then each later one takes"
            f" {ROW_BYTES} bytes: is 'shouwang maintain' running? After an upgrade or a long backlog it takes its time"
        )


def _older(conn: psycopg.Connection[Any], table: str, column: str, than: dt.datetime) -> bool:
    """Whether a table has rows older than this, by one index lookup for each series: it may hold years."""
    query = (
        f"SELECT EXISTS (SELECT FROM series s CROSS JOIN LATERAL (SELECT FROM {table} t"  # noqa: S608 - fixed names
        f" WHERE t.series_id = s.id AND t.{column} < %s LIMIT 1) old)"
    )
    row = conn.execute(query.encode(), (than,)).fetchone()
    return row is not None and bool(row[0])


def _waits_until(conn: psycopg.Connection[Any]) -> dt.datetime | None:
    row = conn.execute("SELECT nullif(waits_until, '-infinity') FROM storage").fetchone()
    return None if row is None else row[0]


def _utc(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def sizes(conn: psycopg.Connection[Any], grade: Grade) -> dict[str, int]:
    """Measure the bytes of readings (and of those that are packed), minutes and hours, with their indexes."""
    if grade is Grade.COMMUNITY:
        names = {"reading": "readings", "reading_minute": "minutes", "reading_hour": "hours"}
        query = "SELECT hypertable_size(%s::regclass)"
    else:
        names = {
            "reading_row": "readings",
            "reading_pack": "packed",
            "rollup_minute": "minutes",
            "rollup_hour": "hours",
        }
        query = "SELECT pg_total_relation_size(%s::regclass)"
    bytes_of = {}
    for table, name in names.items():
        hypertable = grade is Grade.APACHE and table == "reading_row"
        row = conn.execute("SELECT hypertable_size(%s::regclass)" if hypertable else query, (table,)).fetchone()
        bytes_of[name] = int(row[0] or 0) if row else 0
    bytes_of["readings"] += bytes_of.get("packed", 0)
    return bytes_of


def _policies(conn: psycopg.Connection[Any], now: dt.datetime) -> StorageState:
    policies = load_policies(conn)
    row = conn.execute("SELECT policies_set_at, nullif(waits_until, '-infinity') FROM storage").fetchone()
    assert row is not None  # noqa: S101 - the migration puts the one row in
    findings = tuple(judge(policies, row[0], row[1], now))
    refreshed = [policy.succeeded_at for policy in policies if policy.kind == "policy_refresh_continuous_aggregate"]
    done = [time for time in refreshed if time is not None]
    if len(done) < len(refreshed) or not refreshed:
        return StorageState(Grade.COMMUNITY, dt.timedelta(0), NOT_RUN_YET, findings)
    text = f"by TimescaleDB's policies, last refreshed {_utc(min(done))}"
    return StorageState(Grade.COMMUNITY, now - min(done), text, findings)
