"""Rounds for company: who is visited every week by which pair, and the visits of a week that are made of them."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_services.core.facts import check_here, facts_of
from care_services.time_bank import people
from care_services.time_bank.books import day_of
from care_services.time_bank.kinds import NEEDS, needs_of
from care_services.time_bank.requests import as_account
from care_services.time_bank.running import visits
from care_services.time_bank.running.visits import Made, Plan

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
    return [msgspec.structs.replace(row, needs=needs_of(facts.get(row.id, {}))) for row in rows]


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


def change(
    conn: Connection[Any], account: Account, code: str, new: NewRound, version: int, now: dt.datetime, origin: str = ""
) -> dict[str, int]:
    """Change when a round goes, who is visited and who goes; returns what became of the visits ahead.

    The round's history has who left and who came. Raises ProvisioningError with the field, ChangedMeanwhileError.
    """
    require(account, Action.MANAGE_TIME_BANK)
    one = find(conn, account, code)
    weekday, starts, minutes = _numbers(new)
    if not new.name_zh.strip():
        raise ProvisioningError(zh="请填写名称", en="write a name", field="name_zh")
    visited, going = _people(conn, account, new, now)
    person, name = as_account(account, origin), new.name_zh.strip()[:60]
    with conn.transaction():
        done = conn.execute(
            "UPDATE time_round SET name_zh = %s, name_en = %s, weekday = %s, starts = %s, minutes = %s,"
            " version = version + 1 WHERE id = %s AND version = %s",
            (name, new.name_en.strip()[:60] or name, weekday, starts, minutes, one.id, version),
        )
        if done.rowcount == 0:
            raise _changed()
        were = _codes(conn, one.id)
        conn.execute("DELETE FROM time_round_member WHERE round_id = %s", (one.id,))
        conn.execute("DELETE FROM time_round_crew WHERE round_id = %s", (one.id,))
        _fill(conn, one.id, visited, going)
        are = _codes(conn, one.id)
        if (one.weekday, one.starts, one.minutes) != (weekday, starts, minutes):
            detail = {"before": [one.weekday, one.starts, one.minutes], "after": [weekday, starts, minutes]}
            visits.note_round(conn, one.id, "plan", person, now, detail)
        if were != are:
            visits.note_round(conn, one.id, "people", person, now, {
                "members_in": [x for x in are[0] if x not in were[0]],
                "members_out": [x for x in were[0] if x not in are[0]],
                "crew_in": [x for x in are[1].values() if x not in were[1].values()],
                "crew_out": [x for x in were[1].values() if x not in are[1].values()],
                "out": [number for number in were[1] if number not in are[1]],
            })  # fmt: skip
        plan = Plan(id=one.id, code=code, weekday=weekday, starts=starts, minutes=minutes)
        became = visits.plan_anew(conn, plan, now, person) if one.active else {}
        audit(conn, account, "change_round", at=now, origin=origin, detail={"round": code, **became})
    return became


def consequences(
    conn: Connection[Any], account: Account, code: str, new: NewRound, now: dt.datetime
) -> list[tuple[str, str]]:
    """Name what a change would do to visits that are made already. Raises as :func:`change`."""
    one = find(conn, account, code)
    weekday, starts, minutes = _numbers(new)
    visited, going = _people(conn, account, new, now)
    ahead = visits.ahead_of(conn, one.id, now)
    gone = sum(visit.resident_id not in visited for visit in ahead)
    left = sum(
        visit.resident_id in visited
        and bool({visit.volunteer_id, visit.partner_id} - {None} - set(going)) for visit in ahead
    )  # fmt: skip
    found = []
    if gone:
        found.append((f"{gone} 次已排的巡访将取消", f"{gone} visits that are planned are cancelled"))
    if left:
        found.append((
            f"{left} 次已排的巡访由其他志愿者接手，没有人时改为待匹配",
            f"{left} planned visits go to other volunteers, or are open where there is nobody",
        ))  # fmt: skip
    if (one.weekday, one.starts, one.minutes) != (weekday, starts, minutes) and len(ahead) > gone:
        found.append((
            f"{len(ahead) - gone} 次已排的巡访改到新的时间", f"{len(ahead) - gone} planned visits move to the new time"
        ))  # fmt: skip
    return found


def pause(
    conn: Connection[Any],
    account: Account,
    code: str,
    version: int,
    now: dt.datetime,
    *,
    active: bool,
    origin: str = "",
) -> int:
    """Pause a round: its visits ahead are cancelled; or let it go on. Returns how many were cancelled."""
    require(account, Action.MANAGE_TIME_BANK)
    one = find(conn, account, code)
    person, dropped = as_account(account, origin), 0
    with conn.transaction():
        done = conn.execute(
            "UPDATE time_round SET active = %s, made_until = CASE WHEN %s THEN NULL ELSE made_until END,"
            " version = version + 1 WHERE id = %s AND version = %s AND active <> %s",
            (active, active, one.id, version, active),
        )
        if done.rowcount == 0:
            raise _changed()
        if not active:
            dropped = visits.drop(conn, visits.ahead_of(conn, one.id, now), person, now, "巡访暂停")
        visits.note_round(conn, one.id, "resume" if active else "pause", person, now, {"cancelled": dropped})
        audit(conn, account, "change_round", at=now, origin=origin, detail={"round": code, "active": active})
    return dropped


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a round's history."""

    at: dt.datetime
    action: str
    actor: str
    actor_en: str | None = None
    detail: dict[str, Any]


def history(conn: Connection[Any], round_id: int, limit: int = 60) -> list[Happened]:
    """The newest lines of a round's history."""
    return conn.cursor(row_factory=class_row(Happened)).execute(
        "SELECT e.at, e.action, e.actor, e.detail,"
        " (SELECT n.name_en FROM account n WHERE n.id = e.account_id) AS actor_en FROM time_round_event e"
        " WHERE e.round_id = %s ORDER BY e.id DESC LIMIT %s",
        (round_id, limit),
    ).fetchall()  # fmt: skip


def _codes(conn: Connection[Any], round_id: int) -> tuple[list[str], dict[int, str]]:
    members_ = conn.execute(
        "SELECT r.code FROM time_round_member m JOIN resident r ON r.id = m.resident_id WHERE m.round_id = %s"
        " ORDER BY m.place", (round_id,),
    ).fetchall()  # fmt: skip
    return [row[0] for row in members_], {number: code for _, number, code, _, _ in crew(conn, round_id)}


def _changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(zh="他人刚刚修改了该巡访，请刷新", en="somebody else changed it: look again")


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
    for one in visited:
        check_here(conn, one or 0, "members")
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

    Safe to repeat: visits that are there stay. A pair of which one may not help on that day goes not at all, and nobody
    goes to a resident who has not agreed: the visit is made open, for somebody to be found. The rounds of care make
    the days to come by themselves; this is for who will not wait, or wants a later week.
    """
    require(account, Action.MANAGE_TIME_BANK)
    monday -= dt.timedelta(days=monday.weekday())
    made, person = Made(), as_account(account, origin)
    for one in listing(conn, account):
        if one.active:
            with conn.transaction():
                last = monday + dt.timedelta(days=6)
                first = max(monday, day_of(now)) if last >= day_of(now) else monday
                made = made.with_more(visits.make_days(conn, plan_of(one), first, last, now, person))
    detail = {"week": str(monday), "visits": made.visits}
    audit(conn, account, "make_round_week", at=now, origin=origin, detail=detail)
    return made.visits, made.alone


def plan_of(one: Round) -> Plan:
    """The hours of a round."""
    return Plan(id=one.id, code=one.code, weekday=one.weekday, starts=one.starts, minutes=one.minutes)


def needs_words(needs: Sequence[str], language: str) -> str:
    """Groups in words."""
    return ("、" if language == "zh" else ", ").join(NEEDS[one][0 if language == "zh" else 1] for one in needs)
