"""Remind people of versions that they should have read by now, and of courses whose certificate ends."""

import datetime as dt
from typing import Any, LiteralString

from psycopg import Connection

from care_services.core.notices import Notice, keep_only, tell_all, to_account

UNREAD, COURSE = "document_unread", "course_due"
STEPS = (30, 7, 0)
"""Days before the last day of a course's certificate."""
BATCH = 2000
_UNREAD: LiteralString = """
    WITH late AS MATERIALIZED (
        SELECT * FROM (
            SELECT DISTINCT ON (d.id) d.code, d.title_zh, d.title_en, d.roles, d.area, d.organisations, v.id, v.number,
                   v.valid_from + d.read_days AS due
            FROM library_document d JOIN library_version v ON v.document_id = d.id AND v.valid_from <= %(today)s
            WHERE d.retired_at IS NULL ORDER BY d.id, v.valid_from DESC, v.number DESC
        ) newest WHERE due < %(today)s),
    unread AS MATERIALIZED (
        SELECT l.code, l.title_zh, l.title_en, l.number, l.due, a.id AS account_id,
               l.code || ':' || l.number || ':' || a.id AS key
        FROM late l JOIN account a ON a.active AND a.role = ANY (l.roles) AND a.area_path <@ l.area
            AND (l.organisations = '{}' OR EXISTS (SELECT FROM staff s
                 WHERE s.account_id = a.id AND s.active AND s.organisation_id = ANY (l.organisations)))
        WHERE NOT EXISTS (SELECT FROM library_read r WHERE r.version_id = l.id AND r.account_id = a.id))
    SELECT u.key, u.code, u.title_zh, u.title_en, u.number, u.due, u.account_id,
           EXISTS (SELECT FROM care_notice n WHERE n.kind = 'document_unread' AND n.key = u.key)
    FROM unread u
"""
_ENDING: LiteralString = """
    SELECT c.number || ':' || step.days, k.code, c.title_zh, c.title_en, c.expires_on, c.account_id
    FROM course_certificate c JOIN course k ON k.id = c.course_id AND k.retired_at IS NULL
    JOIN account a ON a.id = c.account_id AND a.active
    JOIN LATERAL (SELECT min(d) AS days FROM unnest(%(steps)s::integer[]) d WHERE d >= c.expires_on - %(today)s) step
        ON step.days IS NOT NULL
    WHERE c.revoked_at IS NULL AND c.expires_on BETWEEN %(today)s AND %(today)s + %(most)s
      AND NOT EXISTS (SELECT FROM course_certificate newer WHERE newer.account_id = c.account_id
                      AND newer.course_id = c.course_id AND newer.id > c.id AND newer.revoked_at IS NULL)
"""


_STANDING: LiteralString = """
    SELECT md5(coalesce(string_agg(concat_ws('|', v.id, v.valid_from, d.read_days, d.roles, d.area, d.organisations),
                                   ',' ORDER BY v.id), '')),
           (SELECT md5(coalesce(string_agg(concat_ws('|', a.id, a.role, a.area_path, s.organisation_id), ','
                                           ORDER BY a.id, s.id), ''))
            FROM account a LEFT JOIN staff s ON s.account_id = a.id AND s.active WHERE a.active)
    FROM library_document d JOIN library_version v ON v.document_id = d.id
    WHERE d.retired_at IS NULL AND v.valid_from <= %(today)s AND v.valid_from + d.read_days < %(today)s
"""
"""Everything that makes somebody late with reading: late versions and for whom, and accounts; who reads is not told."""
_SEEN: dict[str, tuple[Any, ...]] = {}
"""By database: how it stood at the last whole look; each reader of each version is looked at after a change alone."""


def unread_key(code: str, number: int, account: int) -> str:
    """The key of the notice that somebody has not read a version."""
    return f"{code}:{number}:{account}"


def tell_due(conn: Connection[Any], today: dt.date, now: dt.datetime) -> int:
    """Tell who is late with reading, and whose course certificate ends; how many notices are new. Safe to repeat."""
    with conn.transaction():
        return _unread(conn, today, now) + _ending(conn, today, now)


def _unread(conn: Connection[Any], today: dt.date, now: dt.datetime) -> int:
    def standing() -> tuple[Any, ...]:
        return conn.execute(_STANDING, {"today": today}).fetchone() or ()

    if standing() == _SEEN.get(conn.info.dbname):
        return 0
    rows = conn.execute(_UNREAD, {"today": today}).fetchall()
    told = [
        Notice(
            to=to_account(account), key=key, due=now, link=f"/care/documents/{code}",
            zh=f"《{title_zh}》第 {number} 版应在 {due} 前阅读确认，请阅读。",
            en=f"'{title_en or title_zh}', version {number}, was to be read and confirmed until {due}.",
        )
        for key, code, title_zh, title_en, number, due, account, known in rows if not known
    ]  # fmt: skip
    done = sum(tell_all(conn, UNREAD, told[at : at + BATCH], now) for at in range(0, len(told), BATCH))
    keep_only(conn, UNREAD, [row[0] for row in rows])
    _SEEN[conn.info.dbname] = standing()
    return done


def _ending(conn: Connection[Any], today: dt.date, now: dt.datetime) -> int:
    rows = conn.execute(_ENDING, {"today": today, "steps": list(STEPS), "most": STEPS[0]}).fetchall()
    told = [
        Notice(
            to=to_account(account), key=key, due=now, link=f"/care/courses/{code}",
            zh=f"课程“{title_zh}”的证书最后有效日为 {ends}，请重新学习并考试。",
            en=f"Your certificate of the course '{title_en}' ends on {ends}: take the course again.",
        )
        for key, code, title_zh, title_en, ends, account in rows
    ]  # fmt: skip
    done = tell_all(conn, COURSE, told, now) if told else 0
    keep_only(conn, COURSE, [row[0] for row in rows])
    return done
