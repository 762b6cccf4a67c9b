"""Certificates that end: who has to see to them, and the reminders 90, 30 and 7 days before and on the day.

The list is made of the certificates themselves, so that it never lags. A reminder is a row that says that this step was
reached; the person and who manages the employer are told of it by a notice (:mod:`care_services.core.notices`).
"""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action, in_area
from care_network.catalogues.workforce import CERTIFICATES, ROLES
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.connected import Connected
from care_services.core.notices import Notice, To, keep_only, tell_all, to_account, to_staff
from care_services.workforce.terms import LASTING, REMIND, SOON

LIMIT = 50
KIND, BATCH = "certificate_ends", 2000
MOST_WORDS = 300
FILTERS = ("expired", "7", "30", "90", "unknown", "missing")


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate in the list."""

    staff_id: int
    staff: str
    name_zh: str
    name_en: str
    role: str
    organisation_zh: str
    organisation_en: str
    kind: str
    number: str
    expires_on: dt.date | None
    reminder: int | None
    """The newest reminder of it."""
    taken_at: dt.datetime | None
    taken_name: str | None
    opened_at: dt.datetime | None
    """When it was last opened again after somebody saw to it, by whom and why."""
    opened_name: str | None
    opened_reason: str
    key: str
    """Where the list goes on after this line."""


_ENDING: LiteralString = """
    SELECT s.id AS staff_id, s.code AS staff, s.name_zh, s.name_en, s.kind AS role, o.name_zh AS organisation_zh,
           o.name_en AS organisation_en, c.kind, c.number, c.expires_on, m.id AS reminder, m.taken_at, m.taken_name,
           m.opened_at, m.opened_name, coalesce(m.opened_reason, '') AS opened_reason,
           coalesce(c.expires_on, '9999-12-31')::text || '~' || s.code || '~' || c.kind AS key
    FROM staff_certificate c JOIN staff s ON s.id = c.staff_id JOIN organisation o ON o.id = s.organisation_id
    JOIN area a ON a.id = o.area_id
    LEFT JOIN LATERAL (
        SELECT id, taken_at, taken_name, opened_at, opened_name, opened_reason FROM certificate_reminder m
        WHERE m.staff_id = c.staff_id AND m.kind = c.kind AND m.expires_on = c.expires_on
        ORDER BY m.days LIMIT 1) m ON true
    WHERE s.active AND a.path <@ %(area)s::ltree
      AND (coalesce(c.expires_on, '9999-12-31'), s.code, c.kind) > (%(day)s, %(staff)s, %(kind)s)
"""
_BY: dict[str, LiteralString] = {
    "expired": " AND c.expires_on < %(today)s",
    "7": " AND c.expires_on BETWEEN %(today)s AND %(today)s + 7",
    "30": " AND c.expires_on BETWEEN %(today)s AND %(today)s + 30",
    "90": " AND c.expires_on BETWEEN %(today)s AND %(today)s + 90",
    "unknown": " AND c.expires_on IS NULL AND c.kind <> ALL (%(lasting)s)",
}
_MISSING: LiteralString = """
    SELECT s.id AS staff_id, s.code AS staff, s.name_zh, s.name_en, s.kind AS role, o.name_zh AS organisation_zh,
           o.name_en AS organisation_en, n.kind, '' AS number, NULL::date AS expires_on, NULL::bigint AS reminder,
           NULL::timestamptz AS taken_at, NULL AS taken_name, NULL::timestamptz AS opened_at, NULL AS opened_name,
           '' AS opened_reason, '9999-12-31~' || s.code || '~' || n.kind AS key
    FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
    JOIN unnest(%(roles)s::text[], %(needed)s::text[]) AS n (role, kind) ON n.role = s.kind
    WHERE s.active AND a.path <@ %(area)s::ltree AND (s.code, n.kind) > (%(staff)s, %(kind)s)
      AND NOT EXISTS (SELECT FROM staff_certificate c WHERE c.staff_id = s.id AND c.kind = n.kind)
"""
_COUNTS: LiteralString = """
    SELECT (count(*) FILTER (WHERE c.expires_on < %(today)s))::integer,
           (count(*) FILTER (WHERE c.expires_on BETWEEN %(today)s AND %(today)s + 7))::integer,
           (count(*) FILTER (WHERE c.expires_on BETWEEN %(today)s AND %(today)s + 30))::integer,
           (count(*) FILTER (WHERE c.expires_on BETWEEN %(today)s AND %(today)s + 90))::integer,
           (count(*) FILTER (WHERE c.expires_on IS NULL AND c.kind <> ALL (%(lasting)s)))::integer
    FROM staff_certificate c JOIN staff s ON s.id = c.staff_id JOIN organisation o ON o.id = s.organisation_id
    JOIN area a ON a.id = o.area_id WHERE s.active AND a.path <@ %(area)s::ltree
"""
_UNTOLD: LiteralString = """
    SELECT m.id, s.code, s.name_zh, s.name_en, m.kind, m.expires_on, m.days,
           array_remove(coalesce(nullif(ARRAY(
               SELECT b.account_id FROM staff b WHERE b.organisation_id = s.organisation_id AND b.active
                 AND b.kind = 'manager' AND b.account_id IS NOT NULL ORDER BY b.id), '{}'),
             ARRAY(SELECT k.id FROM account k WHERE k.active AND k.role = 'manager' AND k.area_path @> a.path
                   ORDER BY nlevel(k.area_path) DESC, k.id LIMIT 1)), s.account_id) AS managers
    FROM certificate_reminder m JOIN staff s ON s.id = m.staff_id AND s.active
    JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
    JOIN staff_certificate c ON c.staff_id = m.staff_id AND c.kind = m.kind AND c.expires_on = m.expires_on
    WHERE m.sent_at IS NULL ORDER BY m.id LIMIT %(most)s
"""
_HOLDING: LiteralString = """
    SELECT s.code || ':' || m.kind || ':' || m.expires_on || ':' || m.days
    FROM certificate_reminder m JOIN staff s ON s.id = m.staff_id AND s.active
    JOIN staff_certificate c ON c.staff_id = m.staff_id AND c.kind = m.kind AND c.expires_on = m.expires_on
"""


def listing(acting: Connected, which: str, after: str = "") -> list[Ending]:
    """Certificates of the account's area that ended, end within so many days, have no last day, or are missing.

    By last day, staff code and kind, LIMIT + 1 of them. ``which``: one of FILTERS; ``after``: the key of the last line.
    """
    acting.require(Action.VIEW_CARE)
    day, _, rest = after.partition("~")
    staff, _, kind = rest.partition("~")
    asks = {**_asks(acting), "day": _day(day), "staff": staff, "kind": kind, "most": LIMIT + 1}
    if which == "missing":
        query = _MISSING + " ORDER BY s.code, n.kind LIMIT %(most)s"
    else:
        query = _ENDING + _BY[which] + " ORDER BY coalesce(c.expires_on, '9999-12-31'), s.code, c.kind LIMIT %(most)s"
    with acting.conn.cursor(row_factory=class_row(Ending)) as cursor:
        return cursor.execute(query, asks).fetchall()


def counts(acting: Connected) -> dict[str, int]:
    """How many there are of each, by FILTERS."""
    found = acting.conn.execute(_COUNTS, _asks(acting)).fetchone() or (0, 0, 0, 0, 0)
    missing = acting.conn.execute(
        f"SELECT count(*)::integer FROM ({_MISSING}) AS missing",  # noqa: S608 - of constants
        {**_asks(acting), "staff": "", "kind": ""},
    ).fetchone()
    return dict(zip(FILTERS, (*found, missing[0] if missing else 0), strict=True))


def own(acting: Connected) -> list[tuple[str, dt.date]]:
    """One's own certificates that ended or end within 90 days: (kind, last day)."""
    return acting.conn.execute(
        "SELECT c.kind, c.expires_on FROM staff_certificate c JOIN staff s ON s.id = c.staff_id"
        " WHERE s.account_id = %s AND s.active AND c.expires_on <= %s ORDER BY c.expires_on",
        (acting.account.id, acting.today + dt.timedelta(days=SOON)),
    ).fetchall()


def write_due(conn: Connection[Any], today: dt.date, now: dt.datetime) -> int:
    """Write the reminders that are due: one for each certificate, of the nearest step; gives how many are new.

    Safe to repeat. A certificate that was renewed has another last day, and reminders of its own.
    """
    done = conn.execute(
        """
        INSERT INTO certificate_reminder (staff_id, kind, expires_on, days, made_at)
        SELECT c.staff_id, c.kind, c.expires_on, step.days, %(now)s
        FROM staff_certificate c JOIN staff s ON s.id = c.staff_id AND s.active
        JOIN LATERAL (
            SELECT min(d) AS days FROM unnest(%(steps)s::integer[]) d WHERE d >= c.expires_on - %(today)s
        ) step ON step.days IS NOT NULL
        WHERE c.expires_on BETWEEN %(today)s AND %(today)s + %(most)s
        ON CONFLICT DO NOTHING
        """,
        {"now": now, "steps": list(REMIND), "today": today, "most": SOON},
    )
    return done.rowcount


def tell_due(conn: Connection[Any], today: dt.date, now: dt.datetime) -> int:
    """Write the reminders that are due; tell the people and who manages their employer. How many notices are new.

    One of a certificate that was renewed, or of somebody who left, is taken back where it was not sent yet.
    """
    write_due(conn, today, now)
    with conn.transaction():
        rows = conn.execute(_UNTOLD, {"most": BATCH}).fetchall()
        told: list[Notice] = []
        for _, staff, name_zh, name_en, kind, ends, days, managers in rows:
            known = CERTIFICATES.get(kind)
            words = (known.zh, known.en) if known else (kind, kind)
            key, name = f"{staff}:{kind}:{ends}:{days}", (name_zh, name_en)
            told.append(_notice(to_staff(staff), key, ("您", "you"), words, ends, f"/care/workforce/of/{staff}", now))
            told += [
                _notice(to_account(one), key, name, words, ends, "/care/workforce/ending", now) for one in managers
            ]
        done = tell_all(conn, KIND, told, now) if told else 0
        conn.execute(
            "UPDATE certificate_reminder SET sent_at = %s WHERE id = ANY (%s)", (now, [row[0] for row in rows])
        )
        keep_only(conn, KIND, [row[0] for row in conn.execute(_HOLDING).fetchall()])
    return done


def _notice(
    to: To, key: str, name: tuple[str, str], words: tuple[str, str], ends: dt.date, link: str, now: dt.datetime
) -> Notice:
    return Notice(
        to=to, key=key, due=now, link=link, zh=f"{name[0]}的{words[0]}最后有效日为 {ends}，请尽快办理续期或复训。",
        en=f"{words[1]} of {name[1]}: its last valid day is {ends}. Renew it in time.",
    )  # fmt: skip


def take(acting: Connected, number: int) -> None:
    """Say that one sees to it. Raises NotFoundError, ChangedMeanwhileError where somebody else does."""
    acting.require(Action.MANAGE_STAFF)
    with acting.conn.transaction():
        staff, kind = _of(acting, number)
        done = acting.conn.execute(
            "UPDATE certificate_reminder SET taken_at = %s, taken_by = %s, taken_name = %s"
            " WHERE id = %s AND taken_at IS NULL",
            (acting.now, acting.account.id, acting.account.name_zh, number),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(en="somebody sees to it already", zh="已有人在办理")
        acting.audit("take_reminder", staff=staff, kind=kind)


def open_again(acting: Connected, number: int, reason: str) -> None:
    """Open one again that somebody saw to, oneself or a colleague, with the reason: it waits for whoever sees to it.

    Raises NotFoundError, ProvisioningError without a reason, ChangedMeanwhileError where nobody sees to it.
    """
    acting.require(Action.MANAGE_STAFF)
    if not (reason := reason.strip()[:MOST_WORDS]):
        raise ProvisioningError(en="write why nobody sees to it any more", zh="请写明重新打开的原因", field="reason")
    with acting.conn.transaction():
        staff, kind = _of(acting, number)
        row = acting.conn.execute(
            "UPDATE certificate_reminder m SET taken_at = NULL, taken_by = NULL, taken_name = NULL, opened_at = %s,"
            " opened_by = %s, opened_name = %s, opened_reason = %s FROM certificate_reminder before"
            " WHERE m.id = %s AND before.id = m.id AND m.taken_at IS NOT NULL RETURNING before.taken_name",
            (acting.now, acting.account.id, acting.account.name_zh, reason, number),
        ).fetchone()
        if row is None:
            raise ChangedMeanwhileError(en="nobody sees to it: it is open", zh="该提醒无人办理，已是打开状态")
        acting.audit("open_reminder", staff=staff, kind=kind, was=row[0], reason=reason)


def _of(acting: Connected, number: int) -> tuple[str, str]:
    """The code of the person and the kind of the certificate of a reminder in the account's area."""
    row = acting.conn.execute(
        "SELECT a.path::text, s.code, m.kind FROM certificate_reminder m JOIN staff s ON s.id = m.staff_id"
        " JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id WHERE m.id = %s",
        (number,),
    ).fetchone()
    if row is None or not in_area(acting.account, row[0]):
        raise NotFoundError(
            en="there is no such reminder in your area", zh="您的管辖区域内没有这条提醒", field="number"
        )
    return row[1], row[2]


def _asks(acting: Connected) -> dict[str, Any]:
    needed = [(role, kind) for role, term in ROLES.items() for kind in sorted(term.needs)]
    return {
        "area": acting.account.area_path, "today": acting.today, "lasting": sorted(LASTING),
        "roles": [role for role, _ in needed], "needed": [kind for _, kind in needed],
    }  # fmt: skip


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return dt.date.min
