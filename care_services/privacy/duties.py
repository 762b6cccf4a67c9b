"""Duties of law about personal data as data: where each is met, and the test that shows it; the impact assessment."""

import datetime as dt
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from care_network.consents.doors import DOORS
from care_services.privacy import breaches, holds
from vocabulary.times import local_day

STATES: Mapping[str, tuple[str, str]] = {
    "met": ("已满足", "met"), "partly": ("部分满足", "partly met"), "not": ("未满足", "not met"),
}  # fmt: skip


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """A duty of the Personal Information Protection Law."""

    article: str
    zh: str
    en: str
    state: Literal["met", "partly", "not"]
    where: str
    """The page that meets it."""
    tests: tuple[str, ...]
    """The tests that show it: file, or file::name; none for a duty that is not met."""
    open_zh: str
    """The part that is missing."""
    open_en: str


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """A risk of a use of sensitive data, with what is done against it (article 56)."""

    purpose: str
    risk_zh: str
    risk_en: str
    likely: Literal["low", "middle", "high"]
    grave: Literal["low", "middle", "high"]
    measures_zh: str
    measures_en: str


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a duty as the database has it now, with what it was computed from."""

    state: str
    words: list[tuple[str, str]]


class _Duties(msgspec.Struct, frozen=True):
    duty: tuple[Duty, ...]


class _Risks(msgspec.Struct, frozen=True):
    risk: tuple[Risk, ...]


def _text(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


DUTIES = msgspec.convert(tomllib.loads(_text("duties.toml")), _Duties).duty
RISKS = msgspec.convert(tomllib.loads(_text("assessment.toml")), _Risks).risk
ANSWER_DAYS = 15
"""Working days are not counted: GB/T 35273-2020, 8.7, has thirty days for an answer; half of it is ours."""


def live(conn: Connection[Any], account: Account, now: dt.datetime) -> dict[str, Live]:
    """Compute the state of those duties that the data shows, by article. Raises NotPermittedError."""
    require(account, Action.VIEW_PRIVACY)
    found = {
        "15, 16": _doors(),
        "31": _children(conn),
        "19, 47": _decided(conn, account, local_day(now)),
        "57": _breaches(conn, account, now),
    }
    if may_do(account, Action.MANAGE_PRIVACY):
        found["44, 45"] = _copies(conn, now)
    if may_do(account, Action.GIVE_CONSENTS):
        found["14"] = _manner(conn)
    return found


def _count(conn: Connection[Any], query: LiteralString, *values: object) -> int:
    row = conn.execute(query, values or None).fetchone()
    return int(row[0]) if row else 0


def _doors() -> Live:
    left = [one for one in DOORS if one.open_zh]
    return Live(
        state="partly" if left else "met",
        words=[
            (f"数据出口 {len(DOORS)} 处，{len(left)} 处有未尽事项", f"{len(DOORS)} doors, {len(left)} not whole"),
            *((f"{one.zh}：{one.open_zh}", f"{one.en}: {one.open_en}") for one in left),
        ],
    )


def _decided(conn: Connection[Any], account: Account, today: dt.date) -> Live:
    tables = {name for (name,) in conn.execute("SELECT relation FROM person_tables()")}
    tables |= {name for (name,) in conn.execute("SELECT relation FROM person_tables_by_name()")}
    rules = dict(conn.execute("SELECT relation, confirm FROM erasure_rule").fetchall())
    left = sorted(tables - rules.keys())
    asked = sum(rules[name] for name in tables & rules.keys())
    words = [
        (
            f"涉及个人的 {len(tables)} 张表，{len(left)} 张没有决定",
            f"{len(tables)} tables of a person, {len(left)} undecided",
        ),
        (f"其中 {asked} 张的期限须法律顾问确认", f"of {asked} of them counsel has to confirm the period"),
    ]
    if left:
        words.append(("、".join(left), ", ".join(left)))
    held = [one for one in holds.listing(conn, account) if one.state(today) == "in_force"]
    if held:
        cases = [f"{one.id} {one.reference}" for one in held]
        words.append((f"法定保全 {len(held)} 项：{'、'.join(cases)}", f"legal holds: {len(held)}: {', '.join(cases)}"))
    return Live(state="not" if left else "partly" if asked else "met", words=words)


def _children(conn: Connection[Any]) -> Live:
    """Count residents who are recorded as younger than fourteen: a mistake, or data that need a parent's consent."""
    young = _count(
        conn, "SELECT count(*) FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
        " WHERE r.birth_date > (now() AT TIME ZONE 'Asia/Shanghai')::date - interval '14 years' AND r.gone IS NULL",
    )  # fmt: skip
    return Live(
        state="not" if young else "partly",
        words=[(f"登记为不满十四周岁的：{young} 人", f"recorded as younger than fourteen: {young}")],
    )


def _breaches(conn: Connection[Any], account: Account, now: dt.datetime) -> Live:
    clocks = [one.clock(step, now).state for one in breaches.listing(conn, account) for step in ("authority", "people")]
    over, late = clocks.count("over"), clocks.count("late") + clocks.count("running")
    return Live(
        state="not" if over else "partly",
        words=[
            (
                f"未发出的通知：{late} 项待发，{over} 项已超过 72 小时",
                f"notices that wait: {late}; over 72 hours: {over}",
            )
        ],
    )


def _copies(conn: Connection[Any], now: dt.datetime) -> Live:
    late = _count(
        conn, "SELECT count(*) FROM person_copy WHERE state IN ('waiting', 'running', 'failed') AND asked_at < %s",
        now - dt.timedelta(days=ANSWER_DAYS),
    )  # fmt: skip
    return Live(
        state="not" if late else "met",
        words=[(f"申请满 {ANSWER_DAYS} 天仍未提供的副本：{late}", f"copies that wait for {ANSWER_DAYS} days: {late}")],
    )


def _manner(conn: Connection[Any]) -> Live:
    unknown = _count(conn, "SELECT count(*) FROM consent_event WHERE given AND how = 'unknown'")
    return Live(
        state="partly" if unknown else "met",
        words=[
            (
                f"不知以何种方式取得的同意：{unknown} 条",
                f"consents of which nobody knows how they were given: {unknown}",
            )
        ],
    )
