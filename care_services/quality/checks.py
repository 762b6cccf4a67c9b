"""Plan checks, draw them by lot, make them: items pass, fail or were not seen, and what fails is a finding."""

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.permissions import Action, in_area, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.employment import at_least, employment_of
from care_services.quality.checklists import KINDS, LEVEL_OF, CheckList, Item, Kind, lists
from care_services.quality.frames import frame_of
from care_services.quality.rules import Case, check_refusal, draw, score, strata_of

LIMIT = 50
MOST_DRAWN = 500
MOST_DAYS = 180


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A check, planned or done."""

    id: int
    plan_id: int | None
    kind: Kind
    list: str
    edition: int
    organisation_id: int
    organisation: str
    organisation_zh: str
    organisation_en: str
    resident_id: int | None
    resident: str | None
    resident_zh: str | None
    resident_en: str | None
    address_zh: str | None
    address_en: str | None
    area_path: str
    stratum: str
    due_on: dt.date
    state: str
    done_at: dt.datetime | None
    account_id: int | None
    who: str | None
    who_en: str | None
    passed: int | None
    failed: int | None
    not_seen: int | None
    note: str
    version: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Checks that were planned or drawn together."""

    id: int
    kind: Kind
    list: str
    area_path: str
    due_on: dt.date
    seed: str | None
    share: float | None
    strata: tuple[tuple[str, int, int], ...]
    drawn_at: dt.datetime
    who: str | None
    who_en: str | None
    checks: int
    done: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement of one item. A failure has a responsible person of the provider."""

    verdict: str
    note: str = ""
    responsible: str = ""


SELECT: LiteralString = """
    SELECT c.id, c.plan_id, c.kind, c.list, c.edition, c.organisation_id, o.code AS organisation,
           o.name_zh AS organisation_zh, o.name_en AS organisation_en, c.resident_id, r.code AS resident,
           r.name_zh AS resident_zh, r.name_en AS resident_en, h.address_zh, h.address_en,
           c.area_path::text AS area_path, c.stratum, c.due_on, c.state, c.done_at, c.account_id, w.name_zh AS who,
           w.name_en AS who_en, c.passed, c.failed, c.not_seen, c.note, c.version
    FROM quality_check c JOIN organisation o ON o.id = c.organisation_id
    LEFT JOIN resident r ON r.id = c.resident_id LEFT JOIN household h ON h.id = r.household_id
    LEFT JOIN account w ON w.id = c.account_id
    WHERE NOT coalesce(h.synthetic, false)
"""


def list_named(code: str) -> CheckList:
    """A check list. Raises ProvisioningError."""
    found = lists().get(code)
    if found is None:
        raise ProvisioningError(en="choose a check list", zh="请选择检查表", field="list")
    return found


def kind_named(code: str) -> Kind:
    """A kind of check. Raises ProvisioningError."""
    if code not in KINDS:
        raise ProvisioningError(en="choose a kind of check", zh="请选择检查类型", field="kind")
    return code


def plan_one(
    conn: Connection[Any], acting: Acting, kind: str, list_code: str, organisation: str, due_on: dt.date,
    resident: str = "",
) -> int:  # fmt: skip
    """Plan one check of a provider; its number. Raises ProvisioningError, NotFoundError, NotPermittedError."""
    acting.require(Action.INSPECT)
    sort, listed = kind_named(kind), list_named(list_code)
    _check_day(acting, due_on)
    row = conn.execute(
        "SELECT o.id, o.kind, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.code = %s AND o.active",
        (organisation,),
    ).fetchone()
    if row is None or not in_area(acting.account, row[2]):
        raise ProvisioningError(
            en="there is no such provider in your area", zh="您的辖区内没有这个机构", field="organisation"
        )
    if row[1] not in listed.providers:
        raise ProvisioningError(
            en="this list is for other sorts of provider", zh="该检查表不适用于这类机构", field="list"
        )
    if (why := check_refusal(employment_of(conn, acting.account), sort, row[0])) is not None:
        raise NotPermittedError(zh=why[0], en=why[1])
    number = acting.resident(conn, resident, "plan_check") if resident else None
    with conn.transaction():
        made = conn.execute(
            "INSERT INTO quality_check (kind, list, edition, organisation_id, resident_id, area_path, due_on, state)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 'planned') RETURNING id",
            (sort, listed.code, listed.edition, row[0], number, row[2], due_on),
        ).fetchone()
        assert made is not None  # noqa: S101 - it was inserted
        acting.audit(conn, "plan_check", number, what=organisation, check=sort, day=str(due_on))
    return int(made[0])


def _check_day(acting: Acting, due_on: dt.date) -> None:
    if not acting.today <= due_on <= acting.today + dt.timedelta(days=MOST_DAYS):
        raise ProvisioningError(
            en=f"choose a day from today on, within {MOST_DAYS} days", zh=f"请选择今天起 {MOST_DAYS} 天内的日期",
            field="due_on",
        )  # fmt: skip


def draw_checks(
    conn: Connection[Any], acting: Acting, kind: str, list_code: str, share: float, due_on: dt.date, *,
    homes: bool, seed: str = "",
) -> int:  # fmt: skip
    """Draw checks by lot from all cases of the account's area, stratified by street and provider; the plan's number.

    ``homes``: homes that providers care for are drawn, else the providers themselves. The frame is kept with the draw,
    so that anybody can repeat it. Raises ProvisioningError, NotPermittedError.
    """
    acting.require(Action.INSPECT)
    sort, listed = kind_named(kind), list_named(list_code)
    _check_day(acting, due_on)
    if not 0 < share <= 1:
        raise ProvisioningError(
            en="a share above 0 %, and 100 % at most", zh="比例须大于 0，不超过 100%", field="share"
        )
    me, area = employment_of(conn, acting.account), acting.account.area_path
    if sort == "own" or area is None or not at_least(me.level, LEVEL_OF[sort]):
        raise NotPermittedError(
            en="checks of that kind are drawn by people of that level", zh="该类检查由相应层级的人员抽取"
        )
    frame = [
        one for one in frame_of(conn, listed, area, acting.today, homes=homes) if one.provider != me.organisation_id
    ]
    if not frame:
        raise ProvisioningError(en="there is nothing to draw from", zh="没有可抽取的对象", field="list")
    seed = seed.strip()[:60] or secrets.token_hex(4)
    cases: list[Case] = sorted((one.case, one.stratum) for one in frame)
    drawn = draw(cases, seed, share)
    if len(drawn) > MOST_DRAWN:
        raise ProvisioningError(
            en=f"that would be {len(drawn)} checks, more than {MOST_DRAWN}: take a smaller share",
            zh=f"将抽取 {len(drawn)} 项，超过 {MOST_DRAWN} 项，请降低比例", field="share",
        )  # fmt: skip
    by_case = {one.case: one for one in frame}
    with conn.transaction():
        row = conn.execute(
            "INSERT INTO quality_plan (kind, list, area_path, due_on, seed, share, strata, cases, drawn_at, drawn_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (
                sort, listed.code, area, due_on, seed, round(share, 3), Jsonb(strata_of(cases, drawn)), Jsonb(cases),
                acting.at, acting.account.id,
            ),
        ).fetchone()  # fmt: skip
        assert row is not None  # noqa: S101 - it was inserted
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO quality_check (plan_id, kind, list, edition, organisation_id, resident_id, area_path,"
                " stratum, due_on, state) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'planned')",
                [
                    (row[0], sort, listed.code, listed.edition, by_case[case].provider, by_case[case].resident_id,
                     by_case[case].area_path, by_case[case].stratum, due_on)
                    for case in drawn
                ],
            )  # fmt: skip
        acting.audit(conn, "draw_checks", None, what=listed.code, check=sort, seed=seed, drawn=len(drawn))
    return int(row[0])


def plan(conn: Connection[Any], acting: Acting, number: int) -> tuple[Plan, list[Check], bool]:
    """A plan, its checks, and whether a repetition of the draw from the kept frame gives the same ones."""
    acting.require(Action.INSPECT)
    found = next(iter(plans(conn, acting, number=number)), None)
    row = conn.execute("SELECT cases FROM quality_plan WHERE id = %s", (number,)).fetchone()
    if found is None or row is None:
        raise NotFoundError(en="there is no such plan", zh="没有这个检查计划")
    with conn.cursor(row_factory=class_row(Check)) as cursor:
        checks = cursor.execute(SELECT + " AND c.plan_id = %s ORDER BY c.stratum, c.id LIMIT 501", (number,)).fetchall()
    if found.seed is None or found.share is None:
        return found, checks, True
    again = draw([(case, stratum) for case, stratum in row[0]], found.seed, found.share)
    kept = sorted(f"{one.organisation}/{one.resident or ''}" for one in checks)
    return found, checks, sorted(again) == kept


def plans(conn: Connection[Any], acting: Acting, number: int | None = None) -> list[Plan]:
    """The newest plans of the account's area, 50 at most; or one."""
    acting.require(Action.INSPECT)
    rows = conn.execute(
        """
        SELECT p.id, p.kind, p.list, p.area_path::text, p.due_on, p.seed, p.share::float8, p.strata, p.drawn_at,
               w.name_zh, w.name_en, count(c.id), count(c.id) FILTER (WHERE c.state = 'done')
        FROM quality_plan p LEFT JOIN quality_check c ON c.plan_id = p.id LEFT JOIN account w ON w.id = p.drawn_by
        WHERE p.area_path <@ %(area)s::ltree AND (%(id)s::integer IS NULL OR p.id = %(id)s)
        GROUP BY p.id, w.id ORDER BY p.drawn_at DESC, p.id DESC LIMIT 50
        """,
        {"area": acting.account.area_path, "id": number},
    ).fetchall()
    return [
        Plan(
            id=row[0], kind=row[1], list=row[2], area_path=row[3], due_on=row[4], seed=row[5], share=row[6],
            strata=tuple((s, n, k) for s, n, k in row[7]), drawn_at=row[8], who=row[9], who_en=row[10],
            checks=row[11], done=row[12],
        )
        for row in rows
    ]  # fmt: skip


def listing(
    conn: Connection[Any], acting: Acting, view: str = "planned", kind: str = "", after: str = "", limit: int = LIMIT
) -> list[Check]:
    """Checks of the account's area by key, one more than ``limit`` at most: 'planned' (overdue first) or 'done'."""
    acting.require(Action.VIEW_CARE)
    day, number = _key(after)
    asked = {"area": acting.account.area_path, "kind": kind, "day": day, "id": number, "limit": limit + 1}
    bound: LiteralString = " AND c.area_path <@ %(area)s::ltree AND (%(kind)s = '' OR c.kind = %(kind)s)"
    query: LiteralString = SELECT + bound
    if view == "planned":
        query += (
            " AND c.state = 'planned' AND (%(day)s::text IS NULL OR (c.due_on, c.id) > (%(day)s::date, %(id)s))"
            " ORDER BY c.due_on, c.id"
        )
    else:
        query += (
            " AND c.state = 'done' AND (%(day)s::text IS NULL OR (c.done_at, c.id) < (%(day)s::timestamptz, %(id)s))"
            " ORDER BY c.done_at DESC, c.id DESC"
        )
    with conn.cursor(row_factory=class_row(Check)) as cursor:
        return cursor.execute(query + " LIMIT %(limit)s", asked).fetchall()


def key_of(one: Check, view: str) -> str:
    """The key after which the next page of a list begins."""
    return f"{one.due_on if view == 'planned' or one.done_at is None else one.done_at.isoformat()}~{one.id}"


def _key(after: str) -> tuple[str | None, int]:
    if not after:
        return None, 0
    day, _, number = after.partition("~")
    try:
        dt.datetime.fromisoformat(day)
        return day, int(number)
    except ValueError:
        raise ProvisioningError(en="this page of the list is gone", zh="列表的这一页已失效", field="after") from None


def load(conn: Connection[Any], acting: Acting, number: int) -> tuple[Check, tuple[Item, ...], dict[str, Verdict]]:
    """A check, its items, and what was seen of each. Raises NotFoundError; a home's look is in the audit."""
    acting.require(Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Check)) as cursor:
        found = cursor.execute(SELECT + " AND c.id = %s", (number,)).fetchone()
    if found is None or not in_area(acting.account, found.area_path):
        acting.audit(conn, "refused_view_check", None, number=number)
        raise NotFoundError(en="there is no such check", zh="没有这项检查")
    if found.resident_id is not None:
        acting.audit(conn, "view_check", found.resident_id, number=number)
    rows = conn.execute("SELECT item, verdict, note FROM quality_result WHERE check_id = %s", (number,)).fetchall()
    return found, list_named(found.list).items(found.kind), {
        row[0]: Verdict(verdict=row[1], note=row[2]) for row in rows
    }  # fmt: skip


def refusal(conn: Connection[Any], acting: Acting, of: Check) -> tuple[str, str] | None:
    """Say why this account may not make the check; None: it may."""
    if not may_do(acting.account, Action.INSPECT) and of.kind != "own":
        return "您的角色不做检查", "your role makes no checks"
    return check_refusal(employment_of(conn, acting.account), of.kind, of.organisation_id)


def finish(
    conn: Connection[Any], acting: Acting, number: int, verdicts: Mapping[str, Verdict], note: str, version: int
) -> Check:
    """Write down what was seen of every item; each that fails is a finding with its deadline.

    Raises ProvisioningError with the item's field, NotPermittedError, NotFoundError, ChangedMeanwhileError.
    """
    found, items, _ = load(conn, acting, number)
    if (why := refusal(conn, acting, found)) is not None:
        raise NotPermittedError(zh=why[0], en=why[1])
    for item in items:
        one = verdicts.get(item.code)
        if one is None or one.verdict not in ("pass", "fail", "not_seen"):
            raise ProvisioningError(
                en=f"say of “{item.en}” whether it passes, fails or was not seen",
                zh=f"请选择“{item.zh}”的结果", field=item.code,
            )  # fmt: skip
        if one.verdict == "fail" and (len(one.note.strip()) < 2 or len(one.responsible.strip()) < 2):
            raise ProvisioningError(
                en="what fails needs a word about what is wrong, and who is responsible",
                zh="不合格项须写明问题和责任人", field=item.code,
            )  # fmt: skip
    passed, failed, not_seen = score({item.code: verdicts[item.code].verdict for item in items})
    if passed + failed == 0:
        raise ProvisioningError(
            en="nothing was seen: then it was no check", zh="所有项目均未查看，不能作为检查提交", field="note"
        )
    with conn.transaction():
        done = conn.execute(
            "UPDATE quality_check SET state = 'done', done_at = %s, account_id = %s, passed = %s, failed = %s,"
            " not_seen = %s, note = %s, version = version + 1 WHERE id = %s AND version = %s AND state = 'planned'",
            (acting.at, acting.account.id, passed, failed, not_seen, note.strip()[:1000], number, version),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else has made this check meanwhile", zh="他人刚刚完成了这项检查，请刷新查看"
            )
        for item in items:
            one = verdicts[item.code]
            conn.execute(
                "INSERT INTO quality_result (check_id, item, verdict, note) VALUES (%s, %s, %s, %s)",
                (number, item.code, one.verdict, one.note.strip()[:1000]),
            )
            if one.verdict == "fail":
                row = conn.execute(
                    "INSERT INTO quality_finding (check_id, item, organisation_id, area_path, severity, words,"
                    " responsible, due_on, state) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'open') RETURNING id",
                    (
                        number, item.code, found.organisation_id, found.area_path, item.severity,
                        one.note.strip()[:1000], one.responsible.strip()[:60],
                        acting.today + dt.timedelta(days=item.days),
                    ),
                ).fetchone()  # fmt: skip
                assert row is not None  # noqa: S101 - it was inserted
                conn.execute(
                    "INSERT INTO quality_event (finding_id, at, account_id, kind, words)"
                    " VALUES (%s, %s, %s, 'found', %s)",
                    (row[0], acting.at, acting.account.id, one.note.strip()[:1000]),
                )
        acting.audit(conn, "finish_check", found.resident_id, number=number, passed=passed, failed=failed)
    return found
