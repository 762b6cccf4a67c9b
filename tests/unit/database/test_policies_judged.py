"""Findings of the doctor about TimescaleDB's policies."""

import datetime as dt

import msgspec

from database.policies import WANTED, Policy, judge

NOW = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
TABLES = ("reading", "reading_minute", "reading_hour")


def policies() -> list[Policy]:
    """All well."""
    found = []
    for kind, number in WANTED.items():
        for table in TABLES[-number:]:
            found.append(
                Policy(
                    job=1000 + len(found),
                    kind=kind,
                    table=table,
                    scheduled=True,
                    every=HOUR,
                    succeeded_at=NOW - HOUR,
                    failed=False,
                )
            )
    return found


def changed(place: int, **fields: object) -> list[Policy]:
    found = policies()
    found[place] = msgspec.structs.replace(found[place], **fields)
    return found


def texts(found: list[Policy], set_at: dt.datetime = NOW, waits_until: dt.datetime | None = None) -> list[str]:
    return list(judge(found, set_at, waits_until, NOW))


def test_nothing_is_said_while_all_is_well() -> None:
    assert texts(policies()) == []


def test_what_never_ran_is_told_when_it_had_time_to() -> None:
    new = changed(0, succeeded_at=None)
    assert texts(new, NOW - HOUR) == []
    (text,) = texts(new, NOW - 10 * HOUR)
    assert "the refresh of roll-ups of reading_minute (job 1000) has never run" in text
    assert "max_worker_processes" in text


def test_what_ran_long_ago_failed_is_off_or_missing_is_told() -> None:
    (text,) = texts(changed(3, succeeded_at=NOW - 5 * HOUR))
    assert "compression of reading_minute (job 1003) last ran 2026-11-20 05:00 UTC" in text
    (text,) = texts(changed(5, failed=True))
    assert "retention of reading (job 1005) failed: timescaledb_information.job_errors" in text
    (text,) = texts(changed(6, scheduled=False))
    assert text.endswith("SELECT alter_job(1006, scheduled => true)")
    (text,) = texts(policies()[:-1])
    assert text == "a policy for retention is missing: set them anew with SELECT apply_retention()"


def test_retention_that_was_told_to_wait_is_not_late() -> None:
    late = changed(5, succeeded_at=NOW - 50 * HOUR)
    assert texts(late, waits_until=NOW + HOUR) == []
    assert len(texts(late, waits_until=NOW - HOUR)) == 1
