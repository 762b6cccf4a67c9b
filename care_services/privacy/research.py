"""Research without names: projects that somebody else approves, and exports of those who agree at that moment.

An export is made by a job, which alone has the project's key; it is not given out once somebody has taken the consent
back since, nor after the project's end.
"""

import csv
import datetime as dt
import hmac
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.privacy.anonymity import (
    LEAST_K,
    LEAST_L,
    WHO,
    Earlier,
    age_band,
    banded,
    pseudonym,
    release,
    shifted,
)
from vocabulary.times import SHANGHAI

LONGEST = dt.timedelta(days=366 * 3)
STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("等待审批", "waiting for approval"), "approved": ("已批准", "approved"),
    "refused": ("未批准", "refused"),
    "ended": ("已结束", "ended"),
}  # fmt: skip
EXPORT_STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("等待制作", "waiting"), "done": ("可以下载", "ready"),
    "empty": ("没有可提供的数据", "nothing to give out"),
    "ended": ("已移除", "removed"),
}  # fmt: skip


class Column(msgspec.Struct, frozen=True):
    """A column that a project may choose, with how it is made coarse."""

    zh: str
    en: str
    kind: Literal["quasi", "sensitive", "both"]
    """quasi: somebody could be known by it; sensitive: what must not be learned of a person that is known."""
    make: Callable[[Mapping[str, Any], bytes, dt.date], str]
    alike: Callable[[str], Any] = str
    """The part of a value that counts as the same."""


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


COLUMNS: Mapping[str, Column] = {
    "age_band": Column("年龄段（五岁）", "Age in bands of five years", "quasi",
                       lambda row, _, today: age_band(row["birth_date"], today)),
    "sex": Column("性别", "Sex", "quasi", lambda row, *_: str(row["sex"])),
    "street": Column("街道", "Street", "quasi", lambda row, *_: row["street_zh"] or ""),
    "ability_grade": Column("能力等级", "Ability grade", "both", lambda row, *_: row["ability_grade"] or ""),
    "lives_alone": Column("独居", "Lives alone", "quasi", lambda row, *_: _yes(row["lives_alone"])),
    "home_care_bed": Column("家庭养老床位", "Home care bed", "both", lambda row, *_: _yes(row["home_care_bed"])),
    "falls": Column("一年内跌倒预警（分段）", "Fall alerts of a year, in bands", "sensitive",
                    lambda row, *_: banded(row["falls"])),
    "emergencies": Column("一年内紧急预警（分段）", "Emergencies of a year, in bands", "sensitive",
                          lambda row, *_: banded(row["emergencies"])),
    "alerts": Column("一年内预警（分段）", "Alerts of a year, in bands", "sensitive",
                     lambda row, *_: banded(row["alerts"])),
    "last_fall": Column("最近跌倒日期（每人移动固定天数）", "Day of the last fall, moved by days of each person's own",
                        "sensitive", lambda row, secret, _: shifted(secret, row["resident_id"], row["last_fall"]),
                        bool),  # whether there is one: no two moved dates are the same
}  # fmt: skip


def of_kind(columns: Sequence[str], *kinds: str) -> list[str]:
    """Those of the columns that are of such a kind, in their order."""
    return [name for name in columns if COLUMNS[name].kind in kinds]


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A research project."""

    id: int
    title: str
    purpose: str
    recipient: str
    area: str
    columns: list[str]
    k: int
    l: int  # noqa: E741 - its name in the literature
    planned_by: int | None
    planner_zh: str | None
    planner_en: str | None
    planned_at: dt.datetime
    state: str
    decider_zh: str | None
    decider_en: str | None
    decided_at: dt.datetime | None
    expires_on: dt.date


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """An export of a project; people in numbers."""

    id: int
    project_id: int
    asked_at: dt.datetime
    state: str
    agreed: int
    released: int
    suppressed: int
    groups: int
    smallest: int
    withheld: int
    """Of the suppressed: by the difference from an earlier export."""
    diversity: dict[str, int]
    """By sensitive column: the fewest different values in a group."""
    made_at: dt.datetime | None
    fetched_at: dt.datetime | None

    @property
    def share(self) -> float | None:
        """The share that was left out, percent; None: nobody agreed."""
        return 100 * self.suppressed / self.agreed if self.agreed else None


class NewProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project as it is planned."""

    title: str
    purpose: str
    recipient: str
    columns: Sequence[str]
    k: int = LEAST_K
    l: int = LEAST_L  # noqa: E741
    expires_on: dt.date


_PROJECTS = b"""
    SELECT p.id, p.title, p.purpose, p.recipient, p.area_path::text AS area, p.columns, p.k, p.l, p.planned_by,
           a.name_zh AS planner_zh, a.name_en AS planner_en, p.planned_at, p.state, d.name_zh AS decider_zh,
           d.name_en AS decider_en, p.decided_at, p.expires_on
    FROM research_project p LEFT JOIN account a ON a.id = p.planned_by LEFT JOIN account d ON d.id = p.decided_by
    WHERE p.area_path <@ %(area)s::text::ltree
"""
_EXPORT = (
    "id, project_id, asked_at, state, agreed, released, suppressed, groups, smallest, withheld, diversity,"
    " made_at, fetched_at"
)


def plan(conn: Connection[Any], account: Account, new: NewProject, *, at: dt.datetime, origin: str) -> int:
    """Write a project down, which waits for another person; returns its number.

    Raises NotPermittedError, ProvisioningError with the wrong field.
    """
    require(account, Action.MANAGE_PRIVACY)
    words = {name: clean(getattr(new, name)) for name in ("title", "purpose", "recipient")}
    for name, most in (("title", 120), ("purpose", 1000), ("recipient", 200)):
        if not 1 <= len(words[name]) <= most:
            raise ProvisioningError(en=f"up to {most} characters, not empty", zh=f"必填，最多 {most} 字", field=name)
    columns = list(dict.fromkeys(new.columns))
    if not columns or any(name not in COLUMNS for name in columns):
        raise ProvisioningError(en="choose columns of the list", zh="请从列表中选择数据项", field="columns")
    if not LEAST_K <= new.k <= 1000:
        raise ProvisioningError(en=f"at least {LEAST_K}", zh=f"不能小于 {LEAST_K}", field="k")
    if not 1 <= new.l <= 10:
        raise ProvisioningError(en="from 1 to 10", zh="1 到 10", field="l")
    if new.l < LEAST_L and of_kind(columns, "sensitive", "both"):
        raise ProvisioningError(
            en=f"at least {LEAST_L} where sensitive data are given out: a group that is all alike tells of everybody",
            zh=f"含敏感数据时不能小于 {LEAST_L}：一组人取值全部相同，等于说出了每个人的情况", field="l",
        )  # fmt: skip
    today = at.astimezone(SHANGHAI).date()
    if not today < new.expires_on <= today + LONGEST:
        raise ProvisioningError(
            en="a day from tomorrow on, within three years", zh="须为明天起三年内的一天", field="expires_on"
        )
    _refuse_joined(conn, account.area_path or "", columns, 0)
    with conn.transaction():
        row = conn.execute(
            """
            INSERT INTO research_project (title, purpose, recipient, area_path, columns, k, l, planned_by, planned_at,
                                          expires_on)
            VALUES (%s, %s, %s, %s::ltree, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            (
                words["title"],
                words["purpose"],
                words["recipient"],
                account.area_path,
                columns,
                new.k,
                new.l,
                account.id,
                at,
                new.expires_on,
            ),
        ).fetchone()
        assert row is not None  # noqa: S101 - INSERT … RETURNING
        audit(conn, account, "plan_research", at=at, origin=origin, detail={"number": row[0]})
    return int(row[0])


def decide(conn: Connection[Any], account: Account, number: int, yes: bool, *, at: dt.datetime, origin: str) -> None:
    """Approve a project or refuse it; nobody decides on their own.

    Raises NotPermittedError, NotFoundError, ChangedMeanwhileError where it was decided before.
    """
    require(account, Action.APPROVE_ERASURE)
    with conn.transaction():
        one = load(conn, account, number)
        if one.planned_by == account.id:
            raise NotPermittedError(
                en="you planned it: another person has to decide", zh="这是您提出的项目，须由另一人审批"
            )
        done = conn.execute(
            "UPDATE research_project SET state = %s, decided_by = %s, decided_at = %s"
            " WHERE id = %s AND state = 'waiting'",
            ("approved" if yes else "refused", account.id, at, number),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(en="it was decided before", zh="这个项目已经审批过")
        action = "approve_research" if yes else "refuse_research"
        audit(conn, account, action, at=at, origin=origin, detail={"number": number})


def ask(conn: Connection[Any], account: Account, number: int, *, at: dt.datetime, origin: str) -> int:
    """Ask for an export of an approved project, which a job makes; returns its number.

    Raises NotPermittedError, NotFoundError, ChangedMeanwhileError where the project is not approved or over.
    """
    require(account, Action.MANAGE_PRIVACY)
    with conn.transaction():
        one = load(conn, account, number)
        if one.state != "approved" or one.expires_on < at.astimezone(SHANGHAI).date():
            raise ChangedMeanwhileError(en="the project is not approved, or over", zh="项目未批准或已到期")
        _refuse_joined(conn, one.area, one.columns, number)
        row = conn.execute(
            "INSERT INTO research_export (project_id, account_id, asked_at) VALUES (%s, %s, %s) RETURNING id",
            (number, account.id, at),
        ).fetchone()
        assert row is not None  # noqa: S101 - INSERT … RETURNING
        audit(conn, account, "ask_research_export", at=at, origin=origin, detail={"number": number})
    return int(row[0])


def _refuse_joined(conn: Connection[Any], area: str, columns: Sequence[str], number: int) -> None:
    """Refuse columns that could be joined with what another project of the same people gave out.

    Rows with the same sensitive values can be recognised in two files; what could tell who it is in one of them is
    then known beside what could in the other, and nobody made groups by both together. Where one project has all
    such columns of the other, the groups of the finer one hold. Raises ProvisioningError with what to do.
    """
    mine = set(of_kind(columns, "quasi", "both"))
    sensitive = set(of_kind(columns, "sensitive", "both"))
    for title, theirs in conn.execute(
        "SELECT p.title, p.columns FROM research_project p WHERE p.id <> %(number)s"
        " AND (p.area_path <@ %(area)s::text::ltree OR p.area_path @> %(area)s::text::ltree)"
        " AND EXISTS (SELECT FROM research_export e WHERE e.project_id = p.id AND e.released > 0) ORDER BY p.id",
        {"number": number, "area": area},
    ):
        known = [name for name in theirs if name in COLUMNS]
        other = set(of_kind(known, "quasi", "both"))
        if mine <= other or other <= mine or not sensitive & set(of_kind(known, "sensitive", "both")):
            continue
        zh = "、".join(COLUMNS[name].zh for name in known if name in other)
        en = ", ".join(COLUMNS[name].en for name in known if name in other)
        raise ProvisioningError(
            en=f"the project “{title}” gave out the same sensitive data of the same people by other columns ({en}):"
            " laid side by side the two files would tell more than either. Choose all of these columns, or only some of"
            " them",
            zh=f"项目“{title}”已就同一批老人按其他数据项（{zh}）提供过相同的敏感数据，两份文件并排比对会认出人。"
            "请选择包含上述全部数据项，或只选其中一部分",
            field="columns",
        )


def make(conn: Connection[Any], number: int, today: dt.date) -> None:
    """Make an export that waits. ``conn``: of the role *maintain*."""
    row = conn.execute(
        "SELECT p.id, p.columns, p.k, p.l, p.secret, e.salt FROM research_export e"
        " JOIN research_project p ON p.id = e.project_id WHERE e.id = %s AND e.state = 'waiting'",
        (number,),
    ).fetchone()
    if row is None:
        return
    project, names, k, least, key, salt = row
    secret = hmac.digest(key, salt, "sha256")  # of this export alone: two of them cannot be joined by their names
    with conn.cursor(row_factory=dict_row) as cursor:
        people = cursor.execute("SELECT * FROM research_people(%s)", (number,)).fetchall()
    made = [
        {WHO: one["resident_id"], "pseudonym": pseudonym(secret, one["resident_id"])}
        | {name: COLUMNS[name].make(one, secret, today) for name in names}
        for one in people
    ]
    sensitive = of_kind(names, "sensitive")
    given = release(
        made, of_kind(names, "quasi", "both"), sensitive, k,
        max(least, LEAST_L), _earlier(conn, project), of_kind(names, "both"),
        {name: COLUMNS[name].alike for name in sensitive},
    )  # fmt: skip
    with conn.transaction():
        conn.cursor().executemany(
            "INSERT INTO research_member (export_id, resident_id, cell) VALUES (%s, %s, %s)",
            [(number, who, cell) for cell, members in given.members.items() for who in members],
        )
        conn.execute(
            "UPDATE research_export SET state = %s, agreed = %s, released = %s, suppressed = %s, groups = %s,"
            " smallest = %s, withheld = %s, diversity = %s, made_at = clock_timestamp(), body = %s"
            " WHERE id = %s AND state = 'waiting'",
            (
                "done" if given.rows else "empty", len(people), len(given.rows), given.suppressed, given.groups,
                given.smallest, given.withheld, Jsonb(given.diversity),
                written(["pseudonym", *names], given.rows) if given.rows else None, number,
            ),
        )  # fmt: skip


def _earlier(conn: Connection[Any], project: int) -> list[Earlier]:
    """List the exports that may be in somebody's hands, of every project about people of the same area."""
    found: dict[int, tuple[tuple[str, ...], dict[str, frozenset[int]]]] = {}
    for export, columns, cell, members in conn.execute(
        "SELECT m.export_id, p.columns, m.cell, array_agg(m.resident_id) FROM research_member m JOIN research_export e"
        " ON e.id = m.export_id JOIN research_project p ON p.id = e.project_id JOIN research_project mine"
        " ON mine.id = %s AND (p.area_path <@ mine.area_path OR p.area_path @> mine.area_path) GROUP BY 1, 2, 3",
        (project,),
    ):
        quasi = tuple(of_kind([name for name in columns if name in COLUMNS], "quasi", "both"))
        found.setdefault(export, (quasi, {}))[1][cell] = frozenset(members)
    return [Earlier(quasi, members) for quasi, members in found.values()]


def written(heads: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as CSV, in the order of their pseudonyms, which tells nothing."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(heads))
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: str(row["pseudonym"])))
    return ("\ufeff" + out.getvalue()).encode()


def listing(conn: Connection[Any], account: Account) -> list[Project]:
    """The projects of the account's area, the newest first. Raises NotPermittedError."""
    require(account, Action.VIEW_PRIVACY)
    with conn.cursor(row_factory=class_row(Project)) as cursor:
        return cursor.execute(_PROJECTS + b" ORDER BY p.id DESC LIMIT 200", {"area": account.area_path}).fetchall()


def load(conn: Connection[Any], account: Account, number: int) -> Project:
    """A project. Raises NotPermittedError, NotFoundError for one outside the account's area, too."""
    require(account, Action.VIEW_PRIVACY)
    with conn.cursor(row_factory=class_row(Project)) as cursor:
        found = cursor.execute(_PROJECTS + b" AND p.id = %(id)s", {"area": account.area_path, "id": number}).fetchone()
    if found is None:
        raise NotFoundError(en=f"there is no project {number} in your area", zh=f"您的管辖范围内没有项目 {number}")
    return found


def exports(conn: Connection[Any], number: int) -> list[Export]:
    """The exports of a project, the newest first."""
    with conn.cursor(row_factory=class_row(Export)) as cursor:
        return cursor.execute(
            f"SELECT {_EXPORT} FROM research_export WHERE project_id = %s ORDER BY id DESC LIMIT 100",  # noqa: S608
            (number,),
        ).fetchall()


def fetch(conn: Connection[Any], account: Account, number: int, *, at: dt.datetime, origin: str) -> bytes:
    """The file of an export, while everybody in it can still agree and the project runs.

    Raises NotPermittedError, NotFoundError, ChangedMeanwhileError where somebody took the consent back since.
    """
    require(account, Action.MANAGE_PRIVACY)
    row = conn.execute(
        "SELECT project_id, body, made_at, state FROM research_export WHERE id = %s", (number,)
    ).fetchone()
    if row is None or row[1] is None or row[3] != "done":
        raise NotFoundError(en="there is no such file", zh="没有这份导出文件")
    project = load(conn, account, row[0])
    if project.state != "approved" or project.expires_on < at.astimezone(SHANGHAI).date():
        raise ChangedMeanwhileError(en="the project is over", zh="项目已到期")
    # by time, and by whoever is in it: a withdrawal under way while it was made is older than the file, and not in it
    withdrawn = conn.execute("SELECT research_withdrawn_since(%s) OR research_gone(%s)", (row[2], number)).fetchone()
    if withdrawn is not None and withdrawn[0]:
        raise ChangedMeanwhileError(
            en="a resident has taken the consent back since: make a new export",
            zh="此后有老人撤回了同意，这份导出作废，请重新制作",
        )
    conn.execute("UPDATE research_export SET fetched_at = %s WHERE id = %s AND fetched_at IS NULL", (at, number))
    audit(conn, account, "fetch_research_export", at=at, origin=origin, detail={"number": number})
    return bytes(row[1])
