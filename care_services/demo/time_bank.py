"""Fill the demonstration's time bank: volunteers in all states, requests, rounds, and a ledger of a year."""

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from care_services.time_bank import books, holders, requests, store
from care_services.time_bank.kinds import BASIC_COURSE, KINDS
from care_services.time_bank.ledger import Leg, expiring, move
from care_services.time_bank.requests import Person
from care_services.time_bank.running import alarms
from vocabulary.times import SHANGHAI

DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
_NAMES = (
    ("何丽娟", "He Lijuan", "female"), ("邱伟", "Qiu Wei", "male"), ("苏敏", "Su Min", "female"),
    ("赖国强", "Lai Guoqiang", "male"), ("潘雪梅", "Pan Xuemei", "female"), ("蓝晓东", "Lan Xiaodong", "male"),
    ("丘桂香", "Qiu Guixiang", "female"), ("古志明", "Gu Zhiming", "male"), ("巫燕", "Wu Yan", "female"),
    ("范文静", "Fan Wenjing", "female"), ("江海涛", "Jiang Haitao", "male"), ("骆冰", "Luo Bing", "female"),
    ("石磊", "Shi Lei", "male"), ("方小兰", "Fang Xiaolan", "female"), ("侯建平", "Hou Jianping", "male"),
    ("戴月", "Dai Yue", "female"), ("严俊", "Yan Jun", "male"), ("尹秀珍", "Yin Xiuzhen", "female"),
)  # fmt: skip
_STATES = ("active",) * 11 + ("applied", "checked", "trained", "resting", "ended", "applied", "active")
_GROUPS = ("neighbour", "student", "social_worker", "party_member", "employee", "neighbour")
_SKILLS = (("escort", "counselling"), ("device_repair",), ("escort", "housekeeping"), ("counselling", "first_aid"), ())
_LANGUAGES = (["cmn", "yue"], ["cmn", "hak"], ["cmn"], ["cmn", "yue", "nan"])
_HELP = ("company", "walk", "errand", "call", "digital", "company", "escort", "housework")
_WORDS = ("想找人陪着说说话", "腿脚不便，想下楼走走", "帮忙取药和买菜", "手机挂号不会用", "")


class _Helper(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    code: str
    community: str
    state: str
    resident_id: int | None


class _Home(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    code: str
    community: str
    area_id: int
    name_zh: str
    name_en: str
    sex: str
    born: dt.date
    fit: bool
    alone: bool


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Make it where there is none yet. About 400 helps of a year: half a second."""
    if conn.execute("SELECT FROM time_volunteer LIMIT 1").fetchone() is not None:
        return
    homes = [
        _Home(
            id=row[0], code=row[1], community=row[2], area_id=row[3], name_zh=row[4], name_en=row[5], sex=row[6],
            born=row[7], fit=row[8] == "intact", alone=bool(row[9]),
        )
        for row in conn.execute(
            "SELECT r.id, r.code, up.path::text, up.id, r.name_zh, r.name_en, r.sex, r.birth_date, r.ability_grade,"
            " r.lives_alone FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
            " JOIN area up ON up.path @> a.path AND up.level = 'community' WHERE NOT h.synthetic AND r.gone IS NULL"
            " ORDER BY r.code LIMIT 200"
        )
    ]  # fmt: skip
    if not homes:
        return
    luck = random.Random(18)  # noqa: S311 - the same every time
    helpers = _volunteers(conn, homes, now, luck)
    able = [one for one in helpers if one.state == "active"]
    _past(conn, homes, able, now, luck)
    _rounds(conn, homes, able, now)
    conn.execute(
        "SELECT time_earn(id, closed_at) FROM (SELECT id, closed_at FROM time_request WHERE state = 'confirmed'"
        " ORDER BY closed_at, id OFFSET 0) earned"
    )
    _open(conn, homes, able, now, luck)
    _not_kept(conn, able, homes, now)
    _agreed(conn, now)
    _spent(conn, able, homes, now)
    _wishes(conn, now)


def answered(conn: Connection[Any], now: dt.datetime) -> int:
    """Take the alarms of the made-up past that neighbours answered, as the rounds do; how many became helps.

    The receiving side has confirmed all but the newest, which is left to whoever looks at the demonstration.
    """
    done = 0
    while taken := alarms.take_finished(conn, now):
        done += taken
    rows = conn.execute(
        "SELECT id FROM time_request WHERE kind = 'alarm' AND state = 'done' ORDER BY told_at DESC"
        " OFFSET (SELECT CASE WHEN count(*) > 1 THEN 1 ELSE 0 END FROM time_request WHERE kind = 'alarm'"
        " AND state = 'done')"
    ).fetchall()
    for one in reversed(store.by_ids(conn, [row[0] for row in rows])):
        person = Person(key=f"resident:{one.resident}", name=one.resident_zh)
        at = (one.told_at or now) + dt.timedelta(hours=2)
        requests.confirm(conn, one, one.told_minutes or 1, person, min(at, now), said_as="resident")
    return done


def _volunteers(conn: Connection[Any], homes: Sequence[_Home], now: dt.datetime, luck: random.Random) -> list[_Helper]:
    today = now.astimezone(SHANGHAI).date()
    seniors = [one for one in homes if one.fit and (today - one.born).days < 76 * 365][:6]
    staff = conn.execute(
        "SELECT s.id, s.name_zh, s.name_en, s.phone, a.id FROM staff s JOIN organisation o ON o.id = s.organisation_id"
        " JOIN area a ON a.id = o.area_id WHERE s.kind = 'volunteer' AND s.active ORDER BY s.code LIMIT 8"
    ).fetchall()
    rows: list[tuple[Any, ...]] = [
        (one.name_zh, one.name_en, one.sex, one.born, "0755-0006001", "senior", one.area_id, one.id, None, "active")
        for one in seniors
    ]
    rows += [
        (zh, en, "female" if place % 2 else "male", dt.date(1968 + place, 3, 9), phone, "neighbour", area, None, number,
         "active")
        for place, (number, zh, en, phone, area) in enumerate(staff)
    ]  # fmt: skip
    rows += [
        (zh, en, sex, dt.date(1958 + place * 7 % 48, 1 + place % 12, 5), f"0755-00061{place:02d}",
         _GROUPS[place % len(_GROUPS)], homes[place * 5 % len(homes)].area_id, None, None, _STATES[place])
        for place, (zh, en, sex) in enumerate(_NAMES)
    ]  # fmt: skip
    found = []
    for place, row in enumerate(rows):
        times = [[day, 540, 1080] for day in ((1, 2, 3, 4, 5), (6, 7), (1, 3, 5, 6), ())[place % 4]]
        made = conn.execute(
            "INSERT INTO time_volunteer (name_zh, name_en, sex, born_on, phone, belongs_to, area_id, resident_id,"
            " staff_id, state, skills, languages, times, week_minutes, applied_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id, code,"
            " (SELECT path::text FROM area WHERE id = area_id)",
            (
                *row, list(_SKILLS[place % len(_SKILLS)]), _LANGUAGES[place % len(_LANGUAGES)], Jsonb(times),
                (240, 360, 480)[place % 3], now - (400 - place * 3) * DAY,
            ),
        ).fetchone()  # fmt: skip
        assert made is not None  # noqa: S101 - an INSERT returns its row
        found.append(_Helper(id=made[0], code=made[1], community=made[2], state=row[9], resident_id=row[7]))
    _papers(conn, found, now, luck)
    return found


def _papers(conn: Connection[Any], helpers: Sequence[_Helper], now: dt.datetime, luck: random.Random) -> None:
    today = now.astimezone(SHANGHAI).date()
    checks, courses, events = list[tuple[Any, ...]](), list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    last_active = [one.id for one in helpers if one.state == "active"][-2:]
    for one in helpers:
        began = today - luck.randrange(300, 380) * DAY
        events.append((one.id, now - 390 * DAY, "apply", None, "applied"))
        if one.state == "applied":
            continue
        # one of them has a check that ended last week, one that ends soon
        ends = {last_active[0]: today - 6 * DAY, last_active[-1]: today + 12 * DAY}.get(one.id, began + 730 * DAY)
        checks += [(one.id, "identity", began, None, now - 380 * DAY), (one.id, "background", began, ends, now)]
        events.append((one.id, now - 380 * DAY, "check", "applied", "checked"))
        if one.state == "checked":
            continue
        courses.append((one.id, BASIC_COURSE, began + 5 * DAY, began + 1095 * DAY, now - 375 * DAY,
                        "社区党群服务中心", "街道社工站"))  # fmt: skip
        events.append((one.id, now - 375 * DAY, "train", "checked", "trained"))
        if one.state != "trained":
            events.append((one.id, now - 370 * DAY, "begin", "trained", "active"))
        if one.state in ("resting", "ended"):
            events.append((one.id, now - 20 * DAY, one.state.replace("ing", "").replace("ed", ""), "active", one.state))
    cursor = conn.cursor()
    cursor.executemany(
        "INSERT INTO time_volunteer_check (volunteer_id, kind, passed, checked_on, expires_on, at)"
        " VALUES (%s, %s, true, %s, %s, %s)", checks,
    )  # fmt: skip
    cursor.executemany(
        "INSERT INTO time_volunteer_training (volunteer_id, course, passed, passed_on, expires_on, at, place,"
        " taught_by) VALUES (%s, %s, true, %s, %s, %s, %s, %s)", courses,
    )  # fmt: skip
    cursor.executemany(
        "INSERT INTO time_volunteer_event (volunteer_id, at, action, from_state, to_state, actor)"
        " VALUES (%s, %s, %s, %s, %s, '演示')", events,
    )  # fmt: skip


_COLUMNS = (
    "id, resident_id, kind, state, wanted_from, wanted_until, minutes, asked_as, asked_at, words, volunteer_id,"
    " partner_id, round_id, told_minutes, told_at, told_by, said_minutes, said_at, said_by, said_as, agreed, credited,"
    " partner_credited, rule, closed_at, ended_as"
)


class _Rows:
    """Requests to be written by one COPY."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def add(
        self, home: _Home, kind: str, state: str, at: dt.datetime, minutes: int, one: _Helper | None,
        partner: _Helper | None = None, round_id: int | None = None, said: int | None = None, asked: str = "station",
        words: str = "", ended_as: str | None = None,
    ) -> uuid.UUID:  # fmt: skip
        """A request in a state, with what both sides said as far as it came."""
        seed = f"{home.code} {at} {kind} {state} {one.code if one else len(self.rows)}"
        number = uuid.UUID(int=random.Random(seed).getrandbits(128), version=4)  # noqa: S311
        told = state in ("done", "disputed", "confirmed")
        heard = state in ("disputed", "confirmed")
        ends = at + minutes * dt.timedelta(minutes=1)
        closed = ends + dt.timedelta(hours=3) if state in ("confirmed", "cancelled") else None
        good = state == "confirmed"
        self.rows.append((
            number, home.id, kind, state, at, ends, minutes, asked, at - 2 * DAY, words, one.id if one else None,
            partner.id if partner else None, round_id, minutes if told else None,
            ends + dt.timedelta(hours=1) if told else None, f"volunteer:{one.code}" if told and one else None,
            (minutes if said is None else said) if heard else None, ends + dt.timedelta(hours=3) if heard else None,
            f"resident:{home.code}" if heard else None, "resident" if heard else None, minutes if good else None,
            minutes if good else None, minutes if good and partner else None, "earn" if good else None, closed,
            ended_as,
        ))  # fmt: skip
        return number

    def write(self, conn: Connection[Any]) -> None:
        """Write them all."""
        with conn.cursor().copy(f"COPY time_request ({_COLUMNS}) FROM STDIN") as copy:
            for row in self.rows:
                copy.write_row(row)


def _hour(now: dt.datetime, days: int, hour: int) -> dt.datetime:
    day = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0) + days * DAY
    return (day + dt.timedelta(hours=hour)).astimezone(dt.UTC)


def _near(homes: Sequence[_Home], one: _Helper, place: int) -> _Home:
    around = [home for home in homes if home.community == one.community and home.id != one.resident_id]
    others = around or [home for home in homes if home.id != one.resident_id]
    return others[place % len(others)]


def _past(
    conn: Connection[Any], homes: Sequence[_Home], able: Sequence[_Helper], now: dt.datetime, luck: random.Random
) -> None:
    rows = _Rows()
    for place, one in enumerate(able):
        if place < 2:  # so old that they expire
            rows.add(_near(homes, one, place), "company", "confirmed", _hour(now, -1130, 9), 60, one)
        for week in range(1, 52):
            if luck.random() < 0.4:
                kind = _HELP[luck.randrange(len(_HELP))]
                minutes = max(10, KINDS[kind].minutes + luck.choice((-15, 0, 0, 15, 30)))
                at = _hour(now, -7 * week + luck.randrange(6), 9 + luck.randrange(8))
                rows.add(_near(homes, one, week), kind, "confirmed", at, minutes, one, asked="family")
    rows.write(conn)


def _rounds(conn: Connection[Any], homes: Sequence[_Home], able: Sequence[_Helper], now: dt.datetime) -> None:
    today = now.astimezone(SHANGHAI).date()
    monday = today - today.weekday() * DAY
    by_community: dict[str, list[_Home]] = {}
    for home in homes:
        by_community.setdefault(home.community, []).append(home)
    rows, spare = _Rows(), list(able)[2:-2] or list(able)
    for number, (_, visited) in enumerate(sorted(by_community.items(), key=lambda pair: -len(pair[1]))[:3]):
        crew = spare[number * 4 % len(spare) :][:4]
        if len(crew) < 2:
            continue
        crew = crew[: len(crew) // 2 * 2]
        members = sorted(visited, key=lambda home: (not home.alone, home.born))[:6]
        weekday = (2, 4, 6)[number]
        area = conn.execute("SELECT name_zh, name_en FROM area WHERE id = %s", (visited[0].area_id,)).fetchone()
        made = conn.execute(
            "INSERT INTO time_round (code, name_zh, name_en, area_id, weekday, starts, minutes)"
            " VALUES (%s, %s, %s, %s, %s, 870, 40) RETURNING id",
            (f"RD{number + 1}", f"{area[0] if area else ''}陪伴巡访", f"Round of {area[1] if area else ''}",
             visited[0].area_id, weekday),
        ).fetchone()  # fmt: skip
        assert made is not None  # noqa: S101 - an INSERT returns its row
        conn.cursor().executemany(
            "INSERT INTO time_round_member VALUES (%s, %s, %s)",
            [(made[0], home.id, place) for place, home in enumerate(members, 1)],
        )
        conn.cursor().executemany(
            "INSERT INTO time_round_crew VALUES (%s, %s, %s)",
            [(made[0], one.id, place // 2 + 1) for place, one in enumerate(crew)],
        )
        for week in range(-8, 1):
            day = (monday + week * WEEK + (weekday - 1) * DAY - today).days
            for place, home in enumerate(members):
                pair = crew[place % (len(crew) // 2) * 2 :][:2]
                pair = [one for one in pair if one.resident_id != home.id]
                at = _hour(now, day, 14) + dt.timedelta(minutes=30 + 50 * (place // (len(crew) // 2)))
                over = at + dt.timedelta(hours=1) < now
                missed = (place + week) % 7 == 3
                state = "confirmed" if over and not missed else "accepted"
                if week < 0 and missed:
                    state = "cancelled"
                if pair:
                    rows.add(home, "round", state, at, 40, pair[0], pair[1] if len(pair) > 1 else None, made[0],
                             asked="round")  # fmt: skip
    rows.write(conn)


def _not_kept(conn: Connection[Any], able: Sequence[_Helper], homes: Sequence[_Home], now: dt.datetime) -> None:
    """Let three promises not be kept: one counts, one is spoken against, one is excused."""
    for place, (kind, days, appeal, excused) in enumerate((
        ("no_show", 40, "", None), ("no_show", 9, "我到了，楼下门禁进不去，打电话没人接", None),
        ("late_cancel", 25, "孩子发烧，提前三小时打了电话", True),
    )):  # fmt: skip
        one = able[(place * 2 + 1) % len(able)]
        at = _hour(now, -days, 10)
        rows = _Rows()
        number = rows.add(
            _near(homes, one, place),
            "company",
            "cancelled",
            at,
            60,
            one,
            ended_as="no_show" if kind == "no_show" else None,
        )
        rows.write(conn)
        conn.execute(
            "INSERT INTO time_missed (request_id, volunteer_id, kind, promised_for, at, appeal, appeal_at, excused,"
            " decided_at, reason) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                number, one.id, kind, at, at + dt.timedelta(hours=1), appeal, at + DAY if appeal else None, excused,
                at + 2 * DAY if excused else None, "已电话核实，确有急事" if excused else "",
            ),
        )  # fmt: skip


def _agreed(conn: Connection[Any], now: dt.datetime) -> None:
    """Let most residents who are helped agree to that; some were never asked, and who said no before stays with it."""
    conn.execute(
        """
        INSERT INTO consent_event (resident_id, purpose, given, at, by_whom, how, words, recorded_at)
        SELECT id, 'volunteers', true, %(at)s, 'self', 'spoken', 1, %(at)s FROM (
            SELECT r.id, row_number() OVER (ORDER BY r.code) AS place FROM resident r
            JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            WHERE EXISTS (SELECT FROM time_request q WHERE q.resident_id = r.id)) helped
        WHERE place %% 9 <> 4 AND consent_of(id, 'volunteers') IS NULL
        """,
        {"at": now - 30 * DAY},
    )


def _wishes(conn: Connection[Any], now: dt.datetime) -> None:
    """Let a family wish that some of its relative's minutes are given away; the station has not decided yet."""
    conn.execute(
        "INSERT INTO time_wish (resident_id, what, minutes, words, asked_by, asked_at)"
        " SELECT f.resident_id, 'donate', 30, '老人想把用不完的时间捐给更需要的邻居', f.account_id, %s"
        " FROM family_member f"
        " JOIN time_account c ON c.resident_id = f.resident_id JOIN resident r ON r.id = f.resident_id"
        " JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
        " WHERE (SELECT sum(minutes) FROM time_lot l WHERE l.account_id = c.id) >= 30 ORDER BY f.resident_id LIMIT 1",
        (now - 2 * DAY,),
    )


def _open(
    conn: Connection[Any], homes: Sequence[_Home], able: Sequence[_Helper], now: dt.datetime, luck: random.Random
) -> None:
    rows = _Rows()
    for place, state in enumerate(
        ("open", "open", "open", "offered", "offered", "accepted", "accepted", "accepted", "done", "done", "done",
         "disputed", "accepted", "cancelled")
    ):  # fmt: skip
        one = able[place % len(able)]
        home = _near(homes, one, place * 3)
        kind = _HELP[place % len(_HELP)]
        past = state in ("done", "disputed", "cancelled") or place == 12
        at = _hour(now, -(1 + place % 3) if past else 1 + place % 5, 9 + place % 7)
        minutes = KINDS[kind].minutes
        rows.add(
            home, kind, state, at, minutes, None if state == "open" else one, said=max(5, minutes - 30),
            asked=("resident", "family", "station")[place % 3], words=_WORDS[place % len(_WORDS)],
        )  # fmt: skip
    rows.write(conn)
    conn.execute(
        "INSERT INTO time_request_event (request_id, at, action, to_state, actor, volunteer_id)"
        " SELECT id, asked_at, 'ask', 'open', '演示', NULL FROM time_request WHERE closed_at IS NULL"
    )


def _spent(conn: Connection[Any], able: Sequence[_Helper], homes: Sequence[_Home], now: dt.datetime) -> None:
    """Minutes that were spent, given, transferred and that expired, within the last weeks."""
    known = dict(conn.execute("SELECT kind, id FROM time_account WHERE kind IN ('issuer', 'gift_pool', 'expired')"))
    accounts: list[tuple[_Helper, int]] = []
    for one in able:
        row = conn.execute("SELECT time_account_of(%s)", (one.id,)).fetchone()
        if row is not None and row[0] is not None:
            accounts.append((one, int(row[0])))
    today, at = books.day_of(now), now - 12 * DAY
    rows = _Rows()
    for place, (one, number) in enumerate(accounts):
        if one.resident_id is not None and place < 4:
            home = next(home for home in homes if home.id == one.resident_id)
            helper = next((other for other, _ in accounts if other.id != one.id), None)
            asked = rows.add(home, "digital", "confirmed", at - DAY, 45, helper, asked="resident")
            rows.write(conn)
            rows.rows.clear()
            _book(conn, "redeem", number, known["issuer"], 45, at, request=asked)
            conn.execute("SELECT time_earn(%s, %s)", (asked, at))
        elif place % 4 == 1:
            _book(conn, "donate", number, known["gift_pool"], 60, at, reason="捐给独居老人")
        elif place % 4 == 2 and place + 1 < len(accounts):
            _book(conn, "gift", number, accounts[place + 1][1], 90, at, relation="sibling", reason="户口簿已核对")
        elif place % 4 == 3:
            _book(conn, "transfer", number, accounts[0][1], 30, at, reason="换班")
    lonely = next((home for home in homes if home.alone), homes[0])
    conn.execute(
        "INSERT INTO time_account (kind, resident_id) VALUES ('resident', %s) ON CONFLICT DO NOTHING", (lonely.id,)
    )
    row = conn.execute("SELECT id FROM time_account WHERE resident_id = %s", (lonely.id,)).fetchone()
    if row is not None:
        _book(conn, "grant", known["gift_pool"], row[0], 60, at + DAY, reason="独居老人，公益池发放")
    before = books.limits(conn, "expire", today).old_before(today)
    for _, number in accounts[:2] if before else ():
        legs: list[Leg] = expiring({number: holders.lots(conn, number)}, known["expired"], before or today)
        if legs:
            books.book(conn, "expire", legs, f"demo/expire/{number}", now - 5 * DAY)


def _book(conn: Connection[Any], kind: str, giver: int, taker: int, minutes: int, at: dt.datetime, **more: Any) -> None:
    there = holders.lots(conn, giver)
    if sum(lot.minutes for lot in there) >= minutes:
        by = conn.execute("SELECT id FROM account WHERE role IN ('manager', 'station') ORDER BY id LIMIT 1").fetchone()
        legs = move(there, giver, taker, minutes)
        books.book(conn, kind, legs, f"demo/{kind}/{giver}/{taker}", at, by=by[0] if by else None, **more)
