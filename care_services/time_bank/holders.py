"""Whose an account is: a resident's, a volunteer's or the community's, found for the account that asks."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import in_area
from care_network.access.visible import may_see
from care_network.errors import NotFoundError
from care_services.time_bank.kinds import COMMUNITY
from care_services.time_bank.ledger import Lot
from vocabulary.area_path import within


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with an account of minutes, or who may have one. ``account_id`` None: none is opened yet."""

    kind: str
    code: str
    name_zh: str
    name_en: str
    account_id: int | None = None
    resident_id: int | None = None
    volunteer_id: int | None = None

    @property
    def address(self) -> str:
        """As addresses and commands name the account: 'resident/R0001'."""
        return f"{self.kind}/{self.code}" if self.code else self.kind


_RESIDENT = (
    "SELECT 'resident' AS kind, r.code, r.name_zh, r.name_en, a.id AS account_id, r.id AS resident_id,"
    " NULL::integer AS volunteer_id FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
    " LEFT JOIN time_account a ON a.resident_id = r.id WHERE r.code = %s"
)
_VOLUNTEER = (
    "SELECT v.id, v.code, v.name_zh, v.name_en, p.path::text, r.code, a.id AS account_id"
    " FROM time_volunteer v JOIN area p ON p.id = v.area_id LEFT JOIN resident r ON r.id = v.resident_id"
    " LEFT JOIN time_account a ON a.volunteer_id = v.id WHERE v.code = %s"
)


OF_AREA = """
    (SELECT true FROM time_entry e JOIN time_account c ON c.id = e.account_id
            LEFT JOIN resident r ON r.id = c.resident_id LEFT JOIN household h ON h.id = r.household_id
            LEFT JOIN time_volunteer v ON v.id = c.volunteer_id
            JOIN area p ON p.id = coalesce(h.area_id, v.area_id)
            WHERE e.transaction_id = t.id AND (p.path <@ %(area)s::ltree OR c.volunteer_id IS NOT NULL
                                               AND p.path @> %(area)s::ltree) LIMIT 1)
"""
"""A transaction ``t`` of somebody in the area %(area)s: the community's accounts are nobody's.

Asked of one after the other, as a list comes to them, until its page is full: EXISTS would read the whole ledger.
"""


def near(account: Account, path: str) -> bool:
    """Whether an account of staff has to do with a volunteer who helps in an area: below its own, or around it."""
    return in_area(account, path) or (account.area_path is not None and within(account.area_path, path))


def find(conn: Connection[Any], account: Account, kind: str, code: str = "") -> Holder:
    """Find a holder whom the account may see. Raises NotFoundError.

    A volunteer who is a resident of the district has the resident's account: one person, one account.
    """
    if kind in COMMUNITY and account.area_path is not None:
        row = conn.execute("SELECT id FROM time_account WHERE kind = %s", (kind,)).fetchone()
        zh, en = COMMUNITY[kind]
        return Holder(kind=kind, code="", name_zh=zh, name_en=en, account_id=row[0] if row else None)
    if kind == "resident":
        found = conn.cursor(row_factory=class_row(Holder)).execute(_RESIDENT, (code,)).fetchone()
        if found and found.resident_id is not None and may_see(conn, account, found.resident_id):
            return found
    if kind == "volunteer" and (row := conn.execute(_VOLUNTEER, (code,)).fetchone()) and near(account, row[4]):
        if row[5] is not None:
            return find(conn, account, "resident", row[5])
        return Holder(
            kind="volunteer", code=row[1], name_zh=row[2], name_en=row[3], account_id=row[6], volunteer_id=row[0]
        )  # fmt: skip
    raise NotFoundError(
        zh=f"没有这个账户，或不在您的辖区：{code or kind}", en=f"there is no such account in your area: {code or kind}",
        field="holder",
    )  # fmt: skip


def of_volunteer(conn: Connection[Any], number: int) -> Holder:
    """The holder that a volunteer is, whoever asks: for their own link. Raises NotFoundError."""
    row = conn.execute(
        "SELECT CASE WHEN v.resident_id IS NULL THEN 'volunteer' ELSE 'resident' END, v.code, v.name_zh, v.name_en,"
        " time_account_of(v.id), v.resident_id, v.id FROM time_volunteer v WHERE v.id = %s", (number,),
    ).fetchone()  # fmt: skip
    if row is None:
        raise NotFoundError(zh="没有这位志愿者", en="there is no such volunteer")
    return Holder(
        kind=row[0], code=row[1], name_zh=row[2], name_en=row[3], account_id=row[4], resident_id=row[5],
        volunteer_id=row[6],
    )  # fmt: skip


def read_address(text: str) -> tuple[str, str]:
    """Split 'resident/R0001', 'volunteer/V0001', 'R0001', 'V0001' or 'gift_pool' into kind and code."""
    kind, slash, code = text.strip().partition("/")
    if slash:
        return kind, code.strip()
    if kind in COMMUNITY:
        return kind, ""
    return ("volunteer" if kind.startswith("V") else "resident"), kind


def opened(conn: Connection[Any], holder: Holder) -> int:
    """The number of the holder's account; opens one where there is none yet."""
    if holder.account_id is not None:
        return holder.account_id
    column = "resident_id" if holder.kind == "resident" else "volunteer_id"
    number = holder.resident_id if holder.kind == "resident" else holder.volunteer_id
    # The row is looked up again: whoever was quicker has opened it.
    conn.execute(
        f"INSERT INTO time_account (kind, {column}) VALUES (%s, %s) ON CONFLICT DO NOTHING",  # noqa: S608
        (holder.kind, number),
    )
    row = conn.execute(f"SELECT id FROM time_account WHERE {column} = %s", (number,)).fetchone()  # noqa: S608
    if row is None:
        raise NotFoundError(zh="没有这个账户", en="there is no such account", field="holder")
    return int(row[0])


def lots(conn: Connection[Any], account_id: int) -> list[Lot]:
    """Lots that are left in an account, the oldest first."""
    return conn.cursor(row_factory=class_row(Lot)).execute(
        "SELECT earned_on, minutes FROM time_lot WHERE account_id = %s AND minutes > 0 ORDER BY earned_on",
        (account_id,),
    ).fetchall()  # fmt: skip


def balance(conn: Connection[Any], account_id: int | None, at: dt.datetime | None = None) -> int:
    """The minutes in an account, now or as the books stood at a moment; of the issuer: below zero."""
    row = conn.execute(
        "SELECT coalesce(sum(e.minutes), 0) FROM time_entry e JOIN time_transaction t ON t.id = e.transaction_id"
        " WHERE e.account_id = %s AND (%s::timestamptz IS NULL OR t.at <= %s)",
        (account_id, at, at),
    ).fetchone()
    return int(row[0]) if row else 0
