"""Residents' consents to be known to another system; without one nothing is given out, and nothing is taken in."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.errors import NotFoundError, ProvisioningError


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A resident's consent to be known to another system, for a purpose."""

    id: int
    resident: str
    name_zh: str
    name_en: str
    login: str
    """Of the other system."""
    purpose: str
    given_at: dt.datetime
    withdrawn_at: dt.datetime | None


def give(
    conn: Connection[Any],
    account: Account,
    residents: Collection[str],
    login: str,
    purpose: str,
    *,
    at: dt.datetime,
    origin: str,
) -> int:
    """Write down that these residents (codes) agree to be known to the system ``login``; returns how many are new.

    Raises NotPermittedError, NotFoundError for a resident outside the account's area, ProvisioningError.
    """
    require(account, Action.MANAGE_MACHINES)
    purpose = clean(purpose)
    if not purpose:
        raise ProvisioningError(en="say what for: the purpose is missing", zh="请填写用途", field="purpose")
    machine = _machine(conn, account, login)
    ids = _residents(conn, account, residents)
    new = 0
    with conn.transaction():
        for code, number in ids.items():
            row = conn.execute(
                """
                INSERT INTO exchange_consent (resident_id, account_id, purpose, given_at, given_by)
                VALUES (%s, %s, %s, %s, %s)
                ON CONFLICT (account_id, resident_id) WHERE withdrawn_at IS NULL DO NOTHING RETURNING id
                """,
                (number, machine, purpose, at, account.id),
            ).fetchone()
            if row is not None:
                new += 1
                detail = {"login": login, "purpose": purpose, "resident": code}
                audit(conn, account, "give_exchange_consent", at=at, resident_id=number, origin=origin, detail=detail)
    return new


def withdraw(
    conn: Connection[Any], account: Account, residents: Collection[str], login: str, *, at: dt.datetime, origin: str
) -> int:
    """End the consents of these residents (codes) towards a system, from its next request on; returns how many ended.

    Raises NotPermittedError, NotFoundError.
    """
    require(account, Action.MANAGE_MACHINES)
    machine = _machine(conn, account, login)
    ids = _residents(conn, account, residents)
    with conn.transaction():
        ended = conn.execute(
            "UPDATE exchange_consent SET withdrawn_at = greatest(%s, given_at), withdrawn_by = %s"
            " WHERE account_id = %s AND resident_id = ANY(%s) AND withdrawn_at IS NULL RETURNING resident_id",
            (at, account.id, machine, list(ids.values())),
        ).fetchall()
        for (number,) in ended:
            audit(
                conn, account, "withdraw_exchange_consent", at=at, resident_id=number, origin=origin,
                detail={"login": login},
            )  # fmt: skip
    return len(ended)


def listing(
    conn: Connection[Any], account: Account, *, login: str | None = None, after: int = 0, limit: int = 100
) -> list[Consent]:
    """Consents in force of residents below the account's area, newest first, from below the number ``after``."""
    require(account, Action.MANAGE_MACHINES)
    with conn.cursor(row_factory=class_row(Consent)) as cursor:
        return cursor.execute(
            """
            SELECT c.id, r.code AS resident, r.name_zh, r.name_en, m.login, c.purpose, c.given_at, c.withdrawn_at
            FROM exchange_consent c JOIN resident r ON r.id = c.resident_id JOIN account m ON m.id = c.account_id
            JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
            WHERE c.withdrawn_at IS NULL AND a.path <@ %(area)s::text::ltree
              AND (%(login)s::text IS NULL OR m.login = %(login)s) AND (%(after)s = 0 OR c.id < %(after)s)
            ORDER BY c.id DESC LIMIT %(limit)s
            """,
            {"area": account.area_path, "login": login, "after": after, "limit": limit},
        ).fetchall()


def by_system(conn: Connection[Any], account: Account) -> dict[str, int]:
    """The number of residents below the account's area who agreed, by the system's login."""
    require(account, Action.MANAGE_MACHINES)
    return dict(
        conn.execute(
            """
            SELECT m.login, count(*) FROM exchange_consent c JOIN account m ON m.id = c.account_id
            JOIN resident r ON r.id = c.resident_id JOIN household h ON h.id = r.household_id
            JOIN area a ON a.id = h.area_id
            WHERE c.withdrawn_at IS NULL AND a.path <@ %s::text::ltree GROUP BY m.login ORDER BY m.login
            """,
            (account.area_path,),
        ).fetchall()
    )


def _machine(conn: Connection[Any], account: Account, login: str) -> int:
    row = conn.execute(
        "SELECT id FROM account WHERE login = %s AND role = 'machine' AND area_path <@ %s::text::ltree",
        (clean(login).lower(), account.area_path),
    ).fetchone()
    if row is None:
        raise NotFoundError(
            en=f"there is no other system {login!r} in your area: make its first token before its consents",
            zh=f"您的管辖范围内没有外部系统 {login}，请先为它创建令牌",
            field="login",
        )
    return int(row[0])


def _residents(conn: Connection[Any], account: Account, codes: Collection[str]) -> dict[str, int]:
    found = dict(
        conn.execute(
            """
            SELECT r.code, r.id FROM resident r JOIN household h ON h.id = r.household_id
            JOIN area a ON a.id = h.area_id AND a.path <@ %s::text::ltree WHERE r.code = ANY(%s)
            """,
            (account.area_path, [clean(code) for code in codes]),
        ).fetchall()
    )
    missing = sorted({clean(code) for code in codes} - found.keys())
    if missing or not found:
        raise NotFoundError(
            en=f"no such resident in your area: {', '.join(missing) or '(none named)'}",
            zh=f"您的管辖范围内没有这些老人：{'、'.join(missing) or '（未填写）'}",
            field="residents",
        )
    return found
