"""Read requests for help from the database, for the account that asks."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from care_network.access.visible import may_see, visible_residents
from care_network.below import people_below
from care_network.errors import NotFoundError
from care_services.time_bank.matching import Candidate, Wanted
from care_services.time_bank.people import COLUMNS, NEAR, TABLES, Volunteer, made
from vocabulary.times import SHANGHAI


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request for help, with whom it is about."""

    id: uuid.UUID
    number: int
    resident_id: int
    resident: str
    resident_zh: str
    resident_en: str
    resident_sex: str
    area: str
    area_zh: str
    area_en: str
    address_zh: str
    address_en: str
    kind: str
    state: str
    wanted_from: dt.datetime
    wanted_until: dt.datetime
    minutes: int
    language: str | None
    sex: str | None
    paid_by: str
    asked_as: str
    asked_by: int | None
    asked_at: dt.datetime
    words: str
    volunteer_id: int | None
    volunteer: str | None
    volunteer_zh: str | None
    volunteer_en: str | None
    volunteer_phone: str | None
    partner_id: int | None
    partner: str | None
    partner_zh: str | None
    partner_en: str | None
    round_id: int | None
    order_id: uuid.UUID | None
    told_minutes: int | None
    told_at: dt.datetime | None
    told_by: str | None
    said_minutes: int | None
    said_at: dt.datetime | None
    said_by: str | None
    said_as: str | None
    said_who: str
    agreed: int | None
    settled_by: int | None
    settled_reason: str | None
    credited: int | None
    partner_credited: int | None
    rule: str | None
    closed_at: dt.datetime | None
    ended_as: str | None
    link_serial: int
    version: int

    def missed(self, now: dt.datetime) -> bool:
        """Whether its time is over and nobody has said that they were there."""
        return self.state in ("open", "offered", "accepted") and self.wanted_until < now


_REQUEST = """
    SELECT q.id, q.number, q.resident_id, r.code AS resident, r.name_zh AS resident_zh, r.name_en AS resident_en,
           r.sex AS resident_sex, a.path::text AS area, a.name_zh AS area_zh, a.name_en AS area_en, h.address_zh,
           h.address_en, q.kind, q.state, q.wanted_from, q.wanted_until, q.minutes, q.language, q.sex, q.paid_by,
           q.asked_as, q.asked_by, q.asked_at, q.words, q.volunteer_id, v.code AS volunteer, v.name_zh AS volunteer_zh,
           v.name_en AS volunteer_en, v.phone AS volunteer_phone, q.partner_id, w.code AS partner,
           w.name_zh AS partner_zh, w.name_en AS partner_en, q.round_id, q.order_id, q.told_minutes, q.told_at,
           q.told_by, q.said_minutes, q.said_at, q.said_by, q.said_as, q.said_who, q.agreed, q.settled_by,
           q.settled_reason, q.credited, q.partner_credited, q.rule, q.closed_at, q.ended_as, q.link_serial, q.version
    FROM time_request q JOIN resident r ON r.id = q.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id LEFT JOIN time_volunteer v ON v.id = q.volunteer_id
    LEFT JOIN time_volunteer w ON w.id = q.partner_id
    WHERE NOT h.synthetic AND
"""
_OF = "FROM time_request q"


def by_id(conn: Connection[Any], request_id: uuid.UUID) -> Request | None:
    """A request, whoever asks: for whom a signed link names it."""
    return conn.cursor(row_factory=class_row(Request)).execute(f"{_REQUEST} q.id = %s", (request_id,)).fetchone()


def by_ids(conn: Connection[Any], ids: list[uuid.UUID]) -> list[Request]:
    """Requests, whoever asks: for the rounds, and within a transaction that looked for them."""
    if not ids:
        return []
    return conn.cursor(row_factory=class_row(Request)).execute(
        f"{_REQUEST} q.id = ANY(%s) ORDER BY q.wanted_from, q.number", (ids,)
    ).fetchall()  # fmt: skip


def find(conn: Connection[Any], account: Account, number: int) -> Request:
    """A request by its number, of a resident whom the account may see. Raises NotFoundError."""
    if not may_do(account, Action.VIEW_CARE):
        require(account, Action.CONFIRM_HELP)
    found = None
    if 0 < number < 2**63:
        cursor = conn.cursor(row_factory=class_row(Request))
        found = cursor.execute(f"{_REQUEST} q.number = %s", (number,)).fetchone()
    if found is None or not _sees(conn, account, found):
        raise NotFoundError(
            zh=f"没有互助服务 {number}，或不在您的辖区", en=f"there is no request {number} in your area"
        )
    return found


def _sees(conn: Connection[Any], account: Account, one: Request) -> bool:
    return may_see(conn, account, one.resident_id)


LISTS: Mapping[str, str] = {
    "open": "q.closed_at IS NULL AND q.state IN ('open', 'offered')",
    "planned": "q.closed_at IS NULL AND q.state = 'accepted'",
    "confirm": "q.closed_at IS NULL AND q.state = 'done'",
    "disputed": "q.closed_at IS NULL AND q.state = 'disputed'",
    "closed": "q.closed_at IS NOT NULL",
}
"""Lists of requests, by the states that they hold."""


def listing(
    conn: Connection[Any], account: Account, which: str, after: str = "", limit: int = 50
) -> tuple[list[Request], str | None]:
    """A list of requests below the account's area by time, and the key of the next page; None: there is none.

    Open ones begin with the earliest, closed ones with the latest.
    """
    require(account, Action.VIEW_CARE)
    which = which if which in LISTS else "open"
    column = "q.closed_at" if which == "closed" else "q.wanted_from"
    down = which == "closed"
    asked: dict[str, Any] = {"area": account.area_path, "limit": limit + 1}
    beyond = ""
    moment, _, number = after.partition("_")
    try:
        asked |= {"at": dt.datetime.fromisoformat(moment), "number": int(number)}
        beyond = f" AND ({column}, q.number) {'<' if down else '>'} (%(at)s, %(number)s)"
    except ValueError:
        pass
    order = "DESC" if down else "ASC"
    # the page's own rows first: everything else of them is looked up afterwards
    page = (
        f"FROM (SELECT * FROM time_request q WHERE {LISTS[which]} AND {people_below('q.resident_id')}{beyond}"  # noqa: S608
        f" ORDER BY {column} {order}, q.number {order} LIMIT %(limit)s) q"
    )
    rows = conn.cursor(row_factory=class_row(Request)).execute(
        f"{_REQUEST.replace(_OF, page)} true ORDER BY {column} {order}, q.number {order}",
        asked,
    ).fetchall()  # fmt: skip
    more = len(rows) > limit
    rows = rows[:limit]
    last = rows[-1] if more else None
    moment_of = (last.closed_at if down else last.wanted_from) if last else None
    return rows, f"{moment_of.isoformat()}_{last.number}" if last and moment_of else None


def counts(conn: Connection[Any], account: Account) -> dict[str, int]:
    """How many requests are unfinished below the account's area, by state."""
    return dict(conn.execute(
        "SELECT q.state, count(*) FROM time_request q WHERE q.closed_at IS NULL AND "  # noqa: S608 - of constants
        + people_below("q.resident_id") + " GROUP BY 1",
        {"area": account.area_path},
    ).fetchall())  # fmt: skip


def of_family(conn: Connection[Any], account: Account, limit: int = 50) -> list[Request]:
    """The requests of the residents whom an account may see, the newest first: for a family."""
    require(account, Action.CONFIRM_HELP)
    mine = list(visible_residents(conn, account)) if account.role == "family" else []
    return conn.cursor(row_factory=class_row(Request)).execute(
        f"{_REQUEST} q.resident_id = ANY(%s) ORDER BY q.wanted_from DESC, q.number DESC LIMIT %s", (mine, limit)
    ).fetchall()  # fmt: skip


def of_volunteer(conn: Connection[Any], account: Account, volunteer_id: int, limit: int = 30) -> list[Request]:
    """The newest requests that a volunteer was asked for or did, of residents below the account's area."""
    require(account, Action.VIEW_CARE)
    return conn.cursor(row_factory=class_row(Request)).execute(
        f"{_REQUEST} (q.volunteer_id = %s OR q.partner_id = %s) AND a.path <@ %s::ltree"
        " ORDER BY q.wanted_from DESC LIMIT %s",
        (volunteer_id, volunteer_id, account.area_path, limit),
    ).fetchall()  # fmt: skip


def of_rounds(conn: Connection[Any], account: Account, first: dt.datetime, last: dt.datetime) -> list[Request]:
    """The visits of rounds in a time, by when they are."""
    require(account, Action.VIEW_CARE)
    return conn.cursor(row_factory=class_row(Request)).execute(
        f"{_REQUEST} q.round_id IS NOT NULL AND q.wanted_from >= %s AND q.wanted_from < %s AND a.path <@ %s::ltree"
        " ORDER BY q.wanted_from, q.number",
        (first, last, account.area_path),
    ).fetchall()  # fmt: skip


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a request's history."""

    at: dt.datetime
    action: str
    from_state: str | None
    to_state: str
    actor: str
    actor_en: str | None = None
    volunteer_zh: str | None
    volunteer_en: str | None
    note: str
    detail: dict[str, Any]


def history(conn: Connection[Any], request_id: uuid.UUID) -> list[Step]:
    """Read a request's history, the oldest first."""
    return conn.cursor(row_factory=class_row(Step)).execute(
        "SELECT e.at, e.action, e.from_state, e.to_state, e.actor, v.name_zh AS volunteer_zh,"
        " v.name_en AS volunteer_en, e.note, e.detail,"
        " (SELECT n.name_en FROM account n WHERE n.id = e.account_id) AS actor_en FROM time_request_event e"
        " LEFT JOIN time_volunteer v ON v.id = e.volunteer_id WHERE e.request_id = %s ORDER BY e.id",
        (request_id,),
    ).fetchall()  # fmt: skip


def booked(conn: Connection[Any], request_id: uuid.UUID) -> list[tuple[int, str]]:
    """The transactions of a request, as far as the viewer sees them: (number, kind)."""
    return [
        (row[0], row[1])
        for row in conn.execute(
            "SELECT number, kind FROM time_transaction WHERE request_id = %s ORDER BY number", (request_id,)
        )
    ]


def kept(conn: Connection[Any], volunteer_id: int, now: dt.datetime) -> tuple[int, int, int]:
    """Promises of a volunteer in a year, to anybody: (kept, not come, said no too late)."""
    row = conn.execute(
        "SELECT kept, not_come, too_late FROM time_load(%s, NULL, %s, %s, %s)", (volunteer_id, now, now, now)
    ).fetchone()
    return (row[0], row[1], row[2]) if row else (0, 0, 0)


def volunteer_of_staff(conn: Connection[Any], staff: str) -> str:
    """The code of the volunteer who is this member of staff; '' for nobody."""
    row = conn.execute(
        "SELECT v.code FROM time_volunteer v JOIN staff s ON s.id = v.staff_id"
        " WHERE s.code = %s AND v.state <> 'ended'",
        (staff,),
    ).fetchone()
    return str(row[0]) if row else ""


def told(conn: Connection[Any], request_id: uuid.UUID) -> list[tuple[str, str, str, dt.datetime]]:
    """List who of the receiving side was asked, and how the message went: (Chinese, English, state, since)."""
    return [
        (row[0], row[1], row[2], row[3])
        for row in conn.execute(
            "SELECT DISTINCT ON (to_kind, to_key) name_zh, name_en, state, state_at FROM care_notice"
            " WHERE kind = 'volunteer_help' AND key = ANY(%s) AND state <> 'withdrawn'"
            " ORDER BY to_kind, to_key, id DESC",
            ([f"confirm/{request_id}", f"confirm/{request_id}/again"],),
        )
    ]


def wanted(conn: Connection[Any], one: Request) -> Wanted:
    """Find out what a request asks of a volunteer."""
    row = conn.execute(
        "SELECT r.languages, r.preferred_language, h.longitude, h.latitude FROM resident r"
        " JOIN household h ON h.id = r.household_id WHERE r.id = %s",
        (one.resident_id,),
    ).fetchone()
    assert row is not None  # noqa: S101 - the request names a resident that is there
    first = [code for code in (one.language, row[1]) if code]
    return Wanted(
        kind=one.kind, resident=one.resident_id, begins=one.wanted_from, ends=one.wanted_until, minutes=one.minutes,
        languages=tuple(dict.fromkeys([*first, *row[0]])), sex=one.sex, resident_sex=one.resident_sex,
        longitude=row[2], latitude=row[3],
    )  # fmt: skip


_AROUND = f"""
    SELECT {COLUMNS}, home.longitude, home.latitude, r.id AS resident_number,
        load.planned, load.busy, load.kept, load.not_come, load.too_late,
        (SELECT count(*) FROM time_request q WHERE (q.volunteer_id = v.id OR q.partner_id = v.id)
         AND q.resident_id = %(resident)s AND q.state IN ('done', 'confirmed')) AS helped
    FROM {TABLES} LEFT JOIN household home ON home.id = r.household_id
    CROSS JOIN LATERAL time_load(v.id, %(id)s, %(monday)s, %(begins)s, %(ends)s) load
    WHERE v.state IN ('active', 'resting') AND (p.path @> %(place)s::ltree OR p.path <@ subpath(%(place)s::ltree, 0,
          greatest(nlevel(%(place)s::ltree) - 1, 1)))
      AND {NEAR}
    ORDER BY v.code
"""  # noqa: S608


LOAD = ("longitude", "latitude", "planned", "busy", "helped", "kept", "not_come", "too_late")
"""Columns of a candidate beside those of the volunteer."""


def candidates(conn: Connection[Any], account: Account, one: Request) -> list[Candidate]:
    """The volunteers who help where a resident lives, and in the compounds around."""
    monday = one.wanted_from.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    monday -= dt.timedelta(days=monday.weekday())
    asked = {
        "monday": monday, "begins": one.wanted_from, "ends": one.wanted_until, "id": one.id,
        "resident": one.resident_id, "place": one.area, "area": account.area_path or one.area,
    }  # fmt: skip
    rows = conn.cursor(row_factory=dict_row).execute(_AROUND, asked).fetchall()
    more = [{name: row.pop(name) for name in LOAD} for row in rows]
    residents = [row.pop("resident_number") for row in rows]
    return [
        candidate_of(one, resident_id=resident, **known)
        for one, resident, known in zip(made(conn, rows), residents, more, strict=True)
    ]


def candidate_of(one: Volunteer, **more: Any) -> Candidate:
    """A volunteer as the matching looks at them."""
    return Candidate(
        id=one.id, code=one.code, name_zh=one.name_zh, name_en=one.name_en, sex=one.sex, state=one.state,
        belongs_to=one.belongs_to, skills=one.skills, languages=one.languages, times=one.times, helps=one.helps,
        checks=one.checks, courses=one.courses, week_minutes=one.week_minutes, **more,
    )  # fmt: skip
