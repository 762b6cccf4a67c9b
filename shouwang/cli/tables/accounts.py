"""Tables that ``shouwang accounts`` prints."""

import datetime as dt
import json
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from care_network.access.auditing.search import AuditEntry
from care_network.access.sessions import OpenSession
from care_network.records.account_records import KeptAccount
from vocabulary.times import local


def print_accounts(accounts: Iterable[KeptAccount], now: dt.datetime) -> None:
    """Print a line for each account."""
    table = _table("账号 login", "姓名 name", "角色 role", "范围 sees", "上次 last seen", "动态码 2nd", "状态 state")
    for one in accounts:
        sees = one.area_path or " ".join(one.residents)
        seen = local(one.last_seen_at) if one.last_seen_at else "—"
        names = escape(f"{one.name_zh} {one.name_en}")
        table.add_row(one.login, names, one.role, sees, seen, "✓" if one.has_second_factor else "", _state(one, now))
    Console().print(table)


def _state(one: KeptAccount, now: dt.datetime) -> str:
    if not one.active:
        return "[red]停用 disabled[/]"
    if one.one_time_until is not None:
        return "一次性密码 one-time" if one.one_time_until > now else "[red]密码过期 expired[/]"
    return "可用 active"


def print_sessions(sessions: Iterable[OpenSession]) -> None:
    """Print a line for each open session."""
    table = _table("来源 from", "登录 since", "上次 last seen", "至 until")
    for one in sessions:
        times = (one.created_at, one.last_seen_at, one.expires_at)
        table.add_row(one.origin, *map(local, times))
    Console().print(table)


def print_audit(entries: Iterable[AuditEntry]) -> None:
    """Print a line for each entry."""
    table = _table("时间 time", "账号 login", "动作 action", "老人 resident", "来源 from", "详情 detail")
    for one in entries:
        detail = escape(json.dumps(one.detail, ensure_ascii=False)) if one.detail else ""
        what = f"{one.action} [dim]{one.alert[:8]}[/]" if one.alert else one.action
        who = one.login or escape(one.name_zh or "—")
        table.add_row(local(one.at), who, what, one.resident or "", escape(one.origin), detail)
    Console().print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
