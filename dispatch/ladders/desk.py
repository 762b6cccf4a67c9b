"""Policies as people work on them: drafts, putting one in force, taking one out, versions, and the homes concerned.

An account may set what holds for homes of its own area alone: a policy of an organisation there, or, with an area that
has every home, one that holds everywhere.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.ability.standing import Standing, approved
from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, covers_every_home, in_area, require
from care_network.duty.roster import NEAREST_KINDS
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from dispatch.ladders import store
from dispatch.ladders.by_grade import choose_for
from dispatch.ladders.drafts import Raw, raw_of
from dispatch.ladders.policy import Policy, PolicyError, choose, decode
from vocabulary.area_path import within
from vocabulary.synthetic import PLATFORM_HOME
from vocabulary.times import SHANGHAI

Words = tuple[str, str]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A stored version of a policy."""

    version: int
    active: bool
    policy: Policy
    changed_at: dt.datetime
    actor_zh: str | None
    actor_en: str | None
    """None: the program."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft, and who saved it."""

    code: str
    fields: Raw
    version: int
    changed_at: dt.datetime
    actor_zh: str
    actor_en: str


class Concerned(msgspec.Struct, frozen=True):
    """How many homes get another ladder, of all; and how many alerts are open that keep theirs."""

    homes: int
    all_homes: int
    open_alerts: int


def versions(conn: psycopg.Connection[Any], code: str) -> list[Version]:
    """List the versions of a policy, the newest first. One that cannot be read is left out."""
    found = []
    for version, active, value, changed_at, zh, en in conn.execute(
        "SELECT p.version, p.active, p.policy, p.changed_at, a.name_zh, a.name_en FROM escalation_policy p"
        " LEFT JOIN account a ON a.id = p.account_id WHERE p.code = %s ORDER BY p.version DESC",
        (code,),
    ):
        try:
            policy = msgspec.structs.replace(decode(value), version=version)
        except PolicyError:
            continue
        found.append(Version(version=version, active=active, policy=policy, changed_at=changed_at, actor_zh=zh,
                             actor_en=en))  # fmt: skip
    return found


def version_of(conn: psycopg.Connection[Any], code: str, version: int) -> Policy:
    """One version; 0: that of the program. Raises NotFoundError."""
    known = [one.policy for one in versions(conn, code)]
    known += [policy for policy in store.defaults() if policy.code == code]
    for policy in known:
        if policy.version == version:
            return policy
    raise NotFoundError(en=f"{code} has no version {version}", zh=f"{code} 没有版本 {version}", field="version")


def drafts(conn: psycopg.Connection[Any]) -> dict[str, Draft]:
    """Every draft, by code."""
    with conn.cursor(row_factory=class_row(Draft)) as cursor:
        rows = cursor.execute(
            "SELECT code, fields, version, changed_at, actor_zh, actor_en FROM policy_draft ORDER BY code"
        ).fetchall()
    return {row.code: row for row in rows}


def save_draft(
    conn: psycopg.Connection[Any], account: Account, code: str, fields: Raw, at: dt.datetime, seen: int
) -> int:
    """Keep a draft; gives its version. ``seen``: the version it was made from, 0: there was none.

    Raises ChangedMeanwhileError where somebody saved another one since.
    """
    require(account, Action.SET_POLICIES)
    _check_reach_of(conn, account, code)
    row = conn.execute(
        """
        INSERT INTO policy_draft AS d (code, fields, changed_at, account_id, actor_zh, actor_en)
        SELECT %(code)s, %(fields)s::jsonb, %(at)s, %(account)s, %(zh)s, %(en)s
        ON CONFLICT (code) DO UPDATE SET fields = excluded.fields, version = d.version + 1, changed_at = %(at)s,
            account_id = %(account)s, actor_zh = %(zh)s, actor_en = %(en)s
        WHERE d.version = %(seen)s RETURNING version
        """,
        {"code": code, "fields": msgspec.json.encode(fields).decode(), "at": at, "account": account.id,
         "zh": account.name_zh, "en": account.name_en, "seen": seen},
    ).fetchone()  # fmt: skip
    if row is None:
        theirs = drafts(conn)[code]
        raise ChangedMeanwhileError(
            en=f"{theirs.actor_en} saved another draft meanwhile; both are shown",
            zh=f"{theirs.actor_zh} 刚刚保存了另一份草稿，两份都已列出",
        )
    return int(row[0])


def save_drafts(conn: psycopg.Connection[Any], account: Account, policies: Sequence[Policy], at: dt.datetime) -> None:
    """Keep policies as drafts, all or none. Raises ProvisioningError where somebody works on one of them already."""
    with conn.transaction():
        there = drafts(conn)
        for policy in policies:
            if policy.code in there:
                theirs = there[policy.code]
                raise ProvisioningError(
                    en=f"{theirs.actor_en} works on a draft of {policy.code}: discard it or put it in force first",
                    zh=f"{theirs.actor_zh} 正在编辑 {policy.code} 的草稿，请先启用或放弃该草稿",
                    field="file",
                )
            save_draft(conn, account, policy.code, raw_of(policy), at, 0)


def discard(conn: psycopg.Connection[Any], account: Account, code: str) -> None:
    """Throw a draft away."""
    require(account, Action.SET_POLICIES)
    _check_reach_of(conn, account, code)
    conn.execute("DELETE FROM policy_draft WHERE code = %s", (code,))


def put_in_force(
    conn: psycopg.Connection[Any], account: Account, policies: Sequence[Policy], at: dt.datetime, origin: str
) -> list[str]:
    """Store policies as new versions, and forget their drafts; gives the codes of those that differ.

    Raises NotPermittedError where they reach beyond the account's area, PolicyError where one is wrong.
    """
    require(account, Action.SET_POLICIES)
    with conn.transaction():
        for policy in policies:
            _check_reach(conn, account, policy.organisation)
            _check_reach_of(conn, account, policy.code)
        changed = store.save(conn, policies, at, account.id)
        conn.execute("DELETE FROM policy_draft WHERE code = ANY(%s)", ([policy.code for policy in policies],))
        for code in changed:
            audit(conn, account, "set_policy", at=at, origin=origin, detail={"code": code})
    return changed


def retire(conn: psycopg.Connection[Any], account: Account, code: str, at: dt.datetime, origin: str) -> None:
    """Take a policy out of force. Raises as :func:`put_in_force`."""
    require(account, Action.SET_POLICIES)
    with conn.transaction():
        _check_reach_of(conn, account, code)
        store.retire(conn, code, at, account.id)
        conn.execute("DELETE FROM policy_draft WHERE code = %s", (code,))
        audit(conn, account, "drop_policy", at=at, origin=origin, detail={"code": code})


def organisations(conn: psycopg.Connection[Any]) -> list[tuple[str, str, str, str, str]]:
    """(code, kind, path, Chinese, English) of the open organisations, in the order of the tree."""
    return conn.execute(
        "SELECT o.code, o.kind, a.path::text, o.name_zh, o.name_en FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.active ORDER BY a.path, o.code"
    ).fetchall()


def concerned(
    conn: psycopg.Connection[Any], account: Account, policies: Sequence[Policy], then: Sequence[Policy], code: str
) -> Concerned:
    """Count the homes of the account's area whose alerts climb the ladder ``code`` now or then, at any hour."""
    homes = conn.execute(
        "SELECT a.path::text, count(*) FROM household h JOIN area a ON a.id = h.area_id"
        " WHERE a.path <@ %s::ltree AND NOT h.synthetic AND h.code <> %s GROUP BY 1",
        (account.area_path, PLATFORM_HOME),
    ).fetchall()
    mine = [policy for policy in (*policies, *then) if policy.code == code]
    severities = {policy.severity for policy in mine}
    alerts = conn.execute(
        "SELECT count(*) FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id"
        " WHERE ar.path <@ %s::ltree AND NOT h.synthetic AND a.policy->>'code' = %s AND a.state NOT IN"
        " ('resolved', 'cancelled', 'cleared')",
        (account.area_path, code),
    ).fetchone()
    places = organisations(conn)
    count = 0
    for path, number in homes:
        near = _near(places, path)
        if any(_is_used(each, severity, near, code) for each in (policies, then) for severity in severities):
            count += number
    if any(policy.grades for policy in mine):
        count += _by_grade(conn, account, policies, then, mine, places)
    return Concerned(count, sum(number for _, number in homes), alerts[0] if alerts else 0)


def _by_grade(
    conn: psycopg.Connection[Any], account: Account, policies: Sequence[Policy], then: Sequence[Policy],
    mine: Sequence[Policy], places: Sequence[tuple[str, str, str, str, str]],
) -> int:  # fmt: skip
    """The homes of the account's area where a ladder by grade is taken now or then."""
    standings: dict[int, list[Standing]] = {}
    for household, standing in approved(conn):
        standings.setdefault(household, []).append(standing)
    rows = conn.execute(
        "SELECT h.id, a.path::text FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = ANY(%s)"
        " AND a.path <@ %s::ltree AND NOT h.synthetic",
        (list(standings), account.area_path),
    ).fetchall()
    at = dt.datetime.now(dt.UTC)
    count = 0
    for household, path in rows:
        near = _near(places, path)
        found = (
            choose_for(each, policy.severity, near, at, [one])
            for each in (policies, then) for policy in mine if policy.grades for one in standings[household]
        )  # fmt: skip
        count += any(one is not None and one.policy.code == mine[0].code for one in found)
    return count


def _near(places: Iterable[tuple[str, str, str, str, str]], path: str) -> list[str]:
    serving = [place for place in places if within(path, place[2])]
    return [
        one[0] for one in sorted(serving, key=lambda one: (-one[2].count("."), NEAREST_KINDS.index(one[1]), one[0]))
    ]


def _is_used(policies: Sequence[Policy], severity: str, near: Sequence[str], code: str) -> bool:
    """Whether the policy applies there at some hour: they change at the edges of hours only."""
    edges = {dt.time(0), *(edge for one in policies for edge in (one.starts, one.ends) if edge is not None)}
    day = dt.date(2026, 1, 1)
    chosen = (choose(policies, severity, near, dt.datetime.combine(day, edge, SHANGHAI)) for edge in edges)
    return any(one is not None and one.code == code for one in chosen)


def _check_reach_of(conn: psycopg.Connection[Any], account: Account, code: str) -> None:
    """Check the policy that is in force under a code, if there is one."""
    known = next((one for one in store.policies_now(conn) if one.code == code), None)
    if known is not None:
        _check_reach(conn, account, known.organisation)


def _check_reach(conn: psycopg.Connection[Any], account: Account, organisation: str | None) -> None:
    if organisation is not None:
        row = conn.execute(
            "SELECT a.path::text FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.code = %s", (organisation,)
        ).fetchone()
        if row is None or in_area(account, row[0]):
            return  # one that is not there is told of by the check of the policy itself
    elif covers_every_home(conn, account):
        return
    raise NotPermittedError(
        en=f"this policy reaches beyond {account.login}'s area; name an organisation of yours, or ask the district",
        zh=f"该策略超出 {account.login} 的管辖区域：请限定为您区域内的机构，或由全区账号设置",
    )
