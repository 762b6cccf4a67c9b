"""Lists of assessments of an area: who is due, what waits, who was never assessed, everything; paged by key."""

import datetime as dt
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, require
from care_network.below import HOMES
from care_network.catalogues.ability import Grade
from care_network.errors import NotPermittedError

View = Literal["due", "waiting", "never", "all"]
VIEWS: dict[View, tuple[str, str]] = {
    "due": ("按到期日", "By due date"),
    "waiting": ("办理中", "Under way"),
    "never": ("从未评估", "Never assessed"),
    "all": ("全部", "All"),
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list; of a resident who was never assessed without an assessment."""

    code: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    id: int | None
    reason: str | None
    state: str | None
    grade: Grade | None
    total: int | None
    first_at: dt.datetime | None
    changed_at: dt.datetime | None
    changed_zh: str | None
    changed_en: str | None
    due_on: dt.date | None

    def key(self, view: View) -> str:
        """The key after which the next page begins."""
        match view:
            case "due":
                return f"{self.due_on}_{self.id}"
            case "never":
                return self.code
            case _:
                return str(self.id)


class Counts(msgspec.Struct, frozen=True):
    """How an area stands on a day."""

    residents: int
    overdue: int
    due_soon: int
    """Within SOON days."""
    waiting: int
    never: int
    next_on: dt.date | None = None
    """The first due day from today on, within SOON days; None: there is none."""


SOON = 30
_OPEN = "x.state IN ('draft', 'signed')"
_COLUMNS = """
    SELECT p.code, p.name_zh, p.name_en, p.area_zh, p.area_en, x.id, x.reason, x.state, x.grade, x.total, x.first_at,
           x.changed_at, x.changed_zh, x.changed_en, x.due_on
"""
_PERSON = """
    SELECT r.id, r.code, r.name_zh, r.name_en, a.name_zh AS area_zh, a.name_en AS area_en
    FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
    WHERE a.path <@ %(under)s::ltree AND NOT h.synthetic AND r.gone IS NULL
"""
# by the list's own index, looking each person up until the page is full: OFFSET 0 keeps that order
_OF = f"{_COLUMNS} FROM assessment x JOIN LATERAL ({_PERSON} AND r.id = x.resident_id OFFSET 0) p ON true"
_QUERIES: dict[View, str] = {
    "due": f"{_OF} WHERE x.current"
    " AND (%(day)s::date IS NULL OR (x.due_on, x.id) > (%(day)s::date, %(number)s::bigint))"
    " ORDER BY x.due_on, x.id LIMIT %(most)s",
    "waiting": f"{_OF} WHERE x.state IN ('draft', 'signed', 'objected') AND x.id > %(number)s::bigint"
    " AND NOT (x.state = 'objected' AND EXISTS (SELECT FROM assessment y WHERE y.resident_id = x.resident_id"
    " AND y.id > x.id))"
    " ORDER BY x.id LIMIT %(most)s",
    "never": f"{_COLUMNS} FROM ({_PERSON} AND r.code > %(code)s"
    " AND NOT EXISTS (SELECT FROM assessment y WHERE y.resident_id = r.id AND y.state <> 'discarded')"
    " ORDER BY r.code LIMIT %(most)s) p LEFT JOIN assessment x ON false ORDER BY p.code",
    "all": f"{_OF} WHERE x.state <> 'discarded'"
    " AND (%(number)s::bigint = 0 OR x.id < %(number)s::bigint) ORDER BY x.id DESC LIMIT %(most)s",
}


def page(
    conn: Connection[Any], account: Account, view: View, at: dt.datetime, origin: str, *, under: str = "",
    after: str = "", most: int = 50,
) -> list[Row]:  # fmt: skip
    """A page of a list below an area ('': the account's own), after a key. The look is in the audit."""
    below = _below(account, under)
    day, number, code = _key(view, after)
    asked = {"under": below, "day": day, "number": number, "code": code, "most": most}
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        rows = cursor.execute(_QUERIES[view].encode(), asked).fetchall()
    audit(conn, account, "list_assessments", at=at, origin=origin,
          detail={"under": below, "count": len(rows), "view": view})  # fmt: skip
    return rows


def counts(conn: Connection[Any], account: Account, today: dt.date, under: str = "") -> Counts:
    """How many residents below an area are overdue, due soon, under way or were never assessed."""
    row = conn.execute(
        f"""
        WITH here AS MATERIALIZED (
            SELECT r.id FROM resident r WHERE r.gone IS NULL AND (r.household_id IN {HOMES}) IS TRUE
        ), due AS (
            SELECT x.due_on FROM assessment x JOIN here ON here.id = x.resident_id
            WHERE x.current AND x.due_on < %(soon)s
        )
        SELECT (SELECT count(*) FROM here), (SELECT count(*) FROM due WHERE due_on < %(today)s),
               (SELECT count(*) FROM due WHERE due_on >= %(today)s),
               (SELECT count(*) FROM assessment x JOIN here ON here.id = x.resident_id WHERE {_OPEN}),
               -- looked up one by one (LIMIT keeps it from being a join): of all assessments most are of the past
               (SELECT count(*) FROM here WHERE (
                    SELECT y.id FROM assessment y WHERE y.resident_id = here.id AND y.state <> 'discarded' LIMIT 1
                ) IS NULL),
               (SELECT min(due_on) FROM due WHERE due_on >= %(today)s)
        """.encode(),  # noqa: S608 - a constant
        {"today": today, "soon": today + dt.timedelta(days=SOON), "area": _below(account, under)},
    ).fetchone()
    assert row is not None  # noqa: S101 - a count gives a row
    return Counts(*row)


def areas(conn: Connection[Any], account: Account) -> list[tuple[str, str, str]]:
    """(path, Chinese, English) of the account's area, and of streets and communities below it."""
    return conn.execute(
        "SELECT path::text, name_zh, name_en FROM area WHERE path <@ %s::ltree AND level IN ('district', 'street',"
        " 'community') ORDER BY path",
        (account.area_path,),
    ).fetchall()


def _below(account: Account, under: str) -> str:
    require(account, Action.VIEW_CARE)
    below = under or account.area_path or ""
    if not in_area(account, below):
        raise NotPermittedError(en=f"{below} is not in your area", zh="该区域不在您的管辖范围内")
    return below


def _key(view: View, after: str) -> tuple[dt.date | None, int, str]:
    """Read the key of a page; what is none begins the list anew."""
    try:
        if view == "due" and after:
            day, _, number = after.partition("_")
            return dt.date.fromisoformat(day), int(number), ""
        if view in ("waiting", "all") and after:
            return None, min(max(int(after), 0), 2**62), ""
    except ValueError:
        return None, 0, ""
    return None, 0, after[:40] if view == "never" else ""
