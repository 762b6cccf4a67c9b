"""Find records by their codes, to refer to them: by one query each, or from memory for thousands of rows."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.errors import NotFoundError

_QUERIES: dict[str, tuple[LiteralString, LiteralString]] = {
    "area": (
        "SELECT x.path::text AS code, x.id, x.path::text, x.level AS sort FROM area x",
        " WHERE x.path = %s::ltree",
    ),
    "organisation": (
        "SELECT x.code, x.id, a.path::text, x.kind AS sort FROM organisation x JOIN area a ON a.id = x.area_id",
        " WHERE x.code = %s",
    ),
    "household": (
        "SELECT x.code, x.id, a.path::text, '' AS sort, x.id AS household_id"
        " FROM household x JOIN area a ON a.id = x.area_id",
        " WHERE x.code = %s",
    ),
    "resident": (
        "SELECT x.code, x.id, a.path::text, '' AS sort, x.household_id FROM resident x"
        " JOIN household h ON h.id = x.household_id JOIN area a ON a.id = h.area_id",
        " WHERE x.code = %s",
    ),
    "gateway": (
        "SELECT x.name AS code, x.id, a.path::text, '' AS sort, x.household_id FROM gateway x"
        " JOIN household h ON h.id = x.household_id JOIN area a ON a.id = h.area_id",
        " WHERE x.name = %s",
    ),
    "staff": (
        "SELECT x.code, x.id, a.path::text, x.kind AS sort FROM staff x"
        " JOIN organisation o ON o.id = x.organisation_id JOIN area a ON a.id = o.area_id",
        " WHERE x.code = %s",
    ),
    "shift": (
        "SELECT o.code || '/' || x.code AS code, x.id, a.path::text, '' AS sort FROM shift x"
        " JOIN organisation o ON o.id = x.organisation_id JOIN area a ON a.id = o.area_id",
        " WHERE o.code || '/' || x.code = %s",
    ),
    "account": (
        "SELECT x.login AS code, x.id, coalesce(x.area_path::text, '') AS path, x.role AS sort FROM account x",
        " WHERE x.login = %s",
    ),
}
WORDS = {
    "area": "区域",
    "organisation": "机构",
    "household": "住户",
    "resident": "老人",
    "gateway": "网关",
    "staff": "工作人员",
    "shift": "班次",
    "account": "账号",
}


_NAMES: dict[str, LiteralString] = {
    "organisation": "SELECT code, name_zh, name_en FROM organisation",
    "shift": "SELECT o.code || ' ' || s.code, s.name_zh, s.name_en FROM shift s"
    " JOIN organisation o ON o.id = s.organisation_id",
}


def names(conn: Connection[Any], kind: Literal["organisation", "shift"]) -> dict[str, tuple[str, str]]:
    """Chinese and English names by code; a shift's code is 'organisation shift'."""
    return {code: (zh, en) for code, zh, en in conn.execute(_NAMES[kind])}


class Ref(msgspec.Struct, frozen=True):
    """The data of a record that are needed to refer to it."""

    code: str
    id: int
    path: str
    """The path of its area."""
    sort: str
    """An area's level, an organisation's or staff member's kind, an account's role."""
    household_id: int | None = None


class Lookup:
    """Finds records by kind and code. The kinds of ``remember`` are read at once and then answered from memory.

    ``today``: the day that dates of birth are judged by.
    """

    def __init__(self, conn: Connection[Any], today: dt.date, remember: Iterable[str] = ()) -> None:
        self.conn = conn
        self.today = today
        self._known: dict[str, dict[str, Ref]] = {}
        for kind in remember:
            with conn.cursor(row_factory=class_row(Ref)) as cursor:
                self._known[kind] = {ref.code: ref for ref in cursor.execute(_QUERIES[kind][0])}

    def find(self, kind: str, code: str) -> Ref | None:
        if kind in self._known:
            return self._known[kind].get(code)
        with self.conn.cursor(row_factory=class_row(Ref)) as cursor:
            return cursor.execute("".join(_QUERIES[kind]).encode(), (code,)).fetchone()

    def need(self, kind: str, code: str, field: str | None = None) -> Ref:
        """Find a record. Raises NotFoundError, which names the field, where there is none."""
        found = self.find(kind, code)
        if found is None:
            raise NotFoundError(
                en=f"there is no {kind} {code!r}; add it first",
                zh=f"没有{WORDS[kind]} {code}，请先添加",
                field=field or kind,
            )
        return found


def street_names(conn: Connection[Any]) -> dict[str, tuple[str, str]]:
    """Names of all streets (Chinese, English) by path, in the order of their paths."""
    rows = conn.execute("SELECT path::text, name_zh, name_en FROM area WHERE level = 'street' ORDER BY path")
    return {path: (zh, en) for path, zh, en in rows}


def areas(conn: Connection[Any], below: str | None) -> list[tuple[str, str, str]]:
    """Path, Chinese and English name of the areas below one, itself too, down to communities; by path."""
    return conn.execute(
        """
        SELECT path::text, name_zh, name_en FROM area
        WHERE path <@ %s::ltree AND level <> 'compound' AND NOT path <@ 'synthetic'::ltree ORDER BY path
        """,
        (below,),
    ).fetchall()
