"""The board of home care beds: every stage with its counts, the latest first, and a stage's list by key."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, in_area, require
from care_network.errors import ProvisioningError
from care_services.home_beds.life import ENDS, STAGES, STATES

FIRST = 5
"""Beds of a stage that the board itself shows."""
PAGE = 50
FOREVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A bed as the board shows it."""

    id: int
    resident: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    grade: str | None
    state: str
    state_since: dt.datetime
    due_at: dt.datetime | None
    next_check_on: dt.date | None
    contract_until: dt.date | None
    open_devices: int
    """Devices of the plan that are not accepted yet."""

    def days(self, now: dt.datetime) -> int:
        """Whole days in the stage."""
        return max(0, (now - self.state_since).days)

    def late_days(self, now: dt.datetime) -> int | None:
        """Days beyond the deadline, begun ones counted; None: in time, or without a deadline."""
        return None if self.due_at is None or self.due_at >= now else (now - self.due_at).days + 1

    def why_due(self) -> str:
        """Name the thing that is due: 'check', 'contract', or 'stage'."""
        if self.state != "in_service":
            return "stage"
        if self.next_check_on is None or (self.contract_until and self.contract_until < self.next_check_on):
            return "contract"
        return "check"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage with its counts and its first beds."""

    state: str
    n: int
    late: int
    first: tuple[Card, ...]


_SCOPE: LiteralString = """
    FROM home_bed b JOIN resident r ON r.id = b.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id
    WHERE a.path <@ %(under)s::ltree AND NOT h.synthetic
"""
_CARD: LiteralString = """
    SELECT b.id, r.code AS resident, r.name_zh, r.name_en, a.name_zh AS area_zh, a.name_en AS area_en,
           coalesce(b.ability_grade, r.ability_grade) AS grade, b.state, b.state_since, b.due_at, b.next_check_on,
           b.contract_until, (SELECT count(*) FROM home_bed_device p WHERE p.bed_id = b.id AND p.removed_at IS NULL
                              AND p.accepted_at IS NULL)::integer AS open_devices
"""
_FIRST: LiteralString = f"""
    {_CARD} {_SCOPE} AND b.id IN (
        SELECT id FROM (
            SELECT b.id, row_number() OVER (PARTITION BY b.state ORDER BY b.due_at NULLS LAST, b.id) AS place
            {_SCOPE} AND b.state = ANY(%(stages)s)
        ) placed WHERE place <= %(first)s
    ) ORDER BY b.due_at NULLS LAST, b.id
"""  # noqa: S608 - of constants


def under_of(account: Account, under: str) -> str:
    """The area that a list is about: one below the account's own, or that itself. Raises ProvisioningError."""
    wanted = under or account.area_path or ""
    if not in_area(account, wanted):
        raise ProvisioningError(en="choose a street of your area", zh="请选择管辖区域内的街道", field="street")
    return wanted


def board(
    conn: Connection[Any], account: Account, now: dt.datetime, under: str = ""
) -> tuple[list[Stage], dict[str, int]]:
    """Every stage with its counts and its first beds, the latest first; and how many ended, by how they did."""
    require(account, Action.VIEW_CARE)
    asked = {"under": under_of(account, under), "now": now, "stages": list(STAGES), "first": FIRST}
    with conn.cursor(row_factory=dict_row) as cursor:
        counts = {
            row["state"]: row
            for row in cursor.execute(
                f"SELECT b.state, count(*)::integer AS n, count(*) FILTER (WHERE b.due_at < %(now)s)::integer AS late"
                f" {_SCOPE} GROUP BY b.state",
                asked,
            )
        }
    with conn.cursor(row_factory=class_row(Card)) as cursor:
        cards = cursor.execute(
            _FIRST,
            asked,
        ).fetchall()
    stages = [
        Stage(
            state=state, n=counts.get(state, {}).get("n", 0), late=counts.get(state, {}).get("late", 0),
            first=tuple(one for one in cards if one.state == state),
        )
        for state in STAGES
    ]  # fmt: skip
    return stages, {state: counts.get(state, {}).get("n", 0) for state in ENDS}


def listing(
    conn: Connection[Any], account: Account, state: str, under: str = "", after: str = ""
) -> tuple[list[Card], str | None]:
    """One page of a state's beds, by deadline, and the key after which the next one begins (None: that was all)."""
    require(account, Action.VIEW_CARE)
    if state not in STATES:
        raise ProvisioningError(en="there is no such stage", zh="没有这个环节", field="state")
    key: tuple[dt.datetime, int] | None = _key(after)
    with conn.cursor(row_factory=class_row(Card)) as cursor:
        found = cursor.execute(
            f"{_CARD} {_SCOPE} AND b.state = %(state)s"
            " AND (%(day)s::timestamptz IS NULL OR (coalesce(b.due_at, %(forever)s), b.id) > (%(day)s, %(id)s))"
            " ORDER BY coalesce(b.due_at, %(forever)s), b.id LIMIT %(most)s",
            {
                "under": under_of(account, under), "state": state, "day": key[0] if key else None,
                "id": key[1] if key else 0, "forever": FOREVER, "most": PAGE + 1,
            },
        ).fetchall()  # fmt: skip
    more = None
    if len(found) > PAGE:
        last = found[PAGE - 1]
        more = f"{(last.due_at or FOREVER).isoformat()}~{last.id}"
    return found[:PAGE], more


def _key(text: str) -> tuple[dt.datetime, int] | None:
    day, _, number = text.rpartition("~")
    try:
        return (dt.datetime.fromisoformat(day), int(number)) if text else None
    except ValueError:
        raise ProvisioningError(en="this page is not there", zh="没有这一页", field="after") from None
