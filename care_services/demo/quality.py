"""Complaints and checks of the demonstration: complaints in every state, checks of all four kinds."""

import datetime as dt
import hashlib
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from care_services.core.employment import Level
from care_services.quality.checklists import KINDS, Kind, lists
from care_services.quality.rules import draw, strata_of
from vocabulary.times import SHANGHAI, local_day

_COMPLAINTS: tuple[tuple[str, str, str, str, str, Level, str, float, float, str], ...] = (
    ("meal", "food", "minor", "resident", "今天的菜偏咸，希望清淡一些。", "station", "open", -1, 6, ""),
    ("visit", "absent", "major", "family", "护理员比约定晚到一小时，没有提前通知。", "station", "open", -5, -2, ""),
    ("provider", "money", "major", "family", "收费与公示不一致，请核对上月账单。", "street", "open", -6, 1, ""),
    ("visit", "manner", "minor", "anonymous", "服务人员说话不耐烦。", "station", "answered", -4, 3,
     "已与服务人员谈话，并安排服务礼仪培训。"),
    ("device", "device", "minor", "resident", "床垫传感器夜里误报两次。", "station", "satisfied", -12, -5,
     "已上门调整位置，连续观察三晚正常。"),
    ("meal", "food", "major", "family", "送餐时汤洒了，餐盒没有密封。", "district", "closed", -25, -18,
     "已更换密封餐盒，并列入月度检查。"),
)  # fmt: skip
"""About, category, severity, author, words, level, state, days since, days until due, answer."""


def areas_of_logins(conn: Connection[Any]) -> list[str]:
    """The areas of the demonstration's logins of stations, centers and carers."""
    return [row[0] for row in conn.execute(
        "SELECT DISTINCT area_path::text FROM account WHERE active AND role IN ('station', 'manager', 'carer')"
        " AND area_path IS NOT NULL ORDER BY 1 LIMIT 40"
    ).fetchall()]  # fmt: skip


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:5].upper().replace("0", "X").replace("1", "Y")


def complaints(conn: Connection[Any], now: dt.datetime) -> None:
    """Add complaints in every state, one of them overdue; nothing where there is any."""
    if conn.execute("SELECT FROM complaint LIMIT 1").fetchone() is not None:
        return
    people = conn.execute(
        "SELECT r.id, r.name_zh, subpath(a.path, 0, least(nlevel(a.path), 4))::text FROM resident r"
        " JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
        " WHERE NOT h.synthetic AND r.gone IS NULL ORDER BY r.code LIMIT 60"
    ).fetchall()
    if not people:
        return
    chosen = [(n, people[n * 7 % len(people)]) for n in range(len(_COMPLAINTS))]
    for area in areas_of_logins(conn):  # each login sees some in its own area
        here = [one for one in people if one[2] == area or one[2].startswith(f"{area}.")]
        if here and not any(one[1] in here for one in chosen):
            chosen += [(n, here[n % len(here)]) for n in range(4)]
    for n, (number, name, area) in chosen:
        about, category, severity, author, words, level, state, since, until, answer = _COMPLAINTS[n]
        received = now + dt.timedelta(days=since)
        code = f"C{received.astimezone(SHANGHAI):%y%m%d}-{_mark(f'{n} {number}')}"
        provider = conn.execute(
            "SELECT o.id FROM organisation o JOIN area a ON a.id = o.area_id WHERE a.path @> %s::ltree AND o.kind = %s"
            " ORDER BY o.code LIMIT 1",
            (area, "canteen" if about == "meal" else "home_care_bed_team"),
        ).fetchone()
        due = now + dt.timedelta(days=until)
        moved = due - dt.timedelta(hours=72) if level != "station" else None  # both such are major ones
        answered = (moved or received + dt.timedelta(days=1)) + dt.timedelta(days=1) if answer else None
        closed = answered + dt.timedelta(days=3) if answered and state in ("satisfied", "closed") else None
        conn.execute(
            "INSERT INTO complaint (code, received_at, channel, area_path, resident_id, about, organisation_id,"
            " category, severity, words, level, state, due_at, answered_at, closed_at)"
            " VALUES (%s, %s, 'telephone', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                code, received, area, None if author == "anonymous" else number, about,
                provider[0] if provider and about != "device" else None, category, severity, words, level, state,
                due, answered, closed,
            ),
        )  # fmt: skip
        conn.execute(
            "INSERT INTO complaint_author (complaint, kind, name, phone) VALUES (%s, %s, %s, '')",
            (code, author, {"resident": name, "family": f"{name}的家属"}.get(author, "")),
        )
        steps: list[tuple[dt.datetime, str, str, str]] = [(received, "received", "station", "")]
        if moved:
            steps.append((moved, "unsatisfied", level, "答复没有解决问题"))
        if answered:
            steps.append((answered, "answered", level, answer))
        if closed:
            steps.append((closed, "satisfied" if state == "satisfied" else "closed", level, "电话回访"))
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO complaint_event (complaint, at, kind, level, words) VALUES (%s, %s, %s, %s, %s)",
                [(code, *step) for step in steps],
            )


def quality(conn: Connection[Any], now: dt.datetime) -> None:
    """Add checks of all four kinds in the last months, findings open, overdue, to be looked at again and closed."""
    if conn.execute("SELECT FROM quality_check LIMIT 1").fetchone() is not None:
        return
    kinds = {kind: one.code for one in lists().values() for kind in one.providers}
    providers = conn.execute(
        "SELECT o.id, o.code, o.kind, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.kind = ANY (%s) AND o.active ORDER BY o.code LIMIT 40",
        (list(kinds),),
    ).fetchall()
    inspectors = [row[0] for row in conn.execute(
        "SELECT id FROM account WHERE active AND role IN ('station', 'manager', 'admin') ORDER BY role, login LIMIT 6"
    )]  # fmt: skip
    for n, (provider, code, kind, area) in enumerate(providers):
        listed = lists()[kinds[kind]]
        for m, sort in enumerate(KINDS):
            for age in (150, 80, 12)[: 3 if sort in ("own", "station") else 1 + (n + m) % 2]:
                _check(conn, now, provider, code, area, listed.code, sort, age + n % 7, inspectors, n + m)
        due = now.astimezone(SHANGHAI).date() + dt.timedelta(days=(n % 9) - 2)
        conn.execute(
            "INSERT INTO quality_check (kind, list, edition, organisation_id, area_path, due_on, state)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'planned')",
            (KINDS[n % 3], listed.code, listed.edition, provider, area, due),
        )
    _drawn(conn, now, [(row[0], row[1], row[3]) for row in providers if row[2] == "canteen"], inspectors)


def _drawn(
    conn: Connection[Any], now: dt.datetime, canteens: list[tuple[int, str, str]], inspectors: list[int]
) -> None:
    """A random audit of canteens by the district: half of each street's."""
    if not canteens:
        return
    by_case = {f"{code}/": (number, area) for number, code, area in canteens}
    cases = sorted((f"{code}/", f"{area} canteen") for _, code, area in canteens)
    chosen = draw(cases, "demo", 0.5)
    due = now.astimezone(SHANGHAI).date() + dt.timedelta(days=14)
    area = canteens[0][2].rsplit(".", 1)[0]
    row = conn.execute(
        "INSERT INTO quality_plan (kind, list, area_path, due_on, seed, share, strata, cases, drawn_at, drawn_by)"
        " VALUES ('district', 'meals', %s, %s, 'demo', 0.5, %s, %s, %s, %s) RETURNING id",
        (
            area, due, Jsonb(strata_of(cases, chosen)), Jsonb(cases), now - dt.timedelta(days=1),
            inspectors[0] if inspectors else None,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - it was inserted
    for case in chosen:
        number, place = by_case[case]
        conn.execute(
            "INSERT INTO quality_check (plan_id, kind, list, edition, organisation_id, area_path, stratum, due_on,"
            " state) VALUES (%s, 'district', 'meals', 1, %s, %s, %s, %s, 'planned')",
            (row[0], number, place, f"{place} canteen", due),
        )


def _check(
    conn: Connection[Any], now: dt.datetime, provider: int, code: str, area: str, listed: str, sort: Kind, age: int,
    inspectors: list[int], luck: int,
) -> None:  # fmt: skip
    """A check that was made ``age`` days ago, with what it found."""
    at = now - dt.timedelta(days=age, hours=luck % 5)
    items = lists()[listed].items(sort)
    fails = {items[(luck + age) % len(items)].code} if (luck + age) % 3 else set()
    unseen = {items[(luck * 3 + age) % len(items)].code} - fails if age % 2 else set()
    by = inspectors[luck % len(inspectors)] if inspectors else None
    row = conn.execute(
        "INSERT INTO quality_check (kind, list, edition, organisation_id, area_path, due_on, state, done_at,"
        " account_id, passed, failed, not_seen)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'done', %s, %s, %s, %s, %s) RETURNING id",
        (
            sort, listed, lists()[listed].edition, provider, area, local_day(at), at, by,
            len(items) - len(fails) - len(unseen), len(fails), len(unseen),
        ),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - it was inserted
    verdicts = [
        (row[0], item.code, "fail" if item.code in fails else "not_seen" if item.code in unseen else "pass")
        for item in items
    ]
    with conn.cursor() as cursor:
        cursor.executemany("INSERT INTO quality_result (check_id, item, verdict) VALUES (%s, %s, %s)", verdicts)
    for item in items:
        if item.code not in fails:
            continue
        due = at.astimezone(SHANGHAI).date() + dt.timedelta(days=item.days)
        old = age > 60
        state = "closed" if old else ("open", "mended", "open")[luck % 3]
        mended = at + dt.timedelta(days=max(1, item.days - 1)) if state != "open" else None
        closed = mended + dt.timedelta(days=2) if old and mended else None
        found = conn.execute(
            "INSERT INTO quality_finding (check_id, item, organisation_id, area_path, severity, words, responsible,"
            " due_on, state, mended_at, closed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, '机构负责人', %s, %s, %s, %s) RETURNING id",
            (
                row[0],
                item.code,
                provider,
                area,
                item.severity,
                "现场不符合要求",
                due,
                state,
                mended,
                closed,
            ),
        ).fetchone()
        assert found is not None  # noqa: S101 - it was inserted
        steps = [(at, "found", "现场不符合要求")]
        if mended:
            steps.append((mended, "mended", "已整改并附照片"))
        if closed:
            steps.append((closed, "closed", "现场复查合格"))
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO quality_event (finding_id, at, kind, words) VALUES (%s, %s, %s, %s)",
                [(found[0], *step) for step in steps],
            )
