"""Volunteers in the database: enter, check, train, let begin, rest and leave; whom an account may see of them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, require
from care_network.access.visible import may_see
from care_network.catalogues.workforce import LANGUAGES, SKILLS
from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_services.time_bank import books, holders
from care_services.time_bank.books import day_of
from care_services.time_bank.holders import near
from care_services.time_bank.kinds import GROUPS, Words
from care_services.time_bank.volunteers import (
    Paper,
    ending_soon,
    lacking,
    read_times,
)

MOST_WORDS = 400
OLDEST, YOUNGEST = 100, 16


class Volunteer(msgspec.Struct, frozen=True, kw_only=True):
    """A volunteer with the newest line of each check and course."""

    id: int
    code: str
    name_zh: str
    name_en: str
    sex: str
    born_on: dt.date
    phone: str
    belongs_to: str
    area: str
    area_zh: str
    area_en: str
    resident: str | None
    """Code, of a resident of the district."""
    staff: str | None
    """Code, as whom dispatch knows them."""
    skills: tuple[str, ...]
    languages: tuple[str, ...]
    times: tuple[tuple[int, int, int], ...]
    week_minutes: int
    helps: str
    state: str
    note: str
    applied_at: dt.datetime
    version: int
    link_serial: int
    link_until: dt.datetime | None
    """Their own link holds until then; None: none holds."""
    checks: dict[str, Paper]
    courses: dict[str, Paper]
    balance: int = 0

    def lacking(self, on: dt.date) -> list[Words]:
        """Name the checks and courses that are lacking on a day."""
        return lacking(self.checks, self.courses, on)

    def helping(self, on: dt.date) -> bool:
        """Whether they may be asked on that day: active, and nothing is lacking. An expired check counts at once."""
        return self.state == "active" and not self.lacking(on)

    def ending(self, on: dt.date) -> dt.date | None:
        """The first day within 30 on which a check or a course ends."""
        return ending_soon({**self.checks, **self.courses}, on)


class NewVolunteer(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a volunteer, as a form sends them. ``resident``: the code, of a resident of the district."""

    name_zh: str
    name_en: str = ""
    sex: str
    born_on: str
    phone: str = ""
    belongs_to: str
    area: str
    resident: str = ""
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("cmn",)
    times: str = ""
    week_minutes: str = "480"
    helps: str = ""
    note: str = ""


COLUMNS = """
    v.id, v.code, v.name_zh, v.name_en, v.sex, v.born_on, v.phone, v.belongs_to, p.path::text AS area,
    p.name_zh AS area_zh, p.name_en AS area_en, r.code AS resident, s.code AS staff, v.skills, v.languages, v.times,
    v.week_minutes, v.helps, v.state, v.note, v.applied_at, v.version, v.link_serial, v.link_until, v.resident_id
"""
TABLES = """
    time_volunteer v JOIN area p ON p.id = v.area_id LEFT JOIN resident r ON r.id = v.resident_id
    LEFT JOIN staff s ON s.id = v.staff_id
"""
NEAR = "(p.path <@ %(area)s::ltree OR p.path @> %(area)s::ltree)"
"""Volunteers with whom staff of an area have to do: who help below it, or around it."""


def read(conn: Connection[Any], query: str, values: Mapping[str, Any]) -> list[Volunteer]:
    """The volunteers of a query for :data:`COLUMNS`."""
    return made(conn, conn.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall())


def made(conn: Connection[Any], rows: Sequence[dict[str, Any]]) -> list[Volunteer]:
    """Make volunteers of rows of :data:`COLUMNS`, with their papers and balances: those of all with one query each."""
    numbers = [row["id"] for row in rows]
    if not numbers:
        return []
    checks, courses = _papers(conn, _CHECKS, numbers), _papers(conn, _COURSES, numbers)
    balances: dict[tuple[str, int], int] = {}
    for volunteer, resident, minutes in conn.execute(
        "SELECT a.volunteer_id, a.resident_id, sum(l.minutes) FROM time_account a JOIN time_lot l"
        " ON l.account_id = a.id WHERE a.volunteer_id = ANY (%s) OR a.resident_id = ANY (%s) GROUP BY 1, 2",
        (numbers, [row["resident_id"] for row in rows if row["resident_id"] is not None]),
    ):
        for whose in (("volunteer", volunteer), ("resident", resident)):
            balances[whose] = balances.get(whose, 0) + int(minutes)
    return [
        Volunteer(
            **{name: value for name, value in row.items() if name not in ("skills", "languages", "times")
               and name != "resident_id"},
            skills=tuple(row["skills"]), languages=tuple(row["languages"]),
            times=tuple((one[0], one[1], one[2]) for one in row["times"]),
            checks=checks.get(row["id"], {}), courses=courses.get(row["id"], {}),
            balance=balances.get(("volunteer", row["id"]), 0) + balances.get(("resident", row["resident_id"]), 0),
        )
        for row in rows
    ]  # fmt: skip


_CHECKS = (
    "SELECT DISTINCT ON (volunteer_id, kind) volunteer_id, kind, passed, expires_on FROM time_volunteer_check"
    " WHERE volunteer_id = ANY (%s) ORDER BY volunteer_id, kind, id DESC"
)
_COURSES = "SELECT volunteer_id, course, passed, expires_on FROM time_courses_of(%s)"


def _papers(conn: Connection[Any], query: str, numbers: list[int]) -> dict[int, dict[str, Paper]]:
    found: dict[int, dict[str, Paper]] = {}
    for number, kind, passed, until in conn.execute(query.encode(), (numbers,)):
        found.setdefault(number, {})[kind] = Paper(passed, until)
    return found


def find(conn: Connection[Any], account: Account, code: str) -> Volunteer:
    """A volunteer with whom the account has to do. Raises NotFoundError."""
    require(account, Action.VIEW_CARE)
    found = read(conn, f"SELECT {COLUMNS} FROM {TABLES} WHERE v.code = %(code)s", {"code": code})  # noqa: S608
    if not found or not near(account, found[0].area):
        raise _nobody(code)
    return found[0]


def listing(
    conn: Connection[Any], account: Account, *, state: str = "", words: str = "", after: str = "", limit: int = 50
) -> list[Volunteer]:
    """Volunteers by code, after one; ``words``: a part of the name, the code or the telephone."""
    require(account, Action.VIEW_CARE)
    asked = {"area": account.area_path, "state": state, "after": after, "limit": limit,
             "words": f"%{words.strip().replace('%', '').replace('_', '')}%"}  # fmt: skip
    return read(
        conn,
        f"SELECT {COLUMNS} FROM {TABLES} WHERE {NEAR} AND v.code > %(after)s"  # noqa: S608
        " AND (%(state)s = '' OR v.state = %(state)s)"
        " AND (%(words)s = '%%' OR v.name_zh ILIKE %(words)s OR v.name_en ILIKE %(words)s OR v.code ILIKE %(words)s"
        " OR v.phone LIKE %(words)s) ORDER BY v.code LIMIT %(limit)s",
        asked,
    )


def counts(conn: Connection[Any], account: Account) -> dict[str, int]:
    """How many volunteers there are by state."""
    return dict(conn.execute(
        f"SELECT v.state, count(*) FROM time_volunteer v JOIN area p ON p.id = v.area_id WHERE {NEAR} GROUP BY 1",  # noqa: S608
        {"area": account.area_path},
    ).fetchall())  # fmt: skip


def add(conn: Connection[Any], account: Account, new: NewVolunteer, now: dt.datetime, origin: str = "") -> str:
    """Enter an application; returns the volunteer's code. Raises ProvisioningError with the wrong field."""
    require(account, Action.MANAGE_TIME_BANK)
    fields = _checked(conn, account, new, now)
    names, holes = ", ".join(fields), ", ".join(f"%({name})s" for name in fields)
    try:
        with conn.transaction():
            row = conn.execute(
                f"INSERT INTO time_volunteer (applied_at, {names}) VALUES (%(now)s, {holes}) RETURNING id, code",  # noqa: S608
                {**fields, "now": now},
            ).fetchone()
            assert row is not None  # noqa: S101 - an INSERT returns its row
            note_step(conn, row[0], "apply", None, "applied", account, now)
            trace(conn, account, "apply", row[1], fields["resident_id"], now, origin)
    except errors.UniqueViolation as error:
        raise ExistsError(zh="该老人已是志愿者", en="the resident is a volunteer already", field="resident") from error
    return str(row[1])


def change(
    conn: Connection[Any], account: Account, code: str, new: NewVolunteer, version: int, now: dt.datetime,
    origin: str = "",
) -> None:  # fmt: skip
    """Change what is written of a volunteer. Raises ChangedMeanwhileError for another version."""
    require(account, Action.MANAGE_TIME_BANK)
    before = find(conn, account, code)
    fields = _checked(conn, account, new, now)
    _check_resident(conn, before, new.resident.strip())
    sets = ", ".join(f"{name} = %({name})s" for name in fields)
    try:
        with conn.transaction():
            done = conn.execute(
                f"UPDATE time_volunteer SET {sets}, version = version + 1 WHERE id = %(id)s AND version = %(version)s",  # noqa: S608
                {**fields, "id": before.id, "version": version},
            )
            if done.rowcount == 0:
                raise changed()
            if fields["resident_id"] is not None and before.resident is None:
                holder = holders.find(conn, account, "resident", new.resident.strip())
                books.join(conn, account, before.id, holder, now)
            note_step(conn, before.id, "change", before.state, before.state, account, now)
            trace(conn, account, "change", code, fields["resident_id"], now, origin)
    except errors.UniqueViolation as error:
        raise ExistsError(zh="该老人已是志愿者", en="the resident is a volunteer already", field="resident") from error


def _check_resident(conn: Connection[Any], before: Volunteer, resident: str) -> None:
    """Refuse to say that a volunteer is another resident once minutes were booked to the one that they are."""
    if before.resident is None or before.resident == resident:
        return
    booked = conn.execute(
        "SELECT FROM time_request q JOIN time_transaction t ON t.request_id = q.id AND t.kind = 'earn'"
        " WHERE %s IN (q.volunteer_id, q.partner_id) LIMIT 1",
        (before.id,),
    ).fetchone()
    if booked is not None:
        raise ProvisioningError(
            zh=f"服务时间已存入老人 {before.resident} 的账户，不能再更改；如登记有误，请冲正相关记录后重新登记志愿者",
            en=f"minutes were booked to the account of resident {before.resident}: reverse them, and enter the"
            " volunteer anew", field="resident",
        )  # fmt: skip


def expired(conn: Connection[Any], account: Account, on: dt.date) -> list[Volunteer]:
    """Active volunteers who may not be asked on a day: a check or the training is missing or has expired."""
    require(account, Action.VIEW_CARE)
    return read(
        conn,
        f"""
        WITH active AS MATERIALIZED (
            SELECT v.id FROM time_volunteer v JOIN area p ON p.id = v.area_id WHERE {NEAR} AND v.state = 'active')
        SELECT {COLUMNS} FROM {TABLES} WHERE v.id IN (
            SELECT papers.volunteer_id FROM time_papers_of(ARRAY(SELECT id FROM active)) papers
            WHERE papers.until < %(on)s)
        ORDER BY v.code LIMIT 50
        """,  # noqa: S608
        {"area": account.area_path, "on": on},
    )


def staff_to_link(conn: Connection[Any], account: Account, one: Volunteer) -> list[tuple[str, str, str]]:
    """Members of staff with the role of a volunteer whom nobody of the time bank is yet: (code, zh, en)."""
    return [
        (row[0], row[1], row[2])
        for row in conn.execute(
            "SELECT s.code, s.name_zh, s.name_en FROM staff s JOIN organisation o ON o.id = s.organisation_id"
            " JOIN area p ON p.id = o.area_id WHERE s.kind = 'volunteer' AND (s.active OR s.code = %(own)s)"
            " AND (p.path <@ %(area)s::ltree OR p.path @> %(area)s::ltree)"
            " AND NOT EXISTS (SELECT FROM time_volunteer v WHERE v.staff_id = s.id AND v.id <> %(id)s)"
            " ORDER BY s.code LIMIT 100",
            {"area": account.area_path, "id": one.id, "own": one.staff},
        )
    ]


def courses_of_library(conn: Connection[Any]) -> list[tuple[str, str, str]]:
    """Courses of the library whose certificates count by themselves: (code, Chinese, English)."""
    return [
        (row[0], row[1], row[2])
        for row in conn.execute(
            "SELECT DISTINCT ON (k.code) k.code, v.content ->> 'zh', v.content ->> 'en' FROM course k"
            " JOIN course_version v ON v.course_id = k.id WHERE k.retired_at IS NULL ORDER BY k.code, v.id DESC"
        )
    ]


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a volunteer's history."""

    at: dt.datetime
    action: str
    from_state: str | None
    to_state: str
    actor: str
    actor_en: str | None = None
    note: str


def history(conn: Connection[Any], volunteer_id: int) -> list[Happened]:
    """Read a volunteer's history, the newest first."""
    return conn.cursor(row_factory=class_row(Happened)).execute(
        "SELECT e.at, e.action, e.from_state, e.to_state, e.actor, e.note,"
        " (SELECT n.name_en FROM account n WHERE n.id = e.account_id) AS actor_en FROM time_volunteer_event e"
        " WHERE e.volunteer_id = %s ORDER BY e.id DESC LIMIT 200", (volunteer_id,),
    ).fetchall()  # fmt: skip


def _checked(conn: Connection[Any], account: Account, new: NewVolunteer, now: dt.datetime) -> dict[str, Any]:
    name = new.name_zh.strip()[:60]
    if not name:
        raise ProvisioningError(zh="请填写姓名", en="write the name", field="name_zh")
    for value, field, known, zh, en in (
        (new.sex, "sex", ("female", "male"), "请选择性别", "choose the sex"),
        (new.belongs_to, "belongs_to", GROUPS, "请选择志愿者类别", "choose the group"),
        (new.helps, "helps", ("", "female", "male"), "请选择服务对象", "choose whom they help"),
    ):
        if value not in known:
            raise ProvisioningError(zh=zh, en=en, field=field)
    try:
        born, minutes = dt.date.fromisoformat(new.born_on.strip()), int(new.week_minutes)
    except ValueError as error:
        raise ProvisioningError(
            zh="请填写出生日期和每周时长（分钟）", en="write the day of birth, and minutes a week", field="born_on"
        ) from error
    if not YOUNGEST <= (day_of(now) - born).days / 365.25 <= OLDEST:
        raise ProvisioningError(zh="志愿者须年满 16 周岁", en="a volunteer is 16 or older", field="born_on")
    if not 30 <= minutes <= 2400:
        raise ProvisioningError(zh="每周时长为 30 到 2400 分钟", en="30 to 2400 minutes a week", field="week_minutes")
    area = conn.execute("SELECT id, path::text FROM area WHERE path = %s::ltree", (_path(new.area),)).fetchone()
    if area is None or not in_area(account, area[1]):
        raise ProvisioningError(zh="服务区域不在您的辖区", en="the area is not in yours", field="area")
    resident_id = None
    if new.resident.strip():
        row = conn.execute("SELECT id FROM resident WHERE code = %s", (new.resident.strip(),)).fetchone()
        if row is None or not may_see(conn, account, row[0]):
            raise ProvisioningError(zh="辖区内没有这位老人", en="no such resident in your area", field="resident")
        resident_id = row[0]
    return {
        "name_zh": name, "name_en": new.name_en.strip()[:60] or name, "sex": new.sex, "born_on": born,
        "phone": new.phone.strip()[:40], "belongs_to": new.belongs_to, "area_id": area[0], "resident_id": resident_id,
        "skills": [code for code in SKILLS if code in new.skills],
        "languages": [code for code in LANGUAGES if code in new.languages] or ["cmn"],
        "times": Jsonb(read_times(new.times)), "week_minutes": minutes, "helps": new.helps,
        "note": new.note.strip()[:MOST_WORDS],
    }  # fmt: skip


def _path(text: str) -> str:
    return text.strip() if text.strip() and all(part.isidentifier() for part in text.strip().split(".")) else "none"


def check_dates(day: dt.date, expires: dt.date | None, now: dt.datetime, field: str) -> None:
    if day > day_of(now):
        raise ProvisioningError(zh="日期不能晚于今天", en="the day lies in the future", field=field)
    if expires is not None and expires < day:
        raise ProvisioningError(zh="有效期不能早于日期", en="it would expire before it begins", field="expires_on")


def note_step(
    conn: Connection[Any], number: int, action: str, before: str | None, after: str, account: Account,
    now: dt.datetime, note: str = "",
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO time_volunteer_event (volunteer_id, at, action, from_state, to_state, account_id, actor, note)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (number, now, action, before, after, account.id, account.name_zh, note),
    )


def trace(
    conn: Connection[Any], account: Account, step_: str, code: str, resident: int | None, now: dt.datetime, origin: str
) -> None:
    audit(conn, account, "change_volunteer", at=now, resident_id=resident, origin=origin,
          detail={"volunteer": code, "step": step_})  # fmt: skip


def changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        zh="他人刚刚修改了这位志愿者，请重新查看后再改", en="somebody else changed this volunteer meanwhile: look again"
    )


def _nobody(code: str) -> NotFoundError:
    return NotFoundError(
        zh=f"没有志愿者 {code}，或不在您的辖区", en=f"there is no volunteer {code} in your area", field="code"
    )
