"""The platform's data in five classes (基础、业务、管理、服务、决策), one line a table, made from the schema.

Class, owner, retention and source stand in ``classes.toml``; a test fails for a table without an entry. Readers and
writers of a table are taken from the services' rights, what it refers to and how many rows it has from the database.
"""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from database.rights.grants import GRANTS
from vocabulary.toml import read_toml

CLASSES: Mapping[str, tuple[str, str]] = {
    "base": ("基础数据", "base"), "business": ("业务数据", "business"), "management": ("管理数据", "management"),
    "service": ("服务数据", "service"), "decision": ("决策数据", "decision"),
}  # fmt: skip
SERVICE_WORDS: Mapping[str, tuple[str, str]] = {
    "console": ("值班台与各页面", "console"), "links": ("一键链接", "links"), "board": ("值班看板", "board"),
    "login": ("登录", "login"), "ingest": ("数据接入", "ingest"), "alerting": ("检测预警", "alerting"),
    "dispatch": ("呼叫派单", "dispatch"), "notify": ("通知发送", "notify"), "orders": ("工单", "orders"),
    "reports": ("上报与名册拉取", "reports"),
    "maintain": ("定时维护", "maintenance"), "exchange": ("对外接口", "exchange"), "path": ("链路证明", "path"),
    "issuer": ("证书签发", "certificates"), "city": ("市级汇总", "city"), "doctor": ("体检", "doctor"),
    "lists": ("吊销名单", "revocation lists"),
}  # fmt: skip


class Group(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    """Tables that one office answers for, in the same way."""

    class_: str
    code: str
    zh: str
    en: str
    owner_zh: str
    owner_en: str
    kept_zh: str
    kept_en: str
    from_zh: str
    from_en: str
    tables: str
    """Names with blanks between them."""
    ends: str = ""
    """Codes of the rules that remove what is over its period, blanks between them."""
    later: str = ""
    """Beginnings (with *) of the names of tables that are not named yet."""


class TableLine(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the schema."""

    name: str
    group: Group | None
    """None: nobody has said what it is."""
    named: bool
    """Whether it has an entry of its own; else it is known by the beginning of its name."""
    erasure: tuple[str, int | None] | None
    """('erase', 'anonymise' or 'keep', years) when a person is erased; None: it tells of nobody, or has no rule."""
    rows: int | None
    """By the database's own statistics, about; None: it has none yet."""
    refers_to: tuple[str, ...]
    read_by: tuple[str, ...]
    """Services, by code."""
    written_by: tuple[str, ...]


class DataMap(msgspec.Struct, frozen=True, kw_only=True):
    """All tables, and since when their rows are counted."""

    tables: tuple[TableLine, ...]
    since: dt.datetime | None


@cache
def groups() -> tuple[Group, ...]:
    """The groups as they stand in the file."""
    text = resources.files(__package__).joinpath("classes.toml").read_text("utf-8")
    return msgspec.convert(read_toml(text)["group"], tuple[Group, ...])


@cache
def group_of(table: str) -> Group | None:
    """The group of a table: by its own name, else by the longest beginning that fits."""
    named = next((group for group in groups() if table in group.tables.split()), None)
    if named is not None:
        return named
    fits = [
        (len(name), place)
        for place, group in enumerate(groups()) for name in group.later.split() if table.startswith(name[:-1])
    ]  # fmt: skip
    return groups()[max(fits)[1]] if fits else None


_TABLES = """
    SELECT c.relname,
           pg_stat_get_live_tuples(c.oid) + coalesce((SELECT sum(pg_stat_get_live_tuples(i.inhrelid))::bigint
                     FROM pg_inherits i WHERE i.inhparent = c.oid), 0) AS counted,
           c.reltuples::bigint AS analysed,
           ARRAY(SELECT DISTINCT t.relname::text FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
                 WHERE k.conrelid = c.oid AND k.contype = 'f' AND t.oid <> c.oid ORDER BY 1)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
    ORDER BY c.relname
"""


def data_map(conn: Connection[Any], account: Account) -> DataMap:
    """Every table of the schema with its class. Numbers of rows are the database's estimate: nothing is counted."""
    if not may_do(account, Action.VIEW_PRIVACY):
        require(account, Action.VIEW_CARE)
    readers, writers = _services()
    erased = {row[0]: (row[1], row[2]) for row in conn.execute("SELECT relation, act, years FROM erasure_rule")}
    lines = tuple(
        TableLine(
            name=name, group=(group := group_of(name)), named=group is not None and name in group.tables.split(),
            erasure=erased.get(name), rows=max(counted, analysed) if counted or analysed >= 0 else None,
            refers_to=tuple(refers), read_by=readers.get(name, ()), written_by=writers.get(name, ()),
        )
        for name, counted, analysed, refers in conn.execute(_TABLES)
    )  # fmt: skip
    row = conn.execute("SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()").fetchone()
    return DataMap(tables=lines, since=None if row is None else row[0])


@cache
def _services() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    readers: dict[str, list[str]] = {}
    writers: dict[str, list[str]] = {}
    for service, rights in GRANTS.items():
        columns = {(right, table) for right, table, _ in rights.columns}
        for table in rights.select.split():
            readers.setdefault(table, []).append(service)
        written = {*rights.insert.split(), *rights.update.split(), *rights.delete.split()}
        written |= {table for right, table in columns if right in ("INSERT", "UPDATE") and columns}
        for table in written:
            writers.setdefault(table, []).append(service)
    return (
        {table: tuple(sorted(found)) for table, found in readers.items()},
        {table: tuple(sorted(found)) for table, found in writers.items()},
    )
