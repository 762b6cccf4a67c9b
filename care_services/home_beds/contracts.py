"""Contracts of beds that end: the list with its key, the counts, and the reminders 60, 30 and 7 days before."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_network.below import people_below
from care_network.errors import ProvisioningError
from care_services.core import notices
from care_services.core.notices import Notice
from vocabulary.times import SHANGHAI

REMIND = (60, 30, 7)
"""Days before the last day of a contract."""
KIND = "contract_ends"
PAGE = 50
BATCH = 200


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A bed whose contract ends within 60 days, or has ended."""

    id: int
    resident: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    state: str
    contract_until: dt.date
    told: int | None
    """The newest reminder, in days before; None: none was made."""

    def days(self, today: dt.date) -> int:
        """Days that are left; below zero: it has ended."""
        return (self.contract_until - today).days

    @property
    def key(self) -> str:
        """Where the list goes on after it."""
        return f"{self.contract_until}~{self.id}"


_FROM: LiteralString = """
    FROM home_bed b JOIN resident r ON r.id = b.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id
    WHERE b.state IN ('in_service', 'suspended') AND b.contract_until <= %(last)s AND a.path <@ %(under)s::ltree
      AND NOT h.synthetic
"""
_UNTOLD: LiteralString = """
    SELECT b.id, b.contract_until, step.days, r.name_zh, r.name_en, ARRAY(
        SELECT k.id FROM account k WHERE k.active AND k.role IN ('manager', 'station') AND k.area_path @> a.path
        ORDER BY k.role, nlevel(k.area_path) DESC, k.id LIMIT 6)
    FROM home_bed b JOIN resident r ON r.id = b.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id
    CROSS JOIN LATERAL (SELECT min(d) AS days FROM unnest(%(steps)s::integer[]) d
                        WHERE d >= b.contract_until - %(today)s) step
    WHERE b.state IN ('in_service', 'suspended') AND b.contract_until BETWEEN %(today)s AND %(today)s + %(most)s
      AND NOT h.synthetic AND NOT EXISTS (SELECT FROM home_bed_reminder m WHERE m.bed_id = b.id
          AND m.contract_until = b.contract_until AND m.days = step.days)
    ORDER BY b.contract_until, b.id LIMIT %(batch)s
"""


def ending(conn: Connection[Any], account: Account, today: dt.date, after: str = "") -> list[Ending]:
    """Beds of the account's area whose contract ends within 60 days or has ended, one more than PAGE at most."""
    require(account, Action.VIEW_CARE)
    day, _, number = after.partition("~")
    try:
        since = (dt.date.fromisoformat(day), int(number)) if after else (dt.date.min, 0)
    except ValueError:
        raise ProvisioningError(en="this page is not there", zh="没有这一页", field="after") from None
    with conn.cursor(row_factory=class_row(Ending)) as cursor:
        return cursor.execute(
            "SELECT b.id, r.code AS resident, r.name_zh, r.name_en, a.name_zh AS area_zh, a.name_en AS area_en,"  # noqa: S608 - constant
            " b.state, b.contract_until, (SELECT min(m.days)::integer FROM home_bed_reminder m WHERE m.bed_id = b.id"
            f" AND m.contract_until = b.contract_until) AS told {_FROM}"
            " AND (b.contract_until, b.id) > (%(day)s, %(id)s) ORDER BY b.contract_until, b.id LIMIT %(page)s",
            {**_asks(account.area_path, today), "day": since[0], "id": since[1], "page": PAGE + 1},
        ).fetchall()


def counts(conn: Connection[Any], under: str | None, today: dt.date) -> tuple[int, int, int, int]:
    """How many contracts of an area have ended, and end within 7, 30 and 60 days (each with those before)."""
    row = conn.execute(
        f"""
        SELECT (count(*) FILTER (WHERE b.contract_until < %(today)s))::integer,
               (count(*) FILTER (WHERE b.contract_until <= %(today)s + 7))::integer,
               (count(*) FILTER (WHERE b.contract_until <= %(today)s + 30))::integer, count(*)::integer
        FROM home_bed b
        WHERE b.state IN ('in_service', 'suspended') AND b.contract_until <= %(last)s
          AND {people_below("b.resident_id")}
        """,  # noqa: S608 - constants
        {**_asks(under, today), "area": under},
    ).fetchone()
    assert row is not None  # noqa: S101 - one row always
    return row[0], row[1], row[2], row[3]


def tell_due(conn: Connection[Any], now: dt.datetime) -> int:
    """Write the reminders that are due, and tell who signs contracts and the station; how many are new. For the rounds.

    Safe to repeat. Those of a contract that was renewed or has ended are taken back where they were not sent yet.
    """
    today = now.astimezone(SHANGHAI).date()
    with conn.transaction():
        asked = {"today": today, "steps": list(REMIND), "most": REMIND[0], "batch": BATCH}
        rows = conn.execute(_UNTOLD, asked).fetchall()
        conn.cursor().executemany(
            "INSERT INTO home_bed_reminder (bed_id, contract_until, days, made_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(bed, until, days, now) for bed, until, days, *_ in rows],
        )
        told = [
            Notice(
                to=notices.to_account(number), key=f"{bed}:{until}:{days}", due=now, link="/care/beds/ending",
                zh=f"{zh}的家庭养老床位合同 {until} 到期", en=f"the contract of {en}'s home care bed ends on {until}",
            )
            for bed, until, days, zh, en, accounts in rows for number in accounts
        ]  # fmt: skip
        if told:
            notices.tell_all(conn, KIND, told, now)
        holding = conn.execute(
            "SELECT m.bed_id || ':' || m.contract_until || ':' || m.days FROM home_bed_reminder m JOIN home_bed b"
            " ON b.id = m.bed_id AND b.contract_until = m.contract_until AND b.state IN ('in_service', 'suspended')"
        ).fetchall()
        notices.keep_only(conn, KIND, [row[0] for row in holding])
    return len(rows)


def _asks(under: str | None, today: dt.date) -> dict[str, Any]:
    return {"under": under or "", "today": today, "last": today + dt.timedelta(days=REMIND[0])}
