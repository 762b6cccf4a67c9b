"""Check the database: reachable, of this program's schema, written to, by the same clock; and what waits in it."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from care_network.records.certificates import expiries
from care_services.rounds.running import standings
from database.address import is_local
from database.health import examine
from database.reports.doctor_rows import keep
from database.rights import checking, checkpoints
from database.rights.roles import missing_roles
from dispatch.core.faults import server_message
from dispatch.escalation import holes, status
from shouwang.doctor import open_files
from shouwang.doctor.broker import EXPIRES_SOON
from shouwang.doctor.check import Check
from shouwang.path import report

CLOCKS_DIFFER_S = 2.0
LADDER_LATE_S = 60.0
WORKER_SILENT_S = 60.0
MESSAGE_LATE_S = 120.0
LISTS_SILENT_S = 60.0
"""The lists' program tells how full its broker is every 15 s; within a minute a revoked gateway has to be out."""
LOOK_AHEAD = dt.timedelta(hours=24)
_UNITS = {"orders": "'shouwang-orders@*'", "reports": "shouwang-reports"}
"""The units whose processes make the rounds."""


def database_checks(url: str) -> Iterator[Check]:
    """Check that the server answers, has this program's schema, and speaks TLS where it is another machine."""
    health = examine(url)
    if not health.reachable:
        yield Check("database", False, "; ".join(health.findings))
        return
    if health.built is None:
        yield Check(
            "database", False, f"PostgreSQL {health.server} answers; there is no schema yet: run 'shouwang migrate'"
        )
        return
    good = f"PostgreSQL {health.server}; schema built for {health.built}"
    yield Check("database", not health.findings, "; ".join(health.findings) or good)
    yield _encrypted(url)


def content_checks(conn: psycopg.Connection[Any], now: dt.datetime) -> Iterator[Check]:
    """Check what the rows say about the services: clocks, ladders, messages, roster, quarantine, certificates."""
    yield _rights(conn)
    yield _clocks(conn)
    yield _ladders(conn)
    yield _messages(conn)
    yield _roster(conn, now)
    yield _path(conn)
    yield _rounds(conn, now)
    yield _quarantine(conn)
    yield _programs(conn)
    yield _commands(conn)
    yield from _audit(conn, now)
    late = [one for one in expiries(conn) if one.expires_at - now < EXPIRES_SOON]
    words = ", ".join(f"{one.holder} until {one.expires_at:%Y-%m-%d}" for one in late[:5])
    yield Check(
        "certificates of gateways", not late, f"{len(late)} end within 30 days: {words}" if late else "none ends"
    )


def _audit(conn: psycopg.Connection[Any], now: dt.datetime) -> Iterator[Check]:
    """Check when the audit's chain was checked last, and when its head was signed."""
    guide = "journalctl -u shouwang-maintain; docs/audit.md"
    check, signed = checking.last_check(conn), checkpoints.last_at(conn)
    if check is not None and check.faults:
        yield Check("audit", False, f"the chain is broken: {'; '.join(check.faults[:3])}; shouwang audit verify")
    elif check is None or now - check.at > checkpoints.LATE:
        text = "never checked" if check is None else f"last checked {check.at:%Y-%m-%d %H:%M} UTC"
        yield Check("audit", True, f"{text}: {guide}", warning=True)
    else:
        yield Check("audit", True, f"{check.entries:,} entries whole at {check.at:%Y-%m-%d %H:%M} UTC")
    late = signed is None or now - signed > checkpoints.LATE
    text = f"the last one is of {signed:%Y-%m-%d %H:%M} UTC" if signed else "none was signed yet"
    yield Check("checkpoint of the audit", True, f"{text}: {guide}" if late else text, warning=late)


def _rounds(conn: psycopg.Connection[Any], now: dt.datetime) -> Check:
    """Check that the rounds of care are made: visits to which nobody came, requests that wait, what ends soon."""
    found = standings(conn, now)
    still = [one for one in found if one.standing in ("late", "never")]
    failing = [one for one in found if one.standing == "failing"]
    if still:
        names = ", ".join(one.job.name for one in still)
        units = " ".join(sorted({_UNITS[one.job.service] for one in still}))
        return Check("rounds of care", False, f"not made: {names}; systemctl status {units}")
    names = "; ".join(f"{one.job.name}: {one.fault}" for one in failing)
    return Check("rounds of care", True, names or f"{len(found)} jobs, each at its time", warning=bool(failing))


def _rights(conn: psycopg.Connection[Any]) -> Check:
    """Check that each service has a role, and that the console's sees the rows of its viewer alone."""
    what, missing = "rights of the services", missing_roles(conn)
    if missing:
        how = "run 'shouwang setup' and its database.sql, then 'shouwang migrate'"
        return Check(what, False, f"no role {', '.join(missing)}: the console's pages are not bounded by rows; {how}")
    row = conn.execute("SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('public.medical_note')").fetchone()
    bound = row is not None and row[0]
    text = "a role each; rows by viewer" if bound else "services have no roles of their own here"
    return Check(what, True, text, warning=not bound)


def lists_check(conn: psycopg.Connection[Any]) -> Check:
    """Check that each broker's lists of identities are kept: the program beside it writes so every 15 s."""
    rows = conn.execute(
        "SELECT broker, extract(epoch FROM clock_timestamp() - seen_at)::float8, bytes, bound FROM broker_store"
        " ORDER BY broker"
    ).fetchall()
    what, look = "lists of the brokers", "systemctl status shouwang-lists-mosquitto (or -nats)"
    if not rows:
        return Check(what, False, f"kept beside no broker: a revoked gateway stays in; {look}")
    silent = [f"{broker} for {age:.0f} s" for broker, age, _, _ in rows if age > LISTS_SILENT_S]
    if silent:
        gone = "of a broker that is gone for good delete the row in the table broker_store"
        text = f"not kept at {', '.join(silent)}: a revoked gateway stays in; {look} there; {gone}"
        return Check(what, False, text)
    text = f"kept at {', '.join(str(row[0]) for row in rows)}"
    filling = [
        f"{broker} holds {used / 1e6:,.0f} of {bound / 1e6:,.0f} MB"
        for broker, _, used, bound in rows
        if used > bound / 2
    ]
    if filling:
        return Check(
            what, False, f"{text}; {', '.join(filling)} for services that do not fetch: do ingest and alerting work?"
        )
    return Check(what, True, text)


def sessions_check(conn: psycopg.Connection[Any]) -> Check:
    """Check that somebody bounds the sessions of each gateway beside every broker."""
    rows = conn.execute(
        "SELECT broker, extract(epoch FROM clock_timestamp() - sessions_at)::float8 FROM broker_store ORDER BY broker"
    ).fetchall()
    what = "sessions of gateways"
    unbounded = [broker for broker, age in rows if age is None or age > LISTS_SILENT_S]
    if unbounded or not rows:
        text = (
            f"nobody bounds them at {', '.join(unbounded) or 'any broker'}: the log of shouwang-lists-mosquitto"
            " (or -nats) says why; it needs svc-broker's pair (run shouwang setup) and the broker's new configuration"
            " (restart the broker)"
        )
        return Check(what, False, text)
    return Check(what, True, f"bounded at {', '.join(str(row[0]) for row in rows)}")


def files_check(conn: psycopg.Connection[Any]) -> Check:
    """Check that the broker of this machine may open a file for each gateway's connection."""
    row = conn.execute("SELECT count(*) FROM gateway").fetchone()
    return open_files.judge(open_files.limits(), row[0] if row else 0)


def write_check(conn: psycopg.Connection[Any], machine: str, rows: list[Check]) -> Check:
    """Write the rows into the database: the test write, and what the console shows."""
    try:
        written = Check("database takes writes", True, "what was found here is stored")
        keep(conn, machine, [(row.what, row.good, row.text, row.warning) for row in (*rows, written)])
    except psycopg.Error as error:
        reason = server_message(error)
        return Check("database takes writes", False, f"{reason}: is its disk full, or is it a standby?")
    return written


def _encrypted(url: str) -> Check:
    with psycopg.connect(url, connect_timeout=5) as conn:
        host, mode = conn.info.host, conn.info.get_parameters().get("sslmode", "prefer")
        row = conn.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    if row is not None and row[0]:
        verified = mode == "verify-full"
        advice = "" if verified else f"; sslmode is {mode}: anybody can pose as the server; set sslmode=verify-full"
        return Check("database connection", verified or is_local(host), f"{row[1]}{advice}")
    local = is_local(host)
    return Check("database connection", local, "without TLS" + ("" if local else ": set sslmode=verify-full"))


def _clocks(conn: psycopg.Connection[Any]) -> Check:
    before = time.time()
    row = conn.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    after = time.time()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    by = (before + after) / 2 - row[0]
    good = abs(by) <= CLOCKS_DIFFER_S + (after - before) / 2
    words = f"this machine's and the database's differ by {abs(by):.1f} s"
    return Check("clocks", good, words if good else f"{words}: which one is wrong? NTP on both: chronyc tracking")


def _ladders(conn: psycopg.Connection[Any]) -> Check:
    alive = [worker for worker in status.workers(conn) if worker.age_s < WORKER_SILENT_S]
    late = status.oldest_overdue_s(conn)
    if not alive:
        return Check(
            "ladders", False, "no dispatch service works: nobody is called. systemctl start shouwang-dispatch@0"
        )
    if late > LADDER_LATE_S:
        return Check("ladders", False, f"a step is {late:.0f} s late, though {len(alive)} dispatch services work")
    return Check("ladders", True, f"{', '.join(worker.name for worker in alive)} climb; no step is late")


def _messages(conn: psycopg.Connection[Any]) -> Check:
    row = conn.execute(
        """
        SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float8 FROM (
            SELECT due_at FROM notification WHERE state = 'waiting' AND message_id IS NULL
            UNION ALL SELECT due_at FROM message WHERE state = 'waiting'
        ) waiting WHERE due_at < clock_timestamp()
        """
    ).fetchone()
    number, late = row or (0, 0.0)
    failed = conn.execute(
        "SELECT count(*) FROM message WHERE state = 'failed' AND created_at > now() - interval '1 hour'"
    ).fetchone()
    if late > MESSAGE_LATE_S:
        return Check("messages", False, f"{number} wait, the oldest {late:.0f} s: does shouwang-notify@0 work?")
    if failed is not None and failed[0]:
        return Check("messages", False, f"{failed[0]} reached nobody within the last hour: shouwang notify check")
    return Check("messages", True, "none waits")


def _roster(conn: psycopg.Connection[Any], now: dt.datetime) -> Check:
    found = holes.load(conn, now, now + LOOK_AHEAD)
    if found:
        return Check("roster", False, f"{len(found)} hole(s) within 24 h, the first: {found[0].text_en}")
    homes = conn.execute("SELECT count(*) FROM household WHERE NOT synthetic").fetchone()
    return Check("roster", True, f"somebody is on duty for {homes[0] if homes else 0} homes in the next 24 h")


def _path(conn: psycopg.Connection[Any]) -> Check:
    found = report.load(conn)
    fault = found.fault[1]
    if fault and not found.beginning:
        return Check("path", False, f"{fault}; see: shouwang path")
    return Check("path", True, fault or f"proved {found.proved_s:.0f} s ago, up to the receipt", warning=bool(fault))


def _quarantine(conn: psycopg.Connection[Any]) -> Check:
    row = conn.execute(
        "SELECT count(*) FROM quarantine WHERE settled_at IS NULL AND last_at > now() - interval '1 day'"
    ).fetchone()
    number = row[0] if row else 0
    text = f"{number} entries of the last day wait for a decision: shouwang quarantine list"
    return Check("quarantine", True, text if number else "nothing of the last day", warning=number > 0)


def _commands(conn: psycopg.Connection[Any]) -> Check:
    """Check that no gateway has refused commands; one that takes unsigned ones is told, and no fault."""
    rows = conn.execute(
        """
        SELECT g.name, coalesce((g.status->>'signed_commands')::bigint, 0),
            coalesce((g.status->>'refused_commands')::bigint, 0)
        FROM gateway g LEFT JOIN household h ON h.id = g.household_id
        WHERE g.status IS NOT NULL AND NOT coalesce(h.synthetic, false) ORDER BY g.name
        """
    ).fetchall()
    what = "commands to gateways"
    unsigned = sum(services == 0 for _, services, _ in rows)
    refused = [f"{name} ({number})" for name, _, number in rows if number]
    text = f"{unsigned} of {len(rows)} gateways know no key and take unsigned ones" if unsigned else "signed"
    if refused:
        some = ", ".join(refused[:5])
        text = f"refused by {some}: forged, or its [commands] does not fit keys/commands.toml; {text}"
    return Check(what, not refused, text, warning=bool(unsigned))


def _programs(conn: psycopg.Connection[Any]) -> Check:
    what = "programs of gateways"
    if conn.execute("SELECT to_regclass('program_offer')").fetchone() == (None,):
        return Check(what, True, "the schema is older: shouwang migrate")
    row = conn.execute(
        """
        SELECT r.release, r.version, r.ring, r.rings, r.stopped, r.ended_at IS NULL, count(*),
            count(*) FILTER (WHERE o.state = 'running'), count(*) FILTER (WHERE o.state = 'waiting')
        FROM program_rollout r JOIN program_offer o USING (version) GROUP BY r.version ORDER BY r.version DESC LIMIT 1
        """
    ).fetchone()
    if row is None:
        return Check(what, True, "none was offered from here")
    release, version, ring, rings, stopped, going, all_of_them, running, waiting = row
    text = f"{running} of {all_of_them} run {release} ({version}), {waiting} wait"
    if stopped:
        return Check(what, False, f"{text}; stopped: {stopped}. Look: shouwang gateways programs --as LOGIN")
    text += f"; ring {ring} of {rings}: 'shouwang gateways update' carries it on" if going else ""
    return Check(what, True, text, warning=going)
