"""Erasure of a person's data (个人信息保护法, article 47): planned, approved by two people, carried out in one go.

Data that law keeps stay, and the plan says until when and by which law (``erasure_rule``; to be confirmed by the
district's counsel). The database's own function carries it out, and only with two votes for it and none against.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.privacy.copies import check_asker, checked_identity, resident_of
from care_services.privacy.holds import for_which_waits
from vocabulary.times import local_day

REASONS: Mapping[str, tuple[str, str]] = {
    "asked": ("本人撤回同意或要求删除", "the person withdrew or asks for it"),
    "ended": ("服务已结束，目的已实现", "the service has ended, and with it the purpose"),
    "withdrawn": ("保存期限已满", "the period is over"),
    "unlawful": ("违法违约处理", "it was processed against law or agreement"),
}
ASKED_BY: Mapping[str, tuple[str, str]] = {
    "self": ("老人本人", "the resident"), "guardian": ("监护人", "the guardian"),
    "family": ("受托家属", "family, by authority"),
    "heir": ("近亲属", "near relatives"), "district": ("区里主动删除", "the district itself"),
}  # fmt: skip
STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("等待审批", "waiting for approval"), "approved": ("已批准，等待执行", "approved, to be carried out"),
    "done": ("已删除", "erased"), "refused": ("未批准", "refused"),
}  # fmt: skip
ACTS: Mapping[str, tuple[str, str]] = {
    "erase": ("删除", "erase"), "anonymise": ("去除身份", "make anonymous"), "keep": ("依法保留", "keep by law"),
}  # fmt: skip
GIVEN: Mapping[str, tuple[str, str]] = {
    "system": ("外部系统", "Other system"), "report": ("上级平台", "Platform above"),
    "research": ("研究单位", "Research"), "copy": ("个人信息副本", "Copy of personal data"),
}  # fmt: skip
NEEDED = 2
DEFAULT_YEARS = 3
"""Of a table without a decision of its own: the limitation of the Civil Code, article 188 (民法典第一百八十八条)."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one table's rows."""

    relation: str
    act: str
    rows: int
    law_zh: str
    law_en: str
    until: str | None
    """The last day of what is kept; None: it goes now, or stays as long as the district runs."""
    decided: bool
    """The table has a decision of its own."""
    confirm: bool = False
    """The district's counsel has to confirm the period."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who holds data of the person by now, and has to be asked to delete it."""

    kind: str
    """system, report, research or copy."""
    zh: str
    en: str
    last: dt.date | None


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A device that would still send: it is retired and unheard from the erasure on."""

    gateway: str
    device: str
    model: str
    heard_at: dt.datetime | None


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's yes or no."""

    login: str
    name_zh: str
    name_en: str
    yes: bool
    note: str
    at: dt.datetime


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure from the plan to the certificate."""

    id: int
    resident_id: int
    code: str
    reason: str
    asked_by: str
    identity: str
    account_id: int | None
    planner_zh: str | None
    planner_en: str | None
    planned_at: dt.datetime
    plan: list[Line]
    state: str
    done_at: dt.datetime | None
    certificate: list[Line] | None
    given_to: list[Given] | None
    again_at: dt.datetime | None
    """Done once more, after a backup was restored."""
    ended: dict[str, str]
    """By table: the day on which what law had kept went; 'chained': it goes with its chain."""


_COLUMNS = b"""
    SELECT e.id, e.resident_id, e.code, e.reason, e.asked_by, e.identity, e.account_id, a.name_zh AS planner_zh,
           a.name_en AS planner_en, e.planned_at, e.plan, e.state, e.done_at, e.certificate, e.given_to,
           e.again_at, e.ended
    FROM erasure e JOIN resident r ON r.id = e.resident_id JOIN household h ON h.id = r.household_id
    JOIN area p ON p.id = h.area_id AND p.path <@ %(area)s::text::ltree LEFT JOIN account a ON a.id = e.account_id
"""


def plan_of(conn: Connection[Any], account: Account, code: str, today: dt.date) -> list[Line]:
    """List what an erasure of a resident would do, table by table; tables without a row are left out.

    Rows of a home in which others live, too, are theirs and are left out.

    Raises NotPermittedError, NotFoundError.
    """
    require(account, Action.MANAGE_PRIVACY)
    number = resident_of(conn, account, code)
    rules = {
        relation: (act, years, zh, en, confirm)
        for relation, act, years, zh, en, confirm in conn.execute(
            "SELECT relation, act, years, law_zh, law_en, confirm FROM erasure_rule"
        )
    }
    lines = []
    for relation, held in conn.execute("SELECT relation, held FROM erasure_counts(%s)", (number,)):
        act, years, zh, en, confirm = rules.get(relation, ("keep", DEFAULT_YEARS, "", "", True))
        if held:
            until = None if act == "erase" or years is None else _after(today, years).isoformat()
            lines.append(Line(relation=relation, act=act, rows=held, law_zh=zh, law_en=en, until=until,
                              decided=relation in rules, confirm=confirm))  # fmt: skip
    return sorted(lines, key=lambda line: (tuple(ACTS).index(line.act), -line.rows, line.relation))


def given_to(conn: Connection[Any], account: Account, code: str) -> list[Given]:
    """List to whom data of a resident went. Raises NotPermittedError, NotFoundError."""
    require(account, Action.MANAGE_PRIVACY)
    row = conn.execute("SELECT handed_out(%s)", (resident_of(conn, account, code),)).fetchone()
    return msgspec.convert(row[0] if row else [], list[Given])


def senders(conn: Connection[Any], account: Account, code: str) -> list[Sender]:
    """List the devices in use that an erasure would retire: of the person, and of a home with nobody else.

    Raises NotPermittedError, NotFoundError.
    """
    require(account, Action.MANAGE_PRIVACY)
    with conn.cursor(row_factory=class_row(Sender)) as cursor:
        return cursor.execute(
            """
            SELECT g.name AS gateway, d.name AS device, d.model, n.heard_at
            FROM resident r JOIN gateway g ON g.household_id = r.household_id
            JOIN device d ON d.gateway_id = g.id AND d.retired_at IS NULL LEFT JOIN device_now n ON n.device_id = d.id
            WHERE r.id = %s AND (d.resident_id = r.id OR NOT EXISTS (
                SELECT FROM resident o WHERE o.household_id = r.household_id AND o.id <> r.id
                AND NOT EXISTS (SELECT FROM erasure e WHERE e.resident_id = o.id AND e.state = 'done')))
            ORDER BY g.name, d.name
            """,
            (resident_of(conn, account, code),),
        ).fetchall()


def ask(
    conn: Connection[Any], account: Account, code: str, reason: str, asked_by: str, identity: str,
    *, at: dt.datetime, origin: str,
) -> int:  # fmt: skip
    """Write a plan down, which waits for two people; returns its number.

    Raises NotPermittedError, NotFoundError, ProvisioningError, ChangedMeanwhileError where one waits already, an alert
    of the resident is open, or a hold forbids it (which the audit has).
    """
    require(account, Action.MANAGE_PRIVACY)
    number = resident_of(conn, account, code)
    if reason not in REASONS:
        raise ProvisioningError(en="say why", zh="请选择删除的理由", field="reason")
    if asked_by != "district":
        check_asker(conn, number, asked_by)
    identity = checked_identity(identity)
    held = for_which_waits(conn, account, number)
    if held is not None:
        audit(conn, account, "refused_plan_erasure", at=at, resident_id=number, origin=origin, detail={"for": held[1]})
        raise ChangedMeanwhileError(
            en=f"nothing of this resident may be erased while it is held: {held[1]}",
            zh=f"法定保全期间不得删除这位老人的信息：{held[0]}",
        )
    with conn.transaction():
        conn.execute("SELECT FROM resident WHERE id = %s FOR UPDATE", (number,))
        busy = conn.execute(
            "SELECT 1 FROM erasure WHERE resident_id = %(id)s AND state IN ('waiting', 'approved')"
            " UNION ALL SELECT 2 FROM alert WHERE resident_id = %(id)s"
            " AND state IN ('raised', 'acknowledged', 'responding', 'on_scene') LIMIT 1",
            {"id": number},
        ).fetchone()
        if busy is not None and busy[0] == 1:
            raise ChangedMeanwhileError(
                en="an erasure of this resident waits already", zh="这位老人已有一份删除计划在等待"
            )
        if busy is not None:
            raise ChangedMeanwhileError(
                en="an alert of this resident is open: close it first", zh="这位老人还有未办结的预警，请先办结"
            )
        lines = plan_of(conn, account, code, local_day(at))
        row = conn.execute(
            "INSERT INTO erasure (resident_id, code, reason, asked_by, identity, account_id, planned_at, plan)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (number, clean(code), reason, asked_by, identity, account.id, at, Jsonb(msgspec.to_builtins(lines))),
        ).fetchone()
        assert row is not None  # noqa: S101 - INSERT … RETURNING
        audit(conn, account, "plan_erasure", at=at, resident_id=number, origin=origin, detail={"number": row[0]})
    return int(row[0])


def vote(
    conn: Connection[Any], account: Account, number: int, yes: bool, note: str, *, at: dt.datetime, origin: str
) -> str:
    """Say yes or no; returns the state then. Two different people have to say yes, and one no ends it.

    Raises NotPermittedError, NotFoundError, ChangedMeanwhileError where it waits no more or the account has voted,
    ProvisioningError for a no without a reason.
    """
    require(account, Action.APPROVE_ERASURE)
    note = clean(note)[:400]
    if not yes and not note:
        raise ProvisioningError(en="say why not", zh="不批准须写明理由", field="note")
    with conn.transaction():
        one = load(conn, account, number, lock=True)
        if one.state != "waiting":
            raise ChangedMeanwhileError(en="it waits for nobody any more", zh="这份删除计划已不在等待审批")
        given = votes(conn, number)
        if any(each.login == account.login for each in given):
            raise NotPermittedError(en="you have voted: another person has to", zh="您已表示过意见，须由另一人审批")
        conn.execute(
            "INSERT INTO erasure_vote (erasure_id, account_id, yes, note, at) VALUES (%s, %s, %s, %s, %s)",
            (number, account.id, yes, note, at),
        )
        agreed = sum(each.yes for each in given) + yes
        state = "refused" if not yes else "approved" if agreed >= NEEDED else "waiting"
        if state != "waiting":
            conn.execute("UPDATE erasure SET state = %s WHERE id = %s", (state, number))
        audit(
            conn, account, "approve_erasure" if yes else "refuse_erasure", at=at, resident_id=one.resident_id,
            origin=origin, detail={"number": number},
        )  # fmt: skip
    return state


def load(conn: Connection[Any], account: Account, number: int, *, lock: bool = False) -> Erasure:
    """An erasure. Raises NotPermittedError, NotFoundError for one outside the account's area, too."""
    require(account, Action.APPROVE_ERASURE)
    with conn.cursor(row_factory=class_row(_Row)) as cursor:
        query = _COLUMNS + b"WHERE e.id = %(id)s" + (b" FOR UPDATE OF e" if lock else b"")
        found = cursor.execute(query, {"area": account.area_path, "id": number}).fetchone()
    if found is None or not may_see(conn, account, found.resident_id):
        raise NotFoundError(en=f"there is no erasure {number} in your area", zh=f"您的管辖范围内没有删除计划 {number}")
    return found.whole()


def votes(conn: Connection[Any], number: int) -> list[Vote]:
    """List who said what, in order."""
    with conn.cursor(row_factory=class_row(Vote)) as cursor:
        return cursor.execute(
            "SELECT a.login, a.name_zh, a.name_en, v.yes, v.note, v.at FROM erasure_vote v"
            " JOIN account a ON a.id = v.account_id WHERE v.erasure_id = %s ORDER BY v.at",
            (number,),
        ).fetchall()


def listing(conn: Connection[Any], account: Account, *, after: int = 0, limit: int = 50) -> list[Erasure]:
    """Erasures of the account's area, the newest first. Raises NotPermittedError."""
    require(account, Action.APPROVE_ERASURE)
    with conn.cursor(row_factory=class_row(_Row)) as cursor:
        rows = cursor.execute(
            _COLUMNS + b"WHERE (%(after)s = 0 OR e.id < %(after)s) ORDER BY e.id DESC LIMIT %(limit)s",
            {"area": account.area_path, "after": after, "limit": limit},
        ).fetchall()
    return [row.whole() for row in rows]


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    resident_id: int
    code: str
    reason: str
    asked_by: str
    identity: str
    account_id: int | None
    planner_zh: str | None
    planner_en: str | None
    planned_at: dt.datetime
    plan: Any
    state: str
    done_at: dt.datetime | None
    certificate: Any
    given_to: Any
    again_at: dt.datetime | None
    ended: dict[str, str]

    def whole(self) -> Erasure:
        fields = msgspec.structs.asdict(self)
        fields["plan"] = msgspec.convert(self.plan, list[Line])
        fields["certificate"] = None if self.certificate is None else msgspec.convert(self.certificate, list[Line])
        fields["given_to"] = None if self.given_to is None else msgspec.convert(self.given_to, list[Given])
        return Erasure(**fields)


def _after(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + years, day=28)
