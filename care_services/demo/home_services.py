"""The demonstration's services at home: catalogue, a provider, plans, three months of visits, today, ratings, a
settled month."""

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import account_by_login
from care_network.records import kinds, provisioning, store
from care_network.records.records import NewOrganisation
from care_network.records.staff_records import NewStaff
from care_services.core.acting import Acting
from care_services.demo.quality import areas_of_logins
from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import CareService, amount
from care_services.home_services.plans.making import make_ahead
from care_services.home_services.plans.recurrence import DAY, Recurrence, slots
from care_services.home_services.settlement import settling
from care_services.one_tap import requests
from vocabulary.times import SHANGHAI

MOST_ASKED = 12
"""Requests that the demonstration begins with."""
MONTHS = 92
"""Days of visits before today."""
PROVIDER = "anhe"
_SERVICES = (
    CareService(code="bath", work="bathing", name_zh="居家助浴", name_en="bath at home", unit="visit", minutes=60,
                tasks_zh=("测量血压和体温", "协助洗浴", "更衣和皮肤检查", "清理浴室"),
                tasks_en=("blood pressure and temperature", "help with the bath", "dressing and a look at the skin",
                          "tidying the bathroom")),
    CareService(code="cleaning", work="cleaning", name_zh="居家保洁", name_en="cleaning", unit="hour", minutes=120,
                tasks_zh=("清扫房间", "厨房和卫生间", "更换床品"),
                tasks_en=("rooms", "kitchen and bathroom", "bed linen")),
    CareService(code="nursing", work="nursing_visit", name_zh="上门护理", name_en="nursing visit", unit="visit",
                minutes=45, tasks_zh=("生命体征", "换药或注射", "用药指导"),
                tasks_en=("vital signs", "dressing or injection", "advice on medicines")),
    CareService(code="health_check", work="vital_signs", name_zh="健康监测", name_en="health check", unit="visit",
                minutes=20, tasks_zh=("血压", "血糖", "血氧"), tasks_en=("blood pressure", "glucose", "oxygen")),
    CareService(code="company", work="comfort", name_zh="陪伴慰藉", name_en="company", unit="visit", minutes=60,
                tasks_zh=("聊天读报", "散步"), tasks_en=("talk and newspaper", "a walk")),
    CareService(code="errand", work="errand", name_zh="代办代购", name_en="errand", unit="visit", minutes=60,
                tasks_zh=("代购", "代缴费用"), tasks_en=("shopping", "paying bills")),
    CareService(code="meal_home", work="meal", name_zh="上门做饭", name_en="a meal cooked at home", unit="visit",
                minutes=60, tasks_zh=("做饭", "协助用餐", "收拾厨房"),
                tasks_en=("cooking", "help with eating", "tidying the kitchen")),
    CareService(code="repair", work="device_maintenance", name_zh="小修小补", name_en="small repairs", unit="visit",
                minutes=45, tasks_zh=("检查", "维修"), tasks_en=("a look at it", "the repair")),
    CareService(code="escort", work="escort", name_zh="陪同外出就医", name_en="going along to hospital", unit="hour",
                minutes=180, tasks_zh=("接出门", "陪同就医", "送回家"),
                tasks_en=("there", "at the hospital", "back home")),
)  # fmt: skip
_BEDS = {"bath": 12_800, "nursing": 16_000, "health_check": 4_000, "company": 6_000}
_ANHE = {
    "cleaning": 4_500, "errand": 3_500, "company": 5_000, "bath": 11_800, "meal_home": 5_500, "repair": 6_000,
    "escort": 5_000,
}  # fmt: skip
_PEOPLE = (
    ("SP1", "罗秀英", "Luo Xiuying"), ("SP2", "曾美玲", "Zeng Meiling"), ("SP3", "黎国强", "Li Guoqiang"),
    ("SP4", "邓桂兰", "Deng Guilan"),
)  # fmt: skip
_WORDS = ("很细心，老人很喜欢", "准时，打扫得干净", "来晚了二十分钟，也没打电话", "水温偏凉，老人说不舒服")


class _Resident(msgspec.Struct, frozen=True):
    id: int
    code: str
    bed: bool
    team: int | None
    """The home care bed team of the street."""
    number: int


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    resident: _Resident
    service: CareService
    organisation_id: int
    staff_id: int | None
    price_fen: int
    rule: Recurrence


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Add the catalogue, and the visits of a district that has none."""
    today = now.astimezone(SHANGHAI).date()
    _catalogue(conn, now, today)
    row = conn.execute("SELECT EXISTS (SELECT FROM service_plan)").fetchone()
    if row is None or row[0]:
        return
    plans = list(_plans(conn, today))
    ids = _write_plans(conn, plans, now)
    _write_past(conn, plans, ids, now, today)
    make_ahead(conn, now)
    _today(conn, now)
    _ratings(conn, now)
    _requests(conn, now)
    admin = account_by_login(conn, "admin")
    if admin is not None:
        month, last = (today - MONTHS * DAY).replace(day=1), (today.replace(day=1) - DAY).replace(day=1)
        while month < last:  # in their order; the last one waits for somebody who settles it
            settling.settle_all(conn, Acting(admin, now), month)
            month = (month + 31 * DAY).replace(day=1)


def _catalogue(conn: Connection[Any], now: dt.datetime, today: dt.date) -> None:
    root = conn.execute("SELECT path::text FROM area WHERE level = 'district' ORDER BY id LIMIT 1").fetchone()
    if root is None:
        return
    provisioning.add_organisation(
        conn,
        NewOrganisation(
            code=PROVIDER, area=root[0], kind="service_provider", name_zh="安和居家养老服务中心",
            name_en="Anhe Home Services", phone="0755-00008800",
        ),
        exist_ok=True,
    )  # fmt: skip
    for code, zh, en in _PEOPLE:
        new = NewStaff(
            code=code, organisation=PROVIDER, kind="carer", name_zh=zh, name_en=en, phone=f"0755-000089{code[-1]}0",
            skills=("housekeeping", "bathing", "escort", *(("device_repair",) if code == "SP3" else ())),
            languages=("cmn", "yue"),
        )  # fmt: skip
        store.add(conn, kinds.STAFF, new, today, exist_ok=True)
    conn.execute(
        "UPDATE staff s SET account_id = a.id FROM account a WHERE a.login = 'provider' AND s.code = 'SP1'"
        " AND s.account_id IS NULL"
    )
    for one in _SERVICES:
        conn.execute(
            "INSERT INTO care_service (code, work, name_zh, name_en, unit, minutes, tasks_zh, tasks_en)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (one.code, one.work, one.name_zh, one.name_en, one.unit, one.minutes, list(one.tasks_zh),
             list(one.tasks_en)),
        )  # fmt: skip
    for prices, kind, organisation in ((_BEDS, "home_care_bed_team", ""), (_ANHE, "", PROVIDER)):
        for code, fen in prices.items():
            conn.execute(
                "INSERT INTO service_price (service, organisation_id, valid_from, price_fen, actor, at)"
                " SELECT %s, o.id, %s, %s, '系统', %s FROM organisation o WHERE (o.kind = %s OR o.code = %s)"
                " AND NOT EXISTS (SELECT FROM service_price p WHERE p.service = %s AND p.organisation_id = o.id)",
                (code, today - 120 * DAY, fen, now, kind, organisation, code),
            )


def _plans(conn: Connection[Any], today: dt.date) -> Iterator[_Plan]:
    """The plans of the residents, by the order of their codes."""
    with conn.cursor(row_factory=class_row(_Resident)) as cursor:
        residents = cursor.execute(
            """
            SELECT r.id, r.code, r.home_care_bed AS bed,
                   (SELECT o.id FROM organisation o JOIN area p ON p.id = o.area_id
                    WHERE o.kind = 'home_care_bed_team' AND p.path @> a.path
                    ORDER BY nlevel(p.path) DESC LIMIT 1) AS team,
                   (row_number() OVER (ORDER BY r.code))::int AS number
            FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            JOIN area a ON a.id = h.area_id
            WHERE r.gone IS NULL ORDER BY r.code LIMIT 400
            """
        ).fetchall()
    anhe = conn.execute("SELECT id FROM organisation WHERE code = %s", (PROVIDER,)).fetchone()
    if anhe is None:
        return
    carers: dict[int, list[int]] = {}
    for organisation_id, staff_id in conn.execute(
        "SELECT s.organisation_id, s.id FROM staff s JOIN organisation o ON o.id = s.organisation_id"
        " WHERE s.active AND s.kind = 'carer' AND (o.kind = 'home_care_bed_team' OR o.code = %s)"
        " ORDER BY s.account_id IS NULL, s.code",
        (PROVIDER,),
    ).fetchall():
        carers.setdefault(organisation_id, []).append(staff_id)
    by_code = {one.code: one for one in _SERVICES}

    def plan(
        one: _Resident, code: str, organisation_id: int, price: int, days: tuple[int, ...], hour: int, weeks: int = 1
    ) -> _Plan:  # fmt: skip
        people = carers.get(organisation_id, [])
        return _Plan(
            resident=one, service=by_code[code], organisation_id=organisation_id, price_fen=price,
            staff_id=people[one.number % len(people)] if people and code != "nursing" else None,
            rule=Recurrence(weekdays=days, times=(dt.time(hour, 30 * (one.number % 2)),), every_weeks=weeks,
                            first_day=today - MONTHS * DAY),
        )  # fmt: skip

    for one in residents:
        turn = one.number % 5
        if one.bed and one.team is not None:
            yield plan(one, "bath", one.team, _BEDS["bath"], (1 + turn, 1 + (turn + 3) % 7), 9 + turn)
            yield plan(one, "health_check", one.team, _BEDS["health_check"], (2, 4, 6), 14 + turn % 3)
        elif turn < 3:
            yield plan(one, "cleaning", anhe[0], _ANHE["cleaning"], (1 + turn,), 9 + turn, 1 + turn % 2)
        if turn == 3 and one.team is not None:
            yield plan(one, "company", one.team, _BEDS["company"], (3, 7), 15)


def _write_plans(conn: Connection[Any], plans: list[_Plan], now: dt.datetime) -> list[int]:
    ids = []
    for one in plans:
        row = conn.execute(
            "INSERT INTO service_plan (resident_id, service, organisation_id, staff_id, weekdays, times, every_weeks,"
            " first_day, minutes, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (one.resident.id, one.service.code, one.organisation_id, one.staff_id, list(one.rule.weekdays),
             list(one.rule.times), one.rule.every_weeks, one.rule.first_day, one.service.minutes,
             now - MONTHS * DAY),
        ).fetchone()  # fmt: skip
        assert row is not None  # noqa: S101 - an INSERT returns its row
        ids.append(int(row[0]))
    conn.execute(
        "INSERT INTO service_plan_event (plan_id, at, action, actor) SELECT id, created_at, 'add', '系统'"
        " FROM service_plan WHERE id = ANY (%s)",
        (ids,),
    )
    return ids


_COLUMNS = (
    "resident_id, service, organisation_id, staff_id, plan_id, plan_slot, source, planned_start, planned_minutes,"
    " state, unit, price_fen, amount_fen, subsidy_fen, own_fen, subsidy_rule, subsidy_open, checked_in_at,"
    " checked_in_by, checked_out_at, done_minutes, tasks_done, missed_at, created_at"
)


def _write_past(
    conn: Connection[Any], plans: list[_Plan], ids: list[int], now: dt.datetime, today: dt.date
) -> None:  # fmt: skip
    facts = subsidy.facts_of(conn, {one.resident.id for one in plans}, today)
    rules = subsidy.rules(conn, today)
    with conn.cursor() as cursor, cursor.copy(f"COPY service_order ({_COLUMNS}) FROM STDIN".encode()) as copy:
        for one, plan_id in zip(plans, ids, strict=True):
            luck = random.Random(f"{one.resident.code} {one.service.code}")  # noqa: S311 - the same at each start
            ruling = subsidy.decide(rules, facts.get(one.resident.id, {}), one.service.code, one.service.work)
            full = subsidy.part(amount(one.service.unit, one.price_fen, one.service.minutes), ruling)
            for slot in slots(one.rule, today - MONTHS * DAY, today):
                end = slot + dt.timedelta(minutes=one.service.minutes)
                if slot + dt.timedelta(minutes=5) > now:
                    break
                chance, shift = luck.random(), luck.gauss(3, 7)
                state = (
                    "cancelled" if chance < 0.03 else "missed" if chance < 0.05 else "refused_at_door" if chance < 0.06
                    else "confirmed" if chance < 0.4 else "checked_out"
                )  # fmt: skip
                begun = slot + dt.timedelta(minutes=max(-10.0, min(25.0, shift)))
                if state in ("checked_out", "confirmed") and end + dt.timedelta(minutes=30) > now:
                    state = "checked_in" if begun < now else "assigned"
                seen = state in ("checked_in", "checked_out", "confirmed")
                done = state in ("checked_out", "confirmed")
                minutes = max(10, round(one.service.minutes + luck.gauss(-2, 6))) if done else None
                share = full
                if done and one.service.unit == "hour" and minutes is not None:
                    cost = amount("hour", one.price_fen, min(minutes, one.service.minutes))
                    share = subsidy.part(cost, ruling)
                how = luck.choices(("place", "code", "device", "station"), (70, 18, 9, 3))[0]
                if state == "assigned" and one.staff_id is None:
                    state = "planned"
                copy.write_row((
                    one.resident.id, one.service.code, one.organisation_id, one.staff_id, plan_id, slot, "plan", slot,
                    one.service.minutes, state, one.service.unit, one.price_fen, share.amount_fen, share.subsidy_fen,
                    share.own_fen, share.rule, share.open, begun if seen else None, how if seen else None,
                    begun + dt.timedelta(minutes=minutes) if minutes else None, minutes,
                    list(range(1, len(one.service.tasks_zh) + 1)) if done else None,
                    slot + dt.timedelta(minutes=30) if state == "missed" else None, slot - 14 * DAY,
                ))  # fmt: skip
    conn.execute("UPDATE service_plan SET made_until = %s WHERE id = ANY (%s)", (today - DAY, ids))
    conn.execute(
        """
        INSERT INTO service_order_event (order_id, at, action, from_state, to_state, actor, note)
        SELECT o.id, e.at, e.action, e.before, e.after, e.actor, e.note
        FROM service_order o LEFT JOIN staff s ON s.id = o.staff_id, LATERAL (VALUES
            (1, o.created_at, 'create', NULL, 'assigned', '系统', ''),
            (2, o.checked_in_at, 'check_in', 'assigned', 'checked_in', coalesce(s.name_zh, '服务机构'), ''),
            (3, o.checked_out_at, 'check_out', 'checked_in', 'checked_out', coalesce(s.name_zh, '服务机构'), ''),
            (4, CASE WHEN o.state = 'confirmed' THEN o.checked_out_at + INTERVAL '3 hours' END, 'confirm',
             'checked_out', 'confirmed', '家属', ''),
            (5, CASE WHEN o.state = 'missed' THEN o.planned_start + INTERVAL '12 hours' END, 'miss', 'assigned',
             'missed', '系统', '超过 12 小时无人签到'),
            (6, CASE WHEN o.state = 'cancelled' THEN o.planned_start - INTERVAL '1 day' END, 'cancel', 'assigned',
             'cancelled', '家属', '老人外出就医'),
            (7, CASE WHEN o.state = 'refused_at_door' THEN o.planned_start + INTERVAL '5 minutes' END, 'refuse',
             'assigned', 'refused_at_door', coalesce(s.name_zh, '服务机构'), '老人说今天不需要')
        ) e (n, at, action, before, after, actor, note)
        WHERE o.plan_id = ANY (%s) AND e.at IS NOT NULL ORDER BY o.id, e.n
        """,
        (ids,),
    )


def _today(conn: Connection[Any], now: dt.datetime) -> None:
    """Visits of now, whatever the hour: one to which nobody has come, and those of the demonstration's carer."""
    minute = dt.timedelta(minutes=1)
    start = now.replace(second=0, microsecond=0)
    wanted = (
        # minutes from now, nth resident of the carer's street, by the demonstration's carer
        (-45, 1, False), (-20, 2, True), (70, 3, True), (190, 4, True),
    )  # fmt: skip
    for after, nth, own in wanted:
        conn.execute(
            """
            INSERT INTO service_order (resident_id, service, organisation_id, staff_id, source, planned_start,
                planned_minutes, state, unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at)
            SELECT r.id, 'health_check', s.organisation_id, s.id, 'single', %(start)s, 20, 'assigned', 'visit', 4000,
                   4000, 0, 4000, %(made)s
            FROM staff s LEFT JOIN account m ON m.id = s.account_id
            JOIN organisation o ON o.id = s.organisation_id AND o.kind = 'home_care_bed_team'
            JOIN area p ON p.id = o.area_id
            JOIN area a ON a.path <@ p.path JOIN household h ON h.area_id = a.id AND NOT h.synthetic
            JOIN resident r ON r.household_id = h.id AND r.gone IS NULL
            WHERE s.kind = 'carer' AND s.organisation_id = (SELECT c.organisation_id FROM staff c JOIN account x
                    ON x.id = c.account_id WHERE x.login = 'carer')
              AND coalesce(m.login, '') = CASE WHEN %(own)s THEN 'carer' ELSE '' END
            ORDER BY s.code, r.code OFFSET %(nth)s LIMIT 1
            """,
            {"start": start + after * minute, "made": now - DAY, "own": own, "nth": nth - 1},
        )
    for after, nth in ((40, 1), (150, 3)):  # of the provider's people, who have no account
        conn.execute(
            """
            INSERT INTO service_order (resident_id, service, organisation_id, staff_id, source, planned_start,
                planned_minutes, state, unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at)
            SELECT r.id, 'cleaning', o.id, s.id, 'single', %(start)s, 60, 'assigned', 'hour', 4500, 4500, 0, 4500,
                   %(made)s
            FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            JOIN organisation o ON o.code = %(provider)s
            JOIN LATERAL (SELECT id FROM staff WHERE organisation_id = o.id AND active AND account_id IS NULL
                          ORDER BY code LIMIT 1) s ON true
            WHERE r.gone IS NULL ORDER BY r.code OFFSET %(nth)s LIMIT 1
            """,
            {"start": start + after * minute, "made": now - DAY, "nth": nth, "provider": PROVIDER},
        )
    for order_id, resident_id, service, work, amount_fen, start in conn.execute(
        "SELECT o.id, o.resident_id, o.service, c.work, o.amount_fen, o.planned_start FROM service_order o"
        " JOIN care_service c ON c.code = o.service WHERE o.source = 'single'"
    ).fetchall():
        share = subsidy.share_of(conn, resident_id, service, work, amount_fen, start.astimezone(SHANGHAI).date())
        conn.execute(
            "UPDATE service_order SET subsidy_fen = %s, own_fen = %s, subsidy_rule = %s, subsidy_open = %s"
            " WHERE id = %s",
            (share.subsidy_fen, share.own_fen, share.rule, share.open, order_id),
        )
    conn.execute(
        "INSERT INTO service_order_event (order_id, at, action, to_state, actor) SELECT id, created_at, 'create',"
        " 'assigned', '系统' FROM service_order o WHERE source = 'single'"
        " AND NOT EXISTS (SELECT FROM service_order_event e WHERE e.order_id = o.id)"
    )


def _requests(conn: Connection[Any], now: dt.datetime) -> None:
    """One request that is open, and one that was confirmed, in each area that a login of the demonstration sees."""
    desk = account_by_login(conn, "dispatcher")
    if desk is None:
        return
    acting = Acting(desk, now - dt.timedelta(minutes=8))
    people = conn.execute(
        "SELECT r.code, a.path::text FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
        " JOIN area a ON a.id = h.area_id WHERE r.gone IS NULL ORDER BY r.code LIMIT 400"
    ).fetchall()
    codes = [code for code, _ in people[:2]]
    for area in areas_of_logins(conn):
        here = [code for code, path in people if path == area or path.startswith(f"{area}.")]
        if not set(here[:2]) <= set(codes) and len(codes) < MOST_ASKED:
            codes += [code for code in here[:2] if code not in codes]
    tomorrow = dt.datetime.combine(now.astimezone(SHANGHAI).date() + DAY, dt.time(10), SHANGHAI).astimezone(dt.UTC)
    for place, code in enumerate(codes):
        nth = place % 2
        number = requests.ask(
            conn,
            acting,
            code,
            ("errand", "company")[nth],
            tomorrow,
            ("想请人代买降压药", "想有人来聊聊天")[nth],
            "telephone",
        )
        found = requests.one(conn, acting, number, audited=False)
        if nth == 1 and found.state == "asked":
            requests.accept(conn, acting, number, found.version)


def _ratings(conn: Connection[Any], now: dt.datetime) -> None:
    conn.execute(
        """
        INSERT INTO service_rating (order_id, rated_by, stars, words, at)
        SELECT o.id, CASE WHEN o.id %% 3 = 0 THEN 'resident' ELSE 'family' END,
               CASE WHEN o.id %% 29 = 0 THEN 2 WHEN o.id %% 7 = 0 THEN 4 ELSE 5 END,
               CASE WHEN o.id %% 29 = 0 THEN (%(words)s::text[])[3 + o.id %% 2] WHEN o.id %% 4 = 0
                    THEN (%(words)s::text[])[1 + o.id %% 2] ELSE '' END, o.checked_out_at + INTERVAL '4 hours'
        FROM service_order o WHERE o.state = 'confirmed' AND o.checked_out_at < %(now)s - INTERVAL '4 hours'
        """,
        {"words": list(_WORDS), "now": now},
    )
    conn.execute(
        "UPDATE service_rating SET seen_at = at + INTERVAL '1 day', seen_by = '许晴' WHERE stars <= 2 AND at < %s",
        (now - 14 * DAY,),
    )
