"""A provider's own record: settlements of its months, complaints about it, and what checks found."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core.acting import Acting
from care_services.providers import desk
from care_services.quality import findings

MOST = 50


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A settled month; money in fen."""

    number: str
    month: dt.date
    visits: int
    minutes: int
    amount_fen: int
    subsidy_fen: int
    own_fen: int
    corrections: int
    correction_fen: int


class AboutUs(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint about the provider: nothing of who complained, and whose care it is about. ``answer``: the latest."""

    code: str
    received_at: dt.datetime
    about: str
    category: str
    severity: str
    words: str
    state: str
    due_at: dt.datetime
    answer: str | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of a check at the provider."""

    id: int
    version: int
    item: str
    list: str
    edition: int
    kind: str
    severity: str
    words: str
    responsible: str
    due_on: dt.date
    state: str


def settlements(conn: Connection[Any], acting: Acting) -> list[Settled]:
    """The settled months, the latest first, three years at most."""
    mine = desk.of(conn, acting)
    with conn.cursor(row_factory=class_row(Settled)) as cursor:
        return cursor.execute(
            "SELECT number, month, visits, minutes, amount_fen, subsidy_fen, own_fen, corrections, correction_fen"
            " FROM settlement WHERE organisation_id = %s ORDER BY month DESC LIMIT 36",
            (mine.id,),
        ).fetchall()


def complaints(conn: Connection[Any], acting: Acting) -> list[AboutUs]:
    """The complaints about the provider, the latest first; the look is audited."""
    mine = desk.of(conn, acting)
    acting.audit(conn, "view_complaint", None, what=mine.code)
    with conn.cursor(row_factory=class_row(AboutUs)) as cursor:
        return cursor.execute(
            "SELECT c.code, c.received_at, c.about, c.category, c.severity, c.words, c.state, c.due_at,"
            " (SELECT e.words FROM complaint_event e WHERE e.complaint = c.code AND e.kind = 'answered'"
            "  ORDER BY e.id DESC LIMIT 1) AS answer"
            " FROM complaint c WHERE c.organisation_id = %s ORDER BY c.received_at DESC LIMIT %s",
            (mine.id, MOST),
        ).fetchall()


def found(conn: Connection[Any], acting: Acting) -> list[Finding]:
    """The findings of checks at the provider: those that are open first, the one due first."""
    mine = desk.of(conn, acting)
    with conn.cursor(row_factory=class_row(Finding)) as cursor:
        return cursor.execute(
            "SELECT f.id, f.version, f.item, k.list, k.edition, k.kind, f.severity, f.words, f.responsible, f.due_on,"
            " f.state FROM quality_finding f JOIN quality_check k ON k.id = f.check_id"
            " WHERE f.organisation_id = %s ORDER BY f.state = 'closed', f.due_on, f.id LIMIT %s",
            (mine.id, MOST),
        ).fetchall()


def mend(conn: Connection[Any], acting: Acting, number: int, text: str, version: int) -> None:
    """Report that a finding is mended: somebody else looks again before it is closed. Raises as ``findings.act``."""
    findings.mend_own(conn, acting, number, desk.of(conn, acting).id, text, version)
