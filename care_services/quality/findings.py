"""Findings of checks: mended by the provider until a day, closed only after somebody else has looked again."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action, in_area, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.employment import employment_of
from care_services.quality import rules
from care_services.quality.checklists import Kind

LIMIT = 50


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as lists show it."""

    id: int
    check_id: int
    kind: Kind
    list: str
    item: str
    organisation_id: int
    organisation: str
    organisation_zh: str
    organisation_en: str
    area_path: str
    severity: str
    words: str
    responsible: str
    due_on: dt.date
    state: str
    found_at: dt.datetime | None
    found_by: int | None
    found_by_name: str | None
    found_by_en: str | None
    mended_at: dt.datetime | None
    mended_by: int | None
    closed_at: dt.datetime | None
    version: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step in the history of a finding."""

    at: dt.datetime
    who: str | None
    who_en: str | None
    kind: str
    words: str


_SELECT: LiteralString = """
    SELECT f.id, f.check_id, c.kind, c.list, f.item, f.organisation_id, o.code AS organisation,
           o.name_zh AS organisation_zh, o.name_en AS organisation_en, f.area_path::text AS area_path, f.severity,
           f.words, f.responsible, f.due_on, f.state, c.done_at AS found_at, c.account_id AS found_by,
           w.name_zh AS found_by_name, w.name_en AS found_by_en, f.mended_at, f.mended_by, f.closed_at, f.version
    FROM quality_finding f JOIN quality_check c ON c.id = f.check_id JOIN organisation o ON o.id = f.organisation_id
    LEFT JOIN account w ON w.id = c.account_id
"""


def listing(
    conn: Connection[Any], acting: Acting, view: str = "open", provider: str = "", after: str = "", limit: int = LIMIT
) -> list[Found]:
    """Findings of the account's area by key, the one due first: 'open', 'overdue', 'mended', 'closed'."""
    acting.require(Action.VIEW_CARE)
    day, number = _key(after)
    query: LiteralString = _SELECT + " WHERE f.area_path <@ %(area)s::ltree AND (%(of)s = '' OR o.code = %(of)s)"
    match view:
        case "overdue":
            query += " AND f.state <> 'closed' AND f.due_on < %(today)s"
        case "mended":
            query += " AND f.state = 'mended'"
        case "closed":
            query += " AND f.state = 'closed'"
        case _:
            query += " AND f.state <> 'closed'"
    if view == "closed":
        query += (
            " AND (%(day)s::date IS NULL OR (f.due_on, f.id) < (%(day)s, %(id)s)) ORDER BY f.due_on DESC, f.id DESC"
        )
    else:
        query += " AND (%(day)s::date IS NULL OR (f.due_on, f.id) > (%(day)s, %(id)s)) ORDER BY f.due_on, f.id"
    asked = {"area": acting.account.area_path, "of": provider, "today": acting.today, "day": day, "id": number,
             "limit": limit + 1}  # fmt: skip
    with conn.cursor(row_factory=class_row(Found)) as cursor:
        return cursor.execute(query + " LIMIT %(limit)s", asked).fetchall()


def key_of(one: Found) -> str:
    """The key after which the next page of a list begins."""
    return f"{one.due_on}~{one.id}"


def _key(after: str) -> tuple[dt.date | None, int]:
    if not after:
        return None, 0
    day, _, number = after.partition("~")
    try:
        return dt.date.fromisoformat(day), int(number)
    except ValueError:
        raise ProvisioningError(en="this page of the list is gone", zh="列表的这一页已失效", field="after") from None


def counts(conn: Connection[Any], acting: Acting) -> tuple[int, int, int, int]:
    """(open findings, overdue ones, to be looked at again, planned checks that are overdue) in the account's area."""
    row = conn.execute(
        "SELECT count(*), count(*) FILTER (WHERE due_on < %(today)s), count(*) FILTER (WHERE state = 'mended'),"
        " (SELECT count(*) FROM quality_check WHERE state = 'planned' AND due_on < %(today)s"
        "  AND area_path <@ %(area)s::ltree)"
        " FROM quality_finding WHERE state <> 'closed' AND area_path <@ %(area)s::ltree",
        {"today": acting.today, "area": acting.account.area_path},
    ).fetchone()
    return (0, 0, 0, 0) if row is None else (int(row[0]), int(row[1]), int(row[2]), int(row[3]))


def load(conn: Connection[Any], acting: Acting, number: int) -> tuple[Found, list[Step]]:
    """A finding and its history. Raises NotFoundError."""
    acting.require(Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Found)) as cursor:
        found = cursor.execute(_SELECT + " WHERE f.id = %s", (number,)).fetchone()
    if found is None or not in_area(acting.account, found.area_path):
        raise NotFoundError(en="there is no such finding", zh="没有这个问题")
    with conn.cursor(row_factory=class_row(Step)) as cursor:
        steps = cursor.execute(
            "SELECT e.at, a.name_zh AS who, a.name_en AS who_en, e.kind, e.words FROM quality_event e"
            " LEFT JOIN account a ON a.id = e.account_id WHERE e.finding_id = %s ORDER BY e.id",
            (number,),
        ).fetchall()
    return found, steps


def mend_refusal(conn: Connection[Any], acting: Acting, of: Found) -> tuple[str, str] | None:
    """Say why this account may not report it mended; None: it may."""
    if may_do(acting.account, Action.INSPECT):
        return None
    if employment_of(conn, acting.account).organisation_id == of.organisation_id:
        return None
    return "由被检查机构或检查人员报告整改", "the provider's own people report it mended, or who inspects"


def recheck_refusal(conn: Connection[Any], acting: Acting, of: Found) -> tuple[str, str] | None:
    """Say why this account may not look again; None: it may."""
    if not may_do(acting.account, Action.INSPECT):
        return "您的角色不做检查", "your role makes no checks"
    asked = rules.Finding(kind=of.kind, provider=of.organisation_id, found_by=of.found_by, mended_by=of.mended_by)
    return rules.recheck_refusal(employment_of(conn, acting.account), acting.account.id, asked)


def act(conn: Connection[Any], acting: Acting, number: int, step: str, text: str, version: int) -> Found:
    """Take a step: 'mended' (open → to be looked at again), then 'closed' or 'not_mended' by another person.

    Raises ProvisioningError, NotPermittedError, NotFoundError, ChangedMeanwhileError.
    """
    found, _ = load(conn, acting, number)
    wanted = {"mended": "open", "closed": "mended", "not_mended": "mended"}.get(step)
    if wanted != found.state:
        raise ProvisioningError(
            en="this cannot follow: only what was mended is looked at again, and only then it is closed",
            zh="不能这样操作：先整改，再复查，复查合格才能销号",
        )
    why = (mend_refusal if step == "mended" else recheck_refusal)(conn, acting, found)
    if why is not None:
        raise NotPermittedError(zh=why[0], en=why[1])
    _take(conn, acting, number, step, text, version)
    return found


def mend_own(
    conn: Connection[Any], acting: Acting, number: int, organisation_id: int, text: str, version: int
) -> None:  # fmt: skip
    """Report a finding at one's own organisation mended; the caller knows that it is theirs. Raises as :func:`act`."""
    row = conn.execute(
        "SELECT state FROM quality_finding WHERE id = %s AND organisation_id = %s", (number, organisation_id)
    ).fetchone()
    if row is None:
        raise NotFoundError(en="there is no such finding", zh="没有这个问题")
    if row[0] != "open":
        raise ChangedMeanwhileError(en="this was reported or closed already", zh="该问题已报告整改或已销号，请刷新查看")
    _take(conn, acting, number, "mended", text, version)


def _take(conn: Connection[Any], acting: Acting, number: int, step: str, text: str, version: int) -> None:
    if len(text.strip()) < 2:
        raise ProvisioningError(en="write what was done or seen", zh="请写明整改或复查情况", field="words")
    state = {"mended": "mended", "closed": "closed", "not_mended": "open"}[step]
    with conn.transaction():
        done = conn.execute(
            """
            UPDATE quality_finding SET state = %(state)s, version = version + 1,
                mended_at = CASE WHEN %(state)s = 'mended' THEN %(at)s WHEN %(state)s = 'closed' THEN mended_at END,
                mended_by = CASE WHEN %(state)s = 'mended' THEN %(me)s WHEN %(state)s = 'closed' THEN mended_by END,
                closed_at = CASE WHEN %(state)s = 'closed' THEN %(at)s END,
                closed_by = CASE WHEN %(state)s = 'closed' THEN %(me)s END
            WHERE id = %(id)s AND version = %(version)s
            """,
            {"state": state, "at": acting.at, "me": acting.account.id, "id": number, "version": version},
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else took a step meanwhile: look at it, then decide anew",
                zh="他人刚刚处理了这个问题，请先查看再决定",
            )
        conn.execute(
            "INSERT INTO quality_event (finding_id, at, account_id, kind, words) VALUES (%s, %s, %s, %s, %s)",
            (number, acting.at, acting.account.id, step, text.strip()[:1000]),
        )
        acting.audit(conn, "handle_finding", None, number=number, step=step)
