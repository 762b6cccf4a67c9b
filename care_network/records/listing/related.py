"""Records that belong to a record, what a removal would take along or fail on, and the tree of areas."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, sql
from psycopg.rows import class_row, dict_row

from care_network.records import store
from care_network.records.kinds import Kind, kind_named
from care_network.records.listing.fields import FIELDS
from care_network.records.store import NOW, Stored
from vocabulary.synthetic import PLATFORM_HOME

RELATED: Mapping[str, tuple[tuple[str, LiteralString], ...]] = {
    "area": (("organisation", "a.path::text"), ("household", "a.path::text")),
    "organisation": (("staff", "o.code"), ("shift", "o.code")),
    "household": (("resident", "h.code"), ("gateway", "h.code"), ("contact", "h.code")),
    "resident": (("contact", "r.code"), ("device", "r.code")),
    "gateway": (("device", "g.name"),),
    "staff": (("certificate", "s.code"), ("roster", "s.code"), ("exception", "s.code")),
}
"""By kind: the kinds whose records belong to one of it, and the column that has its key."""
MOST = 100
"""Related records that a page shows, of each kind."""


class Cost(msgspec.Struct, frozen=True):
    """A consequence of a removal, in words; ``blocks``: it has to be dealt with first."""

    zh: str
    en: str
    blocks: bool


def related(conn: Connection[Any], kind: Kind, key: tuple[Any, ...], head: Any = None) -> dict[str, list[Stored]]:
    """Read the records that belong to one, by kind, MOST + 1 of each at most. ``head(kind)``: for how they were."""
    found = {}
    for name, column in RELATED.get(kind.name, ()):
        other = kind_named(name)
        order = ", ".join(column for column, _ in store.key_columns(other))
        query = (NOW if head is None else head(other)) + sql.SQL(
            f"{other.select} WHERE {column} = %s ORDER BY {order} LIMIT {MOST + 1}"
        )
        with conn.cursor(row_factory=dict_row) as cursor:
            found[name] = [store.read(other, row) for row in cursor.execute(query, (store.key_text(key),))]
    return found


_COSTS: Mapping[str, tuple[tuple[LiteralString, str, str, bool], ...]] = {
    "area": (
        (
            "SELECT count(*) FROM area x, area me WHERE me.id = %s AND x.path <@ me.path AND x.id <> me.id",
            "下面还有 {n} 个区域，须先删除",
            "{n} areas lie below it: remove them first",
            True,
        ),
        (
            "SELECT count(*) FROM organisation WHERE area_id = %s",
            "有 {n} 个机构设在这里，须先迁走",
            "{n} organisations stand here: move them first",
            True,
        ),
        (
            "SELECT count(*) FROM household WHERE area_id = %s AND NOT synthetic",
            "有 {n} 户住在这里，须先迁走",
            "{n} homes lie here: move them first",
            True,
        ),
    ),
    "organisation": (
        (
            "SELECT count(*) FROM staff WHERE organisation_id = %s",
            "有 {n} 名人员属于这里，须先转走",
            "{n} people belong to it: move them first",
            True,
        ),
        (
            "SELECT count(*) FROM shift WHERE organisation_id = %s",
            "有 {n} 个班次，须先删除",
            "it has {n} shifts: remove them first",
            True,
        ),
    ),
    "household": (
        (
            "SELECT count(*) FROM resident WHERE household_id = %s",
            "有 {n} 位老人住在这里，须先迁走",
            "{n} residents live here: move them first",
            True,
        ),
        (
            "SELECT count(*) FROM gateway WHERE household_id = %s",
            "有 {n} 个网关装在这里，须先移除",
            "{n} gateways stand here: remove them first",
            True,
        ),
        (
            "SELECT count(*) FROM alert WHERE household_id = %s",
            "有 {n} 条预警记录，这户须保留",
            "{n} alerts name it: it has to stay",
            True,
        ),
        (
            "SELECT count(*) FROM work_order WHERE household_id = %s",
            "有 {n} 个工单，这户须保留",
            "{n} work orders name it: it has to stay",
            True,
        ),
    ),
    "resident": (
        (
            "SELECT count(*) FROM device WHERE resident_id = %s",
            "仍佩戴 {n} 个设备，须先解除",
            "they wear {n} devices: give them back first",
            True,
        ),
        (
            "SELECT count(*) FROM alert WHERE resident_id = %s",
            "有 {n} 条预警记录，档案须保留",
            "{n} alerts name them: the record has to stay",
            True,
        ),
        (
            "SELECT count(*) FROM work_order WHERE resident_id = %s",
            "有 {n} 个工单，档案须保留",
            "{n} work orders name them: the record has to stay",
            True,
        ),
        (
            "SELECT 1",
            "这位老人将不再受到守护：不再有预警，不再派人",
            "they are no longer watched: no alert is raised, nobody is sent",
            False,
        ),
        (
            "SELECT count(*) FROM contact WHERE resident_id = %s",
            "{n} 位联系人一并删除",
            "{n} contacts go with them",
            False,
        ),
        (
            "SELECT count(*) FROM family_member WHERE resident_id = %s",
            "{n} 位家属不再能查看，且无法撤销",
            "{n} family members see them no more, which cannot be taken back",
            False,
        ),
        (
            "SELECT has_medical_note(%s)::int",
            "医疗信息一并销毁，且无法撤销",
            "the medical note is destroyed, which cannot be taken back",
            False,
        ),
        (
            "SELECT count(DISTINCT name) FROM parameter_change WHERE resident_id = %s",
            "{n} 项个人预警阈值一并删除，且无法撤销",
            "{n} thresholds of their own go, which cannot be taken back",
            False,
        ),
    ),
    "gateway": (
        (
            "SELECT count(*) FROM device WHERE gateway_id = %s AND model <> 'gateway'",
            "仍有 {n} 个设备与它配对，须先移除",
            "{n} devices are paired with it: remove them first",
            True,
        ),
        (
            "SELECT count(*) FROM (SELECT FROM series s JOIN device d ON d.id = s.device_id"
            " WHERE d.gateway_id = %s LIMIT 1) x",
            "已有它的读数，须保留",
            "there are readings by it: it has to stay",
            True,
        ),
        (
            "SELECT count(*) FROM resident r JOIN gateway g ON g.household_id = r.household_id WHERE g.id = %s",
            "{n} 位老人家中将不再受到监测",
            "the home of {n} residents is no longer watched",
            False,
        ),
    ),
    "device": (
        (
            "SELECT count(*) FROM (SELECT FROM series WHERE device_id = %s LIMIT 1) x",
            "已有它的读数，须保留",
            "there are readings by it: it has to stay",
            True,
        ),
        ("SELECT 1", "它所提供的预警不再产生", "the alerts that it gives are raised no more", False),
    ),
    "contact": (
        (
            "SELECT count(*) FROM contact WHERE id = %s AND consent_at <= now()",
            "预警时不再联系此人",
            "they are called no more",
            False,
        ),
        (
            "SELECT 1 - count(*) FROM (SELECT FROM contact o JOIN contact me ON me.resident_id = o.resident_id"
            " WHERE me.id = %s AND o.id <> me.id AND o.consent_at <= now() LIMIT 1) x",
            "此后没有可联系的家属",
            "nobody of the family is left to be called",
            False,
        ),
    ),
    "staff": (
        (
            "SELECT count(*) FROM work_order WHERE staff_id = %s",
            "有 {n} 个工单属于此人，档案须保留；请改为离岗",
            "{n} work orders are theirs: set them inactive instead",
            True,
        ),
        (
            "SELECT count(*) FROM staff_certificate WHERE staff_id = %s",
            "{n} 份证书一并删除",
            "{n} certificates go with them",
            False,
        ),
        (
            "SELECT count(*) FROM roster WHERE staff_id = %s AND coalesce(valid_until, 'infinity')"
            " >= (now() AT TIME ZONE 'Asia/Shanghai')::date",
            "{n} 条排班一并删除，可能出现空班",
            "{n} entries of the roster go with them: there may be holes",
            False,
        ),
    ),
    "certificate": (("SELECT 1", "需要此证书的技能不再计入", "skills that need it do not count any more", False),),
    "shift": (
        (
            "SELECT count(*) FROM roster WHERE shift_id = %s",
            "有 {n} 条排班使用它，须先删除",
            "{n} entries of the roster use it: remove them first",
            True,
        ),
    ),
    "roster": (
        ("SELECT 1", "这些天此人不再当班，可能出现空班", "they are off duty on these days: there may be holes", False),
    ),
    "exception": (("SELECT 1", "恢复按排班当班", "their duty is that of the roster again", False),),
}
"""By kind: a count of the row's id, the words for it, and whether it forbids the removal."""


def costs(conn: Connection[Any], kind: Kind, stored: Stored) -> list[Cost]:
    """Name what follows from removing a record, what forbids it first."""
    found = []
    for query, zh, en, blocks in _COSTS[kind.name]:
        row = conn.execute(query, (stored.id,) if "%s" in query else ()).fetchone()
        if row is not None and row[0] > 0:
            found.append(Cost(zh.format(n=row[0]), en.format(n=row[0]), blocks))
    return found


NAMES: Mapping[str, LiteralString] = {
    "household": "SELECT code, address_zh, address_en FROM household WHERE code = ANY (%s)",
    "resident": "SELECT code, name_zh, name_en FROM resident WHERE code = ANY (%s)",
    "staff": "SELECT code, name_zh, name_en FROM staff WHERE code = ANY (%s)",
    "organisation": "SELECT code, name_zh, name_en FROM organisation WHERE code = ANY (%s)",
    "area": "SELECT path::text, name_zh, name_en FROM area WHERE path::text = ANY (%s)",
}
Named = Mapping[tuple[str, str], tuple[str, str]]
"""By kind and key: the Chinese and the English name."""


def named(conn: Connection[Any], kind: Kind, records: Iterable[Any]) -> Named:
    """The present names of what records of a kind refer to; what the reader may not see has none."""
    keys = {
        (field.form, key)
        for record in records
        for name, field in FIELDS[kind.name].items()
        if field.form in NAMES and (key := getattr(record, name))
    }
    return named_keys(conn, keys)


def named_keys(conn: Connection[Any], keys: Iterable[tuple[str, str]]) -> Named:
    """The present names of records by their kinds and keys."""
    some: dict[str, list[str]] = {}
    for kind, key in keys:
        some.setdefault(kind, []).append(key)
    return {
        (kind, row[0]): (row[1], row[2])
        for kind in some.keys() & NAMES.keys()
        for row in conn.execute(NAMES[kind], (some[kind],))
    }


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """An area of the tree, with what is below it."""

    path: str
    level: str
    name_zh: str
    name_en: str
    homes: int
    residents: int
    children: int
    """Areas directly below it."""
    organisations: tuple[tuple[str, str, str, str, bool], ...]
    """(code, kind, name_zh, name_en, active) of those that stand right here."""


def branches(conn: Connection[Any], top: str, *, itself: bool) -> list[Branch]:
    """Read the areas directly below one, or that one alone; counts leave synthetic homes out."""
    with conn.cursor(row_factory=class_row(Branch)) as cursor:
        return cursor.execute(
            """
            WITH chosen AS (
                SELECT * FROM area WHERE CASE WHEN %(itself)s THEN path = %(top)s::ltree
                    ELSE path <@ %(top)s::ltree AND nlevel(path) = nlevel(%(top)s::ltree) + 1 END
            ), homes AS (
                SELECT c.id, count(DISTINCT h.id) AS homes, count(r.id) AS residents
                FROM chosen c JOIN area a ON a.path <@ c.path JOIN household h ON h.area_id = a.id AND NOT h.synthetic
                    AND h.code <> %(platform)s
                LEFT JOIN resident r ON r.household_id = h.id GROUP BY c.id
            )
            SELECT c.path::text AS path, c.level, c.name_zh, c.name_en, coalesce(n.homes, 0)::int AS homes,
                   coalesce(n.residents, 0)::int AS residents,
                   (SELECT count(*) FROM area b WHERE b.path <@ c.path AND nlevel(b.path) = nlevel(c.path) + 1)::int
                       AS children,
                   ARRAY(SELECT jsonb_build_array(o.code, o.kind, o.name_zh, o.name_en, o.active)
                         FROM organisation o WHERE o.area_id = c.id ORDER BY o.code) AS organisations
            FROM chosen c LEFT JOIN homes n ON n.id = c.id ORDER BY c.path
            """,
            {"top": top, "itself": itself, "platform": PLATFORM_HOME},
        ).fetchall()


def names(conn: Connection[Any], paths: set[str]) -> dict[str, tuple[str, str]]:
    """Names of areas (Chinese, English) by path."""
    rows = conn.execute("SELECT path::text, name_zh, name_en FROM area WHERE path::text = ANY (%s)", (list(paths),))
    return {path: (zh, en) for path, zh, en in rows}


def left_to_call(conn: Connection[Any], stored: Stored, now: dt.datetime) -> int:
    """Count the other contacts of the same resident who have consent now: those who are left to be called."""
    row = conn.execute(
        "SELECT count(*) FROM contact o JOIN contact me ON me.resident_id = o.resident_id"
        " WHERE me.id = %s AND o.id <> me.id AND o.consent_at <= %s",
        (stored.id, now),
    ).fetchone()
    return 0 if row is None else int(row[0])


def first_ends(conn: Connection[Any], ids: list[int]) -> dict[int, dt.date]:
    """The day on which the first certificate of each of these people ends; those without an end are left out."""
    rows = conn.execute(
        "SELECT staff_id, min(expires_on) FROM staff_certificate WHERE staff_id = ANY (%s) AND expires_on IS NOT NULL"
        " GROUP BY staff_id",
        (ids,),
    )
    return dict(rows.fetchall())
