"""Providers with what checks said of them: scores over time, each with how much was looked at."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action, in_area
from care_network.errors import NotFoundError
from care_services.core.acting import Acting
from care_services.quality.checklists import lists
from care_services.quality.rules import rate

YEARS = dt.timedelta(days=3 * 366)
MOST = 200
FEW = 10
"""Items below which a share says little: it is shown with its number, and pale."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider in the list, with the sums of a year's checks."""

    id: int
    code: str
    name_zh: str
    name_en: str
    kind: str
    area_path: str
    checks: int
    passed: int
    failed: int
    open: int
    """Findings that are not closed."""
    overdue: int
    last: dt.datetime | None

    @property
    def rate(self) -> float | None:
        """The share of what was looked at that passed; None: nothing was."""
        return rate(self.passed, self.failed)

    @property
    def n(self) -> int:
        """Items that were looked at."""
        return self.passed + self.failed


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One check of a provider."""

    id: int
    kind: str
    list: str
    done_at: dt.datetime
    who: str | None
    who_en: str | None
    passed: int
    failed: int
    not_seen: int

    @property
    def rate(self) -> float | None:
        """The share of what was looked at that passed."""
        return rate(self.passed, self.failed)


def _kinds() -> list[str]:
    return sorted({kind for one in lists().values() for kind in one.providers})


def providers(conn: Connection[Any], acting: Acting, code: str = "") -> list[Provider]:
    """The providers of the account's area, those with overdue findings first; ``code``: that one alone."""
    acting.require(Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Provider)) as cursor:
        return cursor.execute(
            """
            SELECT o.id, o.code, o.name_zh, o.name_en, o.kind, a.path::text AS area_path,
                   coalesce(c.checks, 0) AS checks, coalesce(c.passed, 0) AS passed, coalesce(c.failed, 0) AS failed,
                   coalesce(f.open, 0) AS open, coalesce(f.overdue, 0) AS overdue, c.last
            FROM organisation o JOIN area a ON a.id = o.area_id
            LEFT JOIN LATERAL (
                SELECT count(*) AS checks, sum(passed)::int AS passed, sum(failed)::int AS failed, max(done_at) AS last
                FROM quality_check WHERE organisation_id = o.id AND state = 'done' AND done_at > %(since)s) c ON true
            LEFT JOIN LATERAL (
                SELECT count(*) AS open, count(*) FILTER (WHERE due_on < %(today)s) AS overdue
                FROM quality_finding WHERE organisation_id = o.id AND state <> 'closed') f ON true
            WHERE o.kind = ANY (%(kinds)s) AND o.active AND a.path <@ %(area)s::ltree
              AND (%(code)s = '' OR o.code = %(code)s)
            ORDER BY overdue DESC, open DESC, o.code LIMIT %(most)s
            """,
            {
                "since": acting.at - dt.timedelta(days=365), "today": acting.today, "kinds": _kinds(),
                "area": acting.account.area_path, "code": code, "most": MOST,
            },
        ).fetchall()  # fmt: skip


def provider(conn: Connection[Any], acting: Acting, code: str) -> tuple[Provider, list[Score]]:
    """A provider and its checks, the newest first, 100 at most. Raises NotFoundError."""
    found = next(iter(providers(conn, acting, code)), None)
    if found is None or not in_area(acting.account, found.area_path):
        raise NotFoundError(en="there is no such provider in your area", zh="您的辖区内没有这个机构")
    with conn.cursor(row_factory=class_row(Score)) as cursor:
        scores = cursor.execute(
            "SELECT c.id, c.kind, c.list, c.done_at, w.name_zh AS who, w.name_en AS who_en, c.passed, c.failed,"
            " c.not_seen FROM quality_check c LEFT JOIN account w ON w.id = c.account_id"
            " WHERE c.organisation_id = %s AND c.state = 'done' AND c.done_at > %s ORDER BY c.done_at DESC LIMIT 100",
            (found.id, acting.at - YEARS),
        ).fetchall()
    return found, scores
