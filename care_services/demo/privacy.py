"""Consents of all sorts, a copy, an erasure that waits for the second person, a research project with an export."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account, account_by_login
from care_network.errors import ChangedMeanwhileError
from care_services.privacy import breaches, copies, erasures, research
from vocabulary.times import SHANGHAI

_SAID = (
    # purpose, one of every so many, beginning with, given, by, how, evidence, days ago: in the order of time
    ("photos", 2, 0, True, "self", "paper", "上门服务告知书", 60),
    ("outdoor_place", 4, 1, True, "guardian", "paper", "监护关系证明", 50),
    ("research", 5, 0, True, "self", "paper", "研究同意书", 40),
    ("research", 5, 1, True, "self", "paper", "研究同意书", 38),
    ("research", 5, 2, True, "guardian", "paper", "监护关系证明", 35),
    ("research", 5, 3, True, "self", "telephone", "录音", 30),
    ("meal_allergies", 3, 0, True, "self", "page", "", 25),
    ("photos", 14, 3, False, "self", "spoken", "", 20),
    ("volunteers", 3, 0, True, "self", "spoken", "", 18),
    ("research", 15, 3, False, "self", "telephone", "录音", 12),
    ("volunteers", 12, 0, False, "self", "telephone", "录音", 5),
)


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Add what is missing; whoever has said something to a purpose is left alone."""
    _consents(conn, now)
    admin, head = _somebody(conn, "admin"), _somebody(conn, "manager")
    if admin is None or head is None:
        return
    codes = [
        code
        for (code,) in conn.execute(
            "SELECT r.code FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
            " JOIN area a ON a.id = h.area_id AND a.path <@ %s::text::ltree ORDER BY r.code",
            (head.area_path,),
        )
    ]
    if not codes:
        return
    if not _there(conn, "person_copy"):
        copies.ask(conn, admin, codes[0], "self", "查看身份证原件", at=now, origin="demo")
    if not _there(conn, "erasure"):
        _erasure(conn, admin, head, codes, now)
    if not _there(conn, "research_project"):
        # of the head's street: who decides has to see the project
        _research(conn, msgspec.structs.replace(admin, area_path=head.area_path), head, now)
    if not _there(conn, "privacy_breach"):
        number = breaches.add(
            conn, admin, now - dt.timedelta(days=61), "leak", "一份上门名单误发到其他社区的工作群，二十分钟后撤回", 6,
            "已要求群内成员删除并确认；名单改为只在平台内查看", at=now - dt.timedelta(days=60), origin="demo",
        )  # fmt: skip
        for version, step in enumerate(("authority", "people", "close"), 1):
            breaches.note(conn, admin, number, step, version, at=now - dt.timedelta(days=60 - version), origin="demo")


def _consents(conn: Connection[Any], now: dt.datetime) -> None:
    """Write down what the residents said, in the order of time; in one statement a line of the table."""
    told = {purpose for (purpose,) in conn.execute("SELECT DISTINCT purpose FROM consent_event WHERE recipient = ''")}
    for purpose, every, first, given, by, how, evidence, days in _SAID:
        if purpose in told:
            continue
        conn.execute(
            """
            INSERT INTO consent_event (resident_id, purpose, given, at, by_whom, how, evidence, words, account_id,
                                       recorded_at)
            SELECT id, %(purpose)s, %(given)s, %(at)s, %(by)s, %(how)s,
                   CASE WHEN %(evidence)s = '' THEN '' ELSE %(evidence)s || ' ' || code END, 1, writer, %(at)s
            FROM (
                SELECT r.id, r.code, row_number() OVER (ORDER BY r.code) - 1 AS place,
                       (SELECT min(a.id) FROM account a WHERE a.role = 'station' AND a.active) AS writer
                FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            ) people WHERE place %% %(every)s = %(first)s
            """,
            {
                "purpose": purpose, "given": given, "at": now - dt.timedelta(days=days), "by": by, "how": how,
                "evidence": evidence, "every": every, "first": first,
            },
        )  # fmt: skip


def _erasure(conn: Connection[Any], admin: Account, head: Account, codes: list[str], now: dt.datetime) -> None:
    for code in reversed(codes):
        try:
            number = erasures.ask(
                conn, admin, code, "ended", "district", "老人已迁出本区，家属书面申请", at=now, origin="demo"
            )
        except ChangedMeanwhileError:  # an alert of theirs is open
            continue
        erasures.vote(conn, head, number, True, "已与家属核对", at=now, origin="demo")
        return


def _research(conn: Connection[Any], admin: Account, head: Account, now: dt.datetime) -> None:
    new = research.NewProject(
        title="独居与跌倒的关系", purpose="独居老人跌倒后多久被发现，用于改进呼叫策略",
        recipient="示例大学公共卫生学院",
        columns=["sex", "lives_alone", "falls", "emergencies", "last_fall"],
        expires_on=now.astimezone(SHANGHAI).date() + dt.timedelta(days=180),
    )  # fmt: skip
    number = research.plan(conn, admin, new, at=now, origin="demo")
    if head.area_path == admin.area_path:  # else nobody but the planner sees it, and it waits
        research.decide(conn, head, number, True, at=now, origin="demo")
        research.make(conn, research.ask(conn, admin, number, at=now, origin="demo"), now.astimezone(SHANGHAI).date())
    waiting = research.NewProject(
        title="夜间离床与能力等级", purpose="夜间离床次数与能力等级的关系", recipient="示例医院老年科",
        columns=["age_band", "sex", "ability_grade", "alerts"], k=10, l=2,
        expires_on=now.astimezone(SHANGHAI).date() + dt.timedelta(days=365),
    )  # fmt: skip
    research.plan(conn, admin, waiting, at=now, origin="demo")


def _there(conn: Connection[Any], table: str) -> bool:
    row = conn.execute(f"SELECT EXISTS (SELECT FROM {table})".encode()).fetchone()  # noqa: S608 - one of four fixed names
    return row is not None and bool(row[0])


def _somebody(conn: Connection[Any], role: str) -> Account | None:
    """The account of that role with the largest area."""
    row = conn.execute(
        "SELECT login FROM account WHERE role = %s AND active ORDER BY nlevel(area_path), login LIMIT 1", (role,)
    ).fetchone()
    return None if row is None else account_by_login(conn, row[0])
