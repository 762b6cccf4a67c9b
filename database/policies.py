"""Judge whether TimescaleDB's policies (grade 'community') do their work; they report nothing themselves."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

WANTED = {"policy_refresh_continuous_aggregate": 2, "policy_compression": 3, "policy_retention": 3}
"""Number of policies of each kind that migrations 0004 and 0040 set."""
_KINDS = {
    "policy_refresh_continuous_aggregate": "the refresh of roll-ups",
    "policy_compression": "compression",
    "policy_retention": "retention",
}
MARGIN = dt.timedelta(hours=2)
"""A policy is late after twice its interval and this."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One of TimescaleDB's jobs."""

    job: int
    kind: str
    """Name of its procedure."""
    table: str
    scheduled: bool
    every: dt.timedelta
    succeeded_at: dt.datetime | None
    failed: bool
    """Whether the last run failed."""

    @property
    def name(self) -> str:
        return f"{_KINDS[self.kind]} of {self.table} (job {self.job})"


def load_policies(conn: psycopg.Connection[Any]) -> list[Policy]:
    """Load the policies of our tables and roll-ups; a roll-up is named by its view."""
    with conn.cursor(row_factory=class_row(Policy)) as cursor:
        return cursor.execute(
            """
            SELECT DISTINCT ON (j.job_id) -- job_stats has a job once for each of its processes
                   j.job_id AS job, j.proc_name AS kind, coalesce(c.view_name, j.hypertable_name, '') AS "table",
                   j.scheduled, j.schedule_interval AS every,
                   nullif(s.last_successful_finish, '-infinity') AS succeeded_at,
                   coalesce(s.last_run_status = 'Failed', false) AS failed
            FROM timescaledb_information.jobs j
            LEFT JOIN timescaledb_information.job_stats s USING (job_id)
            LEFT JOIN timescaledb_information.continuous_aggregates c
                ON j.hypertable_name IN (c.view_name, c.materialization_hypertable_name)
            WHERE j.proc_name = ANY (%s) ORDER BY j.job_id
            """,
            (list(WANTED),),
        ).fetchall()


def judge(
    policies: Sequence[Policy], set_at: dt.datetime, waits_until: dt.datetime | None, now: dt.datetime
) -> Iterator[str]:
    """Say what is wrong, and what to do. ``set_at``: when the policies were set; ``waits_until``: the time until which
    the retention of readings has to wait."""
    for kind, wanted in WANTED.items():
        if sum(policy.kind == kind for policy in policies) < wanted:
            yield f"a policy for {_KINDS[kind]} is missing: set them anew with SELECT apply_retention()"
    for policy in policies:
        if policy.kind == "policy_retention" and policy.table == "reading" and waits_until and waits_until > now:
            continue
        since = policy.succeeded_at or set_at
        if not policy.scheduled:
            yield f"{policy.name} is switched off: SELECT alter_job({policy.job}, scheduled => true)"
        elif policy.failed:
            yield f"{policy.name} failed: timescaledb_information.job_errors says why, by its job_id"
        elif now - since > 2 * policy.every + MARGIN:
            what = "last ran" if policy.succeeded_at else "has never run, though it is set since"
            yield (
                f"{policy.name} {what} {since:%Y-%m-%d %H:%M} UTC: do TimescaleDB's workers run? Raise"
                " max_worker_processes and timescaledb.max_background_workers and start the server anew, or as a"
                " superuser SELECT _timescaledb_functions.start_background_workers()"
            )
