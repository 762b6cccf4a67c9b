"""Copies of a person's data by article 45 of the PIPL (个人信息保护法): asked for, made by a job, kept seven days.

A resident, a guardian, the family or an heir asks; staff note how they made sure who asks. The archive stands in the
database in parts, so that whatever program answers finds it, and goes by itself.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.errors import NotFoundError, ProvisioningError

PART = 1024 * 1024
"""Bytes of one part of an archive in the database."""
KEPT = dt.timedelta(days=7)
"""How long an archive waits to be fetched."""
ASKED_BY: Mapping[str, tuple[str, str]] = {
    "self": ("老人本人", "the resident"), "guardian": ("监护人", "the guardian"),
    "family": ("受本人委托的家属", "family, by the resident's authority"),
    "heir": ("近亲属（本人已去世，第四十九条）", "near relatives after death (article 49)"),
}  # fmt: skip
STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("等待制作", "waiting"), "running": ("制作中", "being made"), "done": ("可以下载", "ready"),
    "failed": ("未能制作", "failed"), "ended": ("已到期移除", "removed"),
}  # fmt: skip


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that was asked for."""

    id: int
    resident_id: int
    code: str
    asked_by: str
    identity: str
    asked_at: dt.datetime
    state: str
    done: int
    total: int
    held: int
    bytes: int
    problem_zh: str
    problem_en: str
    made_at: dt.datetime | None
    expires_at: dt.datetime | None
    readings_from: dt.date | None
    """None: from the first that is stored."""
    readings_until: dt.date | None
    writer_zh: str | None
    writer_en: str | None


_COLUMNS = b"""
    SELECT c.id, c.resident_id, c.code, c.asked_by, c.identity, c.asked_at, c.state, c.done, c.total, c.held, c.bytes,
           c.problem_zh, c.problem_en, c.made_at, c.expires_at, c.readings_from,
           c.readings_until, a.name_zh AS writer_zh, a.name_en AS writer_en
    FROM person_copy c JOIN resident r ON r.id = c.resident_id JOIN household h ON h.id = r.household_id
    JOIN area p ON p.id = h.area_id AND p.path <@ %(area)s::text::ltree LEFT JOIN account a ON a.id = c.account_id
"""


def resident_of(conn: Connection[Any], account: Account, code: str) -> int:
    """The number of a resident of the account's area. Raises NotFoundError."""
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (clean(code),)).fetchone()
    if row is None or not may_see(conn, account, row[0]):
        raise NotFoundError(
            en=f"there is no resident {code} in your area", zh=f"您的管辖范围内没有老人 {code}", field="resident"
        )
    return int(row[0])


def check_asker(conn: Connection[Any], resident_id: int, asked_by: str) -> None:
    """Refuse whoever cannot ask: near relatives ask after a death (article 49), everybody else before it.

    Raises ProvisioningError with the field.
    """
    if asked_by not in ASKED_BY:
        raise ProvisioningError(en="say who asks", zh="请选择申请人", field="asked_by")
    row = conn.execute("SELECT gone IS NOT DISTINCT FROM 'died' FROM resident WHERE id = %s", (resident_id,)).fetchone()
    died = row is not None and bool(row[0])
    if died != (asked_by == "heir"):
        raise ProvisioningError(
            en="the resident has died: near relatives ask, for their own lawful interest, unless the resident arranged"
            " otherwise (article 49)" if died
            else "near relatives ask after a death (article 49): record first that the resident has died",
            zh="老人已去世：只能由近亲属为自身合法、正当利益申请，老人生前另有安排的除外（第四十九条）" if died
            else "近亲属须在老人去世后申请（第四十九条）：请先登记老人去世",
            field="asked_by",
        )  # fmt: skip


def checked_identity(identity: str) -> str:
    """The note on how it was made sure who asks. Raises ProvisioningError where it is missing."""
    identity = clean(identity)
    if not 1 <= len(identity) <= 400:
        raise ProvisioningError(
            en="write how you made sure who asks: which document was seen, up to 400 characters",
            zh="请写明如何核实了申请人身份（看了什么证件），最多 400 字",
            field="identity",
        )
    return identity


def ask(
    conn: Connection[Any], account: Account, code: str, asked_by: str, identity: str, *, at: dt.datetime, origin: str,
    since: dt.date | None = None, until: dt.date | None = None,
) -> int:  # fmt: skip
    """Ask for a copy; returns its number. One that is under way is returned instead of a second one.

    ``since`` and ``until``: the first and last day of the readings in it, all by default; everything else is whole.

    Raises NotPermittedError, NotFoundError, ProvisioningError with the wrong field.
    """
    require(account, Action.MANAGE_PRIVACY)
    number = resident_of(conn, account, code)
    check_asker(conn, number, asked_by)
    identity = checked_identity(identity)
    if since is not None and until is not None and until < since:
        raise ProvisioningError(en="the last day is before the first", zh="结束日期不能早于开始日期", field="until")
    with conn.transaction():
        conn.execute("SELECT FROM resident WHERE id = %s FOR UPDATE", (number,))
        row = conn.execute(
            "SELECT id FROM person_copy WHERE resident_id = %s AND state IN ('waiting', 'running')", (number,)
        ).fetchone()
        if row is None:
            row = conn.execute(
                "INSERT INTO person_copy (resident_id, code, asked_by, identity, account_id, asked_at,"
                " readings_from, readings_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
                (number, clean(code), asked_by, identity, account.id, at, since, until),
            ).fetchone()
            audit(
                conn,
                account,
                "ask_person_copy",
                at=at,
                resident_id=number,
                origin=origin,
                detail={"asked_by": asked_by},
            )
    assert row is not None  # noqa: S101 - INSERT … RETURNING
    return int(row[0])


def listing(
    conn: Connection[Any], account: Account, *, code: str = "", after: int = 0, limit: int = 50
) -> list[Copy]:  # fmt: skip
    """Copies of residents of the account's area, the newest first. Raises NotPermittedError."""
    require(account, Action.MANAGE_PRIVACY)
    with conn.cursor(row_factory=class_row(Copy)) as cursor:
        return cursor.execute(
            _COLUMNS + b"WHERE (%(after)s = 0 OR c.id < %(after)s) AND (%(code)s = '' OR c.code = %(code)s)"
            b" ORDER BY c.id DESC LIMIT %(limit)s",
            {"area": account.area_path, "after": after, "code": clean(code), "limit": limit},
        ).fetchall()


def load(conn: Connection[Any], account: Account, number: int) -> Copy:
    """A copy. Raises NotPermittedError, NotFoundError for one outside the account's area, too."""
    require(account, Action.MANAGE_PRIVACY)
    with conn.cursor(row_factory=class_row(Copy)) as cursor:
        found = cursor.execute(_COLUMNS + b"WHERE c.id = %(id)s", {"area": account.area_path, "id": number}).fetchone()
    if found is None:
        raise NotFoundError(en=f"there is no copy {number} in your area", zh=f"您的管辖范围内没有副本 {number}")
    return found


def fetch(
    conn: Connection[Any], account: Account, number: int, *, at: dt.datetime, origin: str, first: int = 0
) -> Copy:
    """Open an archive to be read from the byte ``first`` on; the audit has who took it, and from where on.

    Raises as :func:`load`, and where none is ready or its days are over.
    """
    copy = load(conn, account, number)
    if copy.state != "done" or copy.expires_at is None or copy.expires_at <= at:
        raise NotFoundError(
            en="the archive is not ready, or was removed: ask for it anew", zh="副本尚未制作好或已移除，请重新申请"
        )
    with conn.transaction():
        conn.execute(
            "INSERT INTO person_copy_fetch (copy_id, account_id, at, origin, first_byte) VALUES (%s, %s, %s, %s, %s)",
            (number, account.id, at, origin, first),
        )
        audit(conn, account, "fetch_person_copy", at=at, resident_id=copy.resident_id, origin=origin,
              detail={"number": number, "from": first})  # fmt: skip
    return copy


def piece(conn: Connection[Any], number: int, position: int) -> tuple[bytes, int] | None:
    """The rest of the part of an archive in which a byte lies, and the position behind it; None at the end.

    A part is asked for when the one before is out: a download holds one of them, whatever the archive has.
    """
    row = conn.execute(
        "SELECT body FROM person_copy_part WHERE copy_id = %s AND number = %s", (number, position // PART)
    ).fetchone()
    if row is None:
        return None
    body = bytes(row[0])[position % PART :]
    return (body, position + len(body)) if body else None


def pieces(conn: Connection[Any], number: int, first: int = 0) -> Iterator[bytes]:
    """The parts of an archive from a byte on, in order."""
    position = first
    while (found := piece(conn, number, position)) is not None:
        yield found[0]
        position = found[1]


def fetched(conn: Connection[Any], numbers: list[int]) -> dict[int, list[tuple[str, str, dt.datetime]]]:
    """By archive: who fetched it and when, the first time of each on a day."""
    found: dict[int, list[tuple[str, str, dt.datetime]]] = {}
    for number, zh, en, at in conn.execute(
        """
        SELECT f.copy_id, coalesce(a.name_zh, ''), coalesce(a.name_en, ''), min(f.at)
        FROM person_copy_fetch f LEFT JOIN account a ON a.id = f.account_id WHERE f.copy_id = ANY(%s)
        GROUP BY 1, 2, 3, (f.at AT TIME ZONE 'Asia/Shanghai')::date ORDER BY 4
        """,
        (numbers,),
    ):
        found.setdefault(number, []).append((zh, en, at))
    return found
