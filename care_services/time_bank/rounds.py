"""Rounds for company: who is visited every week by which pair, and the visits of a week that are made of them."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, may_see, require
from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_services.core.facts import facts_of
from care_services.time_bank import people
from care_services.time_bank.books import day_of
from care_services.time_bank.kinds import NEEDS, needs_of
from vocabulary.times import SHANGHAI

PAUSE_MINUTES = 10
"""Between two visits of a pair."""
MOST_MEMBERS = 40


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round with how many it visits and how many go."""

    id: int
    code: str
    name_zh: str
    name_en: str
    area: str
    area_zh: str
    area_en: str
    weekday: int
    starts: int
    minutes: int
    active: bool
    version: int
    members: int = 0
    crew: int = 0


class NewRound(msgspec.Struct, frozen=True, kw_only=True):
    """A round as a form sends it. ``members``: codes of residents in the order of visits; ``crew``: volunteers in
    pairs, one after the other."""

    name_zh: str
    name_en: str = ""
    area: str
    weekday: str
    starts: str
    minutes: str = "40"
    members: tuple[str, ...] = ()
    crew: tuple[str, ...] = ()


_ROUND = """
    SELECT o.id, o.code, o.name_zh, o.name_en, p.path::text AS area, p.name_zh AS area_zh, p.name_en AS area_en,
           o.weekday, o.starts, o.minutes, o.active, o.version,
           (SELECT count(*) FROM time_round_member m WHERE m.round_id = o.id) AS members,
           (SELECT count(*) FROM time_round_crew c WHERE c.round_id = o.id) AS crew
    FROM time_round o JOIN area p ON p.id = o.area_id
"""


def listing(conn: Connection[Any], account: Account) -> list[Round]:
    """The rounds below the account's area, by day of the week."""
    require(account, Action.VIEW_CARE)
    return conn.cursor(row_factory=class_row(Round)).execute(
        f"{_ROUND} WHERE p.path <@ %s::ltree ORDER BY o.weekday, o.starts, o.code LIMIT 200", (account.area_path,)
    ).fetchall()  # fmt: skip


def find(conn: Connection[Any], account: Account, code: str) -> Round:
    """A round by code. Raises NotFoundError."""
    require(account, Action.VIEW_CARE)
    cursor = conn.cursor(row_factory=class_row(Round))
    found = cursor.execute(f"{_ROUND} WHERE o.code = %s", (code,)).fetchone()
    if found is None or not in_area(account, found.area):
        raise NotFoundError(zh=f"没有巡访 {code}，或不在您的辖区", en=f"there is no round {code} in your area")
    return found


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A resident who is visited, with the groups that they belong to."""

    id: int
    code: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    needs: tuple[str, ...] = ()


def members(conn: Connection[Any], account: Account, round_id: int, now: dt.datetime) -> list[Member]:
    """Residents who are visited, in the order of visits."""
    require(account, Action.VIEW_CARE)
    rows = conn.cursor(row_factory=class_row(Member)).execute(
        "SELECT r.id, r.code, r.name_zh, r.name_en, h.address_zh, h.address_en FROM time_round_member m"
        " JOIN resident r ON r.id = m.resident_id JOIN household h ON h.id = r.household_id"
        " WHERE m.round_id = %s AND NOT h.synthetic ORDER BY m.place",
        (round_id,),
    ).fetchall()  # fmt: skip
    return with_needs(conn, rows, now)


def with_needs(conn: Connection[Any], rows: Sequence[Member], now: dt.datetime) -> list[Member]:
    """Residents with the groups that they belong to, as far as it is known."""
    facts = facts_of(conn, [row.id for row in rows], day_of(now))
    alone = {
        row[0]
        for row in conn.execute(
            "SELECT r.id FROM resident r WHERE r.id = ANY(%s) AND r.lives_alone", ([one.id for one in rows],)
        )
    }
    return [
        msgspec.structs.replace(
            row, needs=needs_of({**facts.get(row.id, {}), **({"lives_alone": True} if row.id in alone else {})})
        )
        for row in rows
    ]


def proposed(conn: Connection[Any], account: Account, area: str, now: dt.datetime, limit: int = 30) -> list[Member]:
    """Residents of an area who are frail, very old or lonely and whom no round visits: those of most groups first."""
    require(account, Action.VIEW_CARE)
    if not in_area(account, area):
        return []
    rows = conn.cursor(row_factory=class_row(Member)).execute(
        "SELECT r.id, r.code, r.name_zh, r.name_en, h.address_zh, h.address_en FROM resident r"
        " JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
        " WHERE a.path <@ %s::ltree AND NOT h.synthetic AND r.gone IS NULL"
        " AND (r.lives_alone OR r.ability_grade IN ('moderate', 'severe',"
        " 'lost') OR r.birth_date <= %s) AND NOT EXISTS (SELECT FROM time_round_member m WHERE m.resident_id = r.id)"
        " ORDER BY r.birth_date LIMIT 400",
        (area, day_of(now).replace(day=1) - dt.timedelta(days=80 * 365 + 20)),
    ).fetchall()  # fmt: skip
    found = [one for one in with_needs(conn, rows, now) if one.needs]
    return sorted(found, key=lambda one: (-len(one.needs), one.code))[:limit]


def crew(conn: Connection[Any], round_id: int) -> list[tuple[int, int, str, str, str]]:
    """Volunteers who go: (pair, volunteer's id, code, Chinese name, English name)."""
    return [
        (row[0], row[1], row[2], row[3], row[4])
        for row in conn.execute(
            "SELECT c.pair, v.id, v.code, v.name_zh, v.name_en FROM time_round_crew c"
            " JOIN time_volunteer v ON v.id = c.volunteer_id WHERE c.round_id = %s ORDER BY c.pair, v.code",
            (round_id,),
        )
    ]


def add(conn: Connection[Any], account: Account, new: NewRound, now: dt.datetime, origin: str = "") -> str:
    """Make a round; returns its code. Raises ProvisioningError with the wrong field."""
    require(account, Action.MANAGE_TIME_BANK)
    area = conn.execute("SELECT id, path::text FROM area WHERE path::text = %s", (new.area.strip(),)).fetchone()
    if area is None or not in_area(account, area[1]):
        raise ProvisioningError(zh="区域不在您的辖区", en="the area is not in yours", field="area")
    weekday, starts, minutes = _numbers(new)
    if not new.name_zh.strip():
        raise ProvisioningError(zh="请填写名称", en="write a name", field="name_zh")
    visited, going = _people(conn, account, new, now)
    code = f"RD{uuid.uuid4().hex[:6].upper()}"
    name = new.name_zh.strip()[:60]
    try:
        with conn.transaction():
            row = conn.execute(
                "INSERT INTO time_round (code, name_zh, name_en, area_id, weekday, starts, minutes)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                (code, name, new.name_en.strip()[:60] or name, area[0], weekday, starts, minutes),
            ).fetchone()
            assert row is not None  # noqa: S101 - an INSERT returns its row
            _fill(conn, row[0], visited, going)
            audit(conn, account, "change_round", at=now, origin=origin, detail={"round": code, "members": len(visited)})
    except errors.UniqueViolation as error:
        raise ExistsError(zh="同一人不能重复", en="nobody stands in it twice", field="members") from error
    return code


def change_people(
    conn: Connection[Any], account: Account, code: str, new: NewRound, version: int, now: dt.datetime, origin: str = ""
) -> None:
    """Change who is visited and who goes; visits that are made already stay."""
    require(account, Action.MANAGE_TIME_BANK)
    one = find(conn, account, code)
    visited, going = _people(conn, account, new, now)
    with conn.transaction():
        done = conn.execute(
            "UPDATE time_round SET version = version + 1 WHERE id = %s AND version = %s", (one.id, version)
        )
        if done.rowcount == 0:
            raise ChangedMeanwhileError(zh="他人刚刚修改了该巡访，请刷新", en="somebody else changed it: look again")
        conn.execute("DELETE FROM time_round_member WHERE round_id = %s", (one.id,))
        conn.execute("DELETE FROM time_round_crew WHERE round_id = %s", (one.id,))
        _fill(conn, one.id, visited, going)
        audit(conn, account, "change_round", at=now, origin=origin, detail={"round": code, "members": len(visited)})


def _fill(conn: Connection[Any], number: int, visited: Sequence[int], going: Sequence[int]) -> None:
    conn.cursor().executemany(
        "INSERT INTO time_round_member (round_id, resident_id, place) VALUES (%s, %s, %s)",
        [(number, one, place) for place, one in enumerate(visited, 1)],
    )
    conn.cursor().executemany(
        "INSERT INTO time_round_crew (round_id, volunteer_id, pair) VALUES (%s, %s, %s)",
        [(number, one, place // 2 + 1) for place, one in enumerate(going)],
    )


def _numbers(new: NewRound) -> tuple[int, int, int]:
    try:
        weekday, minutes = int(new.weekday), int(new.minutes)
        hour, _, minute = new.starts.partition(":")
        starts = int(hour) * 60 + int(minute)
    except ValueError as error:
        raise ProvisioningError(
            zh="请填写星期、开始时间和每次时长", en="write the day, the hour and how long a visit is", field="starts"
        ) from error
    if not (1 <= weekday <= 7 and 0 <= starts < 1440 and 10 <= minutes <= 240):
        raise ProvisioningError(
            zh="每次 10 到 240 分钟，时间写法如 14:00", en="10 to 240 minutes a visit, from an hour like 14:00",
            field="minutes",
        )  # fmt: skip
    return weekday, starts, minutes


def _people(conn: Connection[Any], account: Account, new: NewRound, now: dt.datetime) -> tuple[list[int], list[int]]:
    wanted = list(dict.fromkeys(code.strip() for code in new.members if code.strip()))
    if not wanted or len(wanted) > MOST_MEMBERS:
        raise ProvisioningError(
            zh=f"请选择 1 到 {MOST_MEMBERS} 位老人", en=f"choose 1 to {MOST_MEMBERS} residents", field="members"
        )
    known = dict(conn.execute("SELECT code, id FROM resident r WHERE code = ANY(%s)", (wanted,)).fetchall())
    visited = [known.get(code) for code in wanted]
    if any(one is None or not may_see(conn, account, one) for one in visited):
        raise NotFoundError(zh="有老人不在您的辖区", en="one of the residents is not in your area", field="members")
    going = [people.find(conn, account, code.strip()) for code in dict.fromkeys(new.crew) if code.strip()]
    if len(going) < 2 or len(going) % 2:
        raise ProvisioningError(
            zh="志愿者两人一组，请选择偶数位", en="volunteers go in pairs: choose an even number", field="crew"
        )
    for one in going:
        if not one.helping(day_of(now)):
            raise ProvisioningError(
                zh=f"{one.name_zh} 当前不能服务（未在服务中，或审查、培训已过期）",
                en=f"{one.name_en} cannot help now: not active, or a check has expired", field="crew",
            )  # fmt: skip
    return [one for one in visited if one is not None], [one.id for one in going]


def make_week(
    conn: Connection[Any], account: Account, monday: dt.date, now: dt.datetime, origin: str = ""
) -> tuple[int, int]:
    """Make the visits of a week for the rounds below the account's area; returns (made, without a pair).

    Safe to repeat: visits that are there stay. A pair of which one may not help on that day goes not at all: the visit
    is made open, for somebody to be found.
    """
    require(account, Action.MANAGE_TIME_BANK)
    monday -= dt.timedelta(days=monday.weekday())
    made = lonely = 0
    for one in listing(conn, account):
        if not one.active:
            continue
        day = monday + dt.timedelta(days=one.weekday - 1)
        with conn.transaction():
            more, without = _make_day(conn, account, one, day, now)
            made, lonely = made + more, lonely + without
    audit(conn, account, "make_round_week", at=now, origin=origin, detail={"week": str(monday), "visits": made})
    return made, lonely


def _make_day(conn: Connection[Any], account: Account, one: Round, day: dt.date, now: dt.datetime) -> tuple[int, int]:
    pairs: dict[int, list[int]] = {}
    for pair, volunteer, code, _, _ in crew(conn, one.id):
        if people.find(conn, account, code).helping(day):
            pairs.setdefault(pair, []).append(volunteer)
    able = [both for _, both in sorted(pairs.items()) if len(both) == 2]
    begins = dt.datetime.combine(day, dt.time(), SHANGHAI) + dt.timedelta(minutes=one.starts)
    made = lonely = 0
    for place, member in enumerate(members(conn, account, one.id, now)):
        two = able[place % len(able)] if able else None
        turn = place // len(able) if able else place
        at = (begins + turn * dt.timedelta(minutes=one.minutes + PAUSE_MINUTES)).astimezone(dt.UTC)
        number = uuid.uuid4()
        done = conn.execute(
            "INSERT INTO time_request (id, resident_id, kind, state, wanted_from, wanted_until, minutes, asked_as,"
            " asked_by, asked_at, volunteer_id, partner_id, round_id)"
            " SELECT %s, %s, 'round', %s, %s, %s, %s, 'round', %s, %s, %s, %s, %s"
            " WHERE NOT EXISTS (SELECT FROM time_request WHERE round_id = %s AND resident_id = %s"
            " AND (wanted_from AT TIME ZONE 'Asia/Shanghai')::date = %s)",
            (
                number, member.id, "accepted" if two else "open", at, at + dt.timedelta(minutes=one.minutes),
                one.minutes, account.id, now, two[0] if two else None, two[1] if two else None, one.id,
                one.id, member.id, day,
            ),
        )  # fmt: skip
        if done.rowcount:
            made += 1
            lonely += two is None
            conn.execute(
                "INSERT INTO time_request_event (request_id, at, action, to_state, account_id, actor, volunteer_id)"
                " VALUES (%s, %s, 'plan', %s, %s, %s, %s)",
                (number, now, "accepted" if two else "open", account.id, account.name_zh, two[0] if two else None),
            )
    return made, lonely


def needs_words(needs: Sequence[str], language: str) -> str:
    """Groups in words."""
    return ("、" if language == "zh" else ", ").join(NEEDS[one][0 if language == "zh" else 1] for one in needs)
