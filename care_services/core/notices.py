"""Tell somebody something by a day: the outbox of the wing. How it is sent: :mod:`care_services.core.notice_round`.

    notices.tell(
        conn, to=notices.to_staff("S0008"), kind="certificate_ends", key="S0008:first_aid:2027-03-01:30",
        zh="急救证 3 月 1 日到期", en="the first aid certificate ends on 1 March", due=now, now=now,
        link="/care/workforce/people/S0008",
    )
    notices.withdraw(conn, "certificate_ends", ["S0008:first_aid:2027-03-01:30"])

The texts stand on pages behind a login or a signed link. A short message says how many notices of which kind there are.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_services.core.notice_kinds import KINDS, send_at


class To(msgspec.Struct, frozen=True):
    """A recipient: an account's id, a code, or a contact's ``resident/telephone``."""

    kind: Literal["account", "staff", "contact", "organisation", "volunteer"]
    key: str


class SignedPage(msgspec.Struct, frozen=True):
    """A page for people without a login: ``<path>/<token>``, the token signed for the purpose and the subject."""

    path: str
    purpose: str
    subject: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be told; the fields are those of :func:`tell`."""

    to: To
    key: str
    zh: str
    en: str
    due: dt.datetime
    link: str | SignedPage | None = None
    urgent: bool = False


def to_account(number: int) -> To:
    """The person who has this account: as staff or as a contact where the records know them so."""
    return To("account", str(number))


def to_staff(code: str) -> To:
    """A member of staff, with an account or without."""
    return To("staff", code)


def to_contact(resident: str, phone: str) -> To:
    """A resident's contact, while the resident agrees."""
    return To("contact", f"{resident}/{phone}")


def to_organisation(code: str) -> To:
    """An organisation's telephone or group."""
    return To("organisation", code)


def to_volunteer(code: str) -> To:
    """A volunteer of the time bank, with an account or without."""
    return To("volunteer", code)


def tell(
    conn: Connection[Any],
    *,
    to: To,
    kind: str,
    key: str,
    zh: str,
    en: str,
    due: dt.datetime,
    now: dt.datetime,
    link: str | SignedPage | None = None,
    urgent: bool = False,
) -> bool:
    """Tell somebody something, once; False where they were told, or are not there. Part of the caller's transaction.

    ``kind``: a code of KINDS; ``key``: the reason, the same for the same; ``due``: not before, and by the pace of the
    kind, or at once, at night, too, where ``urgent``. ``link``: an address of the console ('/care/…'), or a page for
    people without a login. Raises ValueError for an unknown kind or another link.
    """
    return tell_all(conn, kind, [Notice(to=to, key=key, zh=zh, en=en, due=due, link=link, urgent=urgent)], now) == 1


def tell_all(conn: Connection[Any], kind: str, several: Sequence[Notice], now: dt.datetime) -> int:
    """Tell many, in one statement; how many are new. Raises as :func:`tell`."""
    pace = KINDS[kind].pace if kind in KINDS else None
    if pace is None:
        raise ValueError(f"there is no kind of notice {kind!r}: care_services/core/notice_kinds.py")
    rows = []
    for one in several:
        if isinstance(one.link, str) and not (one.link.startswith("/") and not one.link.startswith("//")):
            raise ValueError(f"a link begins with /: {one.link!r}")
        page = one.link if isinstance(one.link, SignedPage) else None
        rows.append({
            "to_kind": one.to.kind, "to_key": one.to.key, "key": one.key, "zh": one.zh, "en": one.en,
            "link": None if page else one.link, "signed": None if page is None else msgspec.to_builtins(page),
            "due": one.due.isoformat(), "urgent": one.urgent or pace == "urgent",
            "send": send_at("urgent" if one.urgent else pace, one.due, now).isoformat(),
        })  # fmt: skip
    # no target of the conflict: a family that tells need not see whom it tells
    return conn.execute(
        """
        INSERT INTO care_notice (to_kind, to_key, kind, key, zh, en, link, signed, due_at, send_at, urgent, made_at,
                                 state_at)
        SELECT n.to_kind, n.to_key, %(kind)s, n.key, n.zh, n.en, n.link, nullif(n.signed, 'null'), n.due, n.send,
               n.urgent, %(now)s, %(now)s
        FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
            to_kind text, to_key text, key text, zh text, en text, link text, signed jsonb, due timestamptz,
            send timestamptz, urgent boolean)
        ON CONFLICT DO NOTHING
        """,
        {"kind": kind, "now": now, "rows": msgspec.json.encode(rows).decode()},
    ).rowcount


def withdraw(conn: Connection[Any], kind: str, keys: Collection[str]) -> int:
    """Take notices back whose reason is over; how many had not been sent. Part of the caller's transaction.

    A notice that comes again later needs another key.
    """
    row = conn.execute("SELECT care_notice_over(%s, %s)", (kind, list(keys))).fetchone()
    return int(row[0]) if row else 0


def keep_only(conn: Connection[Any], kind: str, keys: Collection[str]) -> int:
    """Take back all unsent notices of a kind but these: for a round that knows every reason that holds."""
    over = conn.execute(
        "SELECT DISTINCT key FROM care_notice WHERE kind = %s AND state IN ('queued', 'handed', 'unknown', 'failed')"
        " AND key <> ALL (%s)",
        (kind, list(keys)),
    ).fetchall()
    return withdraw(conn, kind, [row[0] for row in over]) if over else 0
