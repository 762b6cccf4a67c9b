"""Records of all kinds in the database: add, read, remove, and change on the version that somebody has read.

No roles here: ``care_network.records.network`` and imports ask for permission first.
"""

import datetime as dt
import re
from typing import Any

import msgspec
from psycopg import Connection, sql
from psycopg.errors import CheckViolation, DataError, ForeignKeyViolation, UniqueViolation
from psycopg.rows import dict_row

from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError, StillUsedError
from care_network.records.checks import CheckedRecord
from care_network.records.kinds import Kind
from care_network.records.listing.fields import FIELDS
from care_network.records.lookup import Lookup
from care_network.records.records import Record

NOW = sql.Composed([])
"""The head of a query over the tables as they are now."""


class Stored(msgspec.Struct, frozen=True):
    """A record in the database."""

    id: int
    version: int
    path: str
    """The area whose staff may see and change it."""
    resident_id: int | None
    record: Record


def add(conn: Connection[Any], kind: Kind, new: Record, today: dt.date, *, exist_ok: bool = False) -> int:
    """Check and add a record; returns its id. With ``exist_ok`` a taken key returns the id of its record, unchanged.

    Raises ProvisioningError where a rule is broken, ExistsError where the key is taken.
    """
    checked = kind.check(Lookup(conn, today), new)
    return insert(conn, kind, new, checked, exist_ok=exist_ok)


def insert(conn: Connection[Any], kind: Kind, new: Record, checked: CheckedRecord, *, exist_ok: bool = False) -> int:
    """Add a record that was checked; see :func:`add`."""
    key = kind.key_of(msgspec.structs.asdict(new))
    zh, en = kind.words(key)
    try:
        with conn.transaction():
            row = conn.execute(insert_statement(kind, checked.columns), checked.columns).fetchone()
            if kind.alone:
                settle(conn)
    except (CheckViolation, ForeignKeyViolation) as error:
        raise _refused(kind, key, error) from error
    except UniqueViolation as error:
        raise _clash(kind, key) from error
    if row is not None:
        return int(row[0])
    if not exist_ok:
        raise ExistsError(
            en=f"{en} exists already; choose another code, or change the one that is there",
            zh=f"{zh} 已存在，请换一个编号，或修改已有的记录",
            field=kind.key[-1],
        )
    found = fetch(conn, kind, key)
    if found is None:
        raise ChangedMeanwhileError(en=f"{en} was removed meanwhile; try again", zh=f"{zh} 刚被删除，请重试")
    return found.id


def fetch(conn: Connection[Any], kind: Kind, key: tuple[Any, ...], head: sql.Composed = NOW) -> Stored | None:
    """Read the record of a key; None where there is none. Raises NotFoundError for a key of another length.

    ``head``: of :func:`care_network.records.history.past.at_moment`, for the record as it was.
    """
    if len(key) != len(kind.key):
        raise NotFoundError(
            en=f"a {kind.name} is named {'/'.join(kind.key)}", zh=f"{kind.zh}的标识为 {'/'.join(kind.key)}"
        )
    columns = key_columns(kind)
    where = " AND ".join(f"{column} = %(key{n})s{cast}" for n, (column, cast) in enumerate(columns))
    query = head + sql.SQL(f"{kind.select} WHERE {where}")
    try:
        with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(query, {f"key{n}": part for n, part in enumerate(key)}).fetchone()
    except DataError:  # not even of the key's type: no path, no date
        return None
    return None if row is None else read(kind, row)


def key_columns(kind: Kind) -> list[tuple[str, str]]:
    """The columns of a kind's key, in its order, with the cast of their parameters ('': none)."""
    return re.findall(r"(\S+) = %s(\S*)", kind.where)


def key_of(kind: Kind, stored: Stored) -> str:
    """The key of a record as commands, pages and the history write it: 'gw-1/pendant'."""
    return key_text(kind.key_of(msgspec.structs.asdict(stored.record)))


def key_text(key: tuple[Any, ...]) -> str:
    """A key as one text, moments in UTC as JSON has them."""
    return "/".join(part.astimezone(dt.UTC).isoformat() if isinstance(part, dt.datetime) else str(part) for part in key)


def listing(conn: Connection[Any], kind: Kind, under: str | None = None, head: sql.Composed = NOW) -> list[Stored]:
    """List a kind, or its records below an area, by their keys. Raises NotFoundError for an unknown area.

    ``head``: as of :func:`fetch`.
    """
    text = kind.select + (" WHERE a.path <@ %(under)s::ltree" if under is not None else "")
    query = head + sql.SQL(text)
    if under is not None and conn.execute("SELECT FROM area WHERE path::text = %s", (under,)).fetchone() is None:
        raise NotFoundError(en=f"there is no area {under!r}", zh=f"没有区域 {under}", field="area")
    with conn.cursor(row_factory=dict_row) as cursor:
        found = [read(kind, row) for row in cursor.execute(query, {"under": under})]
    return sorted(found, key=lambda stored: tuple(map(str, kind.key_of(msgspec.structs.asdict(stored.record)))))


def change(conn: Connection[Any], kind: Kind, stored: Stored, checked: CheckedRecord, version: int) -> int:
    """Write the new columns; returns the new version. Raises ChangedMeanwhileError where ``version`` is outdated."""
    key = kind.key_of(msgspec.structs.asdict(stored.record))
    zh, en = kind.words(key)
    try:
        with conn.transaction():
            done = conn.execute(
                update_statement(kind, checked.columns), {**checked.columns, "_id": stored.id, "_version": version}
            )
            if kind.alone:
                settle(conn)
    except (CheckViolation, ForeignKeyViolation) as error:
        raise _refused(kind, key, error) from error
    except UniqueViolation as error:
        raise _clash(kind, key) from error
    if done.rowcount == 0:
        raise ChangedMeanwhileError(
            en=f"{en} was changed meanwhile (you decided on version {version}); read it again",
            zh=f"{zh} 已被他人修改（您依据的是版本 {version}），请重新读取后再改",
        )
    return version + 1


def remove(conn: Connection[Any], kind: Kind, stored: Stored, version: int) -> None:
    """Delete a record. Raises StillUsedError where others refer to it, ChangedMeanwhileError as :func:`change`."""
    zh, en = kind.words(kind.key_of(msgspec.structs.asdict(stored.record)))
    if kind.name == "area" and _has_below(conn, stored.path):
        raise StillUsedError(en=f"{en} has areas below it; remove them first", zh=f"{zh} 下还有区域，请先删除")
    statement = sql.SQL("DELETE FROM {} WHERE id = %s AND version = %s").format(sql.Identifier(kind.table))
    try:
        with conn.transaction():
            done = conn.execute(statement, (stored.id, version))
    except ForeignKeyViolation as error:
        used_by = error.diag.table_name or "other records"
        raise StillUsedError(
            en=f"{en} is still used by {used_by}; remove that first, or keep it",
            zh=f"{zh} 仍被 {used_by} 引用，请先处理引用它的记录，或保留它",
        ) from error
    if done.rowcount == 0:
        raise ChangedMeanwhileError(
            en=f"{en} was changed meanwhile (you decided on version {version}); read it again",
            zh=f"{zh} 已被他人修改（您依据的是版本 {version}），请重新读取",
        )


def insert_statement(kind: Kind, columns: dict[str, Any]) -> sql.Composed:
    """Build the statement that adds a record and returns its id, or no row where the key is taken."""
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT {} DO NOTHING RETURNING id").format(
        sql.Identifier(kind.table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(_value(kind, name) for name in columns),
        sql.SQL(f"({kind.conflict})"),
    )


def update_statement(kind: Kind, columns: dict[str, Any]) -> sql.Composed:
    """Build the statement that changes the row of ``_id`` if it still has ``_version``."""
    return sql.SQL("UPDATE {} SET {}, version = version + 1 WHERE id = %(_id)s AND version = %(_version)s").format(
        sql.Identifier(kind.table),
        sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), _value(kind, name)) for name in columns),
    )


def settle(conn: Connection[Any]) -> None:
    """Check deferred constraints now, while the error can still be reported for this record."""
    conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
    conn.execute("SET CONSTRAINTS ALL DEFERRED")


def _value(kind: Kind, name: str) -> sql.Composed:
    placeholder = sql.Placeholder(name)
    if name in kind.casts:
        return sql.SQL("CAST({} AS {})").format(placeholder, sql.SQL(kind.casts[name]))
    return sql.Composed([placeholder])


def read(kind: Kind, row: dict[str, Any]) -> Stored:
    """Make a record of a row of ``kind.select``."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items() if name[0] != "_"}
    return Stored(row["_id"], row["_version"], row["_path"], row["_resident"], kind.record(**fields))


def _has_below(conn: Connection[Any], path: str) -> bool:
    return (
        conn.execute("SELECT FROM area WHERE path <@ %s::ltree AND path <> %s::ltree LIMIT 1", (path, path)).fetchone()
        is not None
    )


def _refused(kind: Kind, key: tuple[Any, ...], error: CheckViolation | ForeignKeyViolation) -> ProvisioningError:
    zh, en = kind.words(key)
    return ProvisioningError(
        en=f"{en}: {error.diag.message_primary}", zh=f"{zh}：数据库拒绝写入（{error.diag.message_primary}）"
    )


def _clash(kind: Kind, key: tuple[Any, ...]) -> ExistsError:
    zh, en = kind.words(key)
    fields = kind.alone[0] if kind.alone else kind.key
    words = [FIELDS[kind.name][name] for name in fields]
    return ExistsError(
        en=f"{en}: another {kind.name} has the same {' and '.join(one.en.lower() for one in words)}; change that first",
        zh=f"{zh}：另一{kind.zh}的{'、'.join(one.zh for one in words)}与之相同，请先修改那一条",
        field=fields[-1],
    )
