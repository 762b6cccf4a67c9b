"""Examine the database for ``shouwang doctor``, and the intake for the console's page of operations."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from database.grade import Grade, grade_advice, schema_grade, server_grade
from database.migrate import encoding_advice, newest_revision, revision
from database.storage import examine_storage

OLDEST_SERVER = 15_00_00
"""As ``server_version_num``."""


class Health(msgspec.Struct, frozen=True):
    """The state of the database; ``findings`` are for a person, each says what is wrong and what to do."""

    reachable: bool
    server: str = ""
    """'18.6'"""
    built: Grade | None = None
    offered: Grade | None = None
    findings: tuple[str, ...] = ()


def examine(url: str) -> Health:
    """Examine the database without changing it. A database that is away or outdated is a finding, not an error."""
    findings = []
    try:
        with psycopg.connect(url, connect_timeout=5, application_name="shouwang-doctor") as conn:
            wrong = encoding_advice(conn)
            if wrong:
                return Health(True, findings=(wrong,))
            number, version = conn.info.server_version, conn.execute("SHOW server_version").fetchone()
            built, offered = schema_grade(conn), server_grade(conn)
            have, want = revision(url), newest_revision()
            if number < OLDEST_SERVER:
                findings.append(f"PostgreSQL {number // 10000} is too old: use 15 or newer")
            if have is None:
                findings.append("there is no schema yet: run 'shouwang migrate'")
            elif have != want:
                findings.append(f"the schema is at {have}, this program brings {want}: run 'shouwang migrate'")
            elif built is not None:
                findings += examine_storage(conn, dt.datetime.now(dt.UTC)).findings
            advice = grade_advice(built, offered) if built is not None else None
            if advice:
                findings.append(advice)
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                row = conn.execute("SELECT current_setting(%s)", (setting,)).fetchone()
                if row is not None and row[0] == "off":
                    findings.append(f"{setting} is off: what was stored can be lost at a power cut; switch it on")
    except psycopg.Error as error:
        return Health(False, findings=(f"the database does not answer: {str(error).strip()}",))
    return Health(True, str(version[0]).split()[0] if version else "", built, offered, tuple(findings))


def intake(conn: psycopg.Connection[Any], households: Collection[int]) -> dict[str, list[dict[str, Any]]]:
    """The state of the intake in these households: gateways by state, gaps, the newest of the quarantine.

    Entries that name no gateway of the registry are nobody's household, and are left out.
    """
    among = sorted(households)
    with conn.cursor(row_factory=dict_row) as cursor:
        gateways = cursor.execute(
            "SELECT state, count(*) AS n FROM gateway WHERE household_id = ANY(%s) GROUP BY state ORDER BY state",
            (among,),
        ).fetchall()
        gaps = cursor.execute(
            """
            SELECT g.name AS gateway, i.stream, i.high, i.gaps::text AS gaps, i.updated_at FROM ingest_stream i
            JOIN gateway g ON g.id = i.gateway_id
            WHERE NOT isempty(i.gaps) AND g.household_id = ANY(%s) ORDER BY i.updated_at DESC LIMIT 50
            """,
            (among,),
        ).fetchall()
        quarantine = cursor.execute(
            """
            SELECT id, first_at, last_at, times, gateway, code, reason, size FROM quarantine
            WHERE settled_at IS NULL
              AND gateway IN (SELECT name FROM gateway WHERE household_id = ANY(%s)) ORDER BY last_at DESC LIMIT 100
            """,
            (among,),
        ).fetchall()
    return {"gateways": gateways, "gaps": gaps, "quarantine": quarantine}
