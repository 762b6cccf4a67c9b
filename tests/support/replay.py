"""What a slow builder writes into a fresh database, kept, and written again at once into the next one.

Hundreds of tests begin with the same small city, made by the services that a district uses: 110 statements. The first
test of a process builds it; the others get the same rows, in one script. Their times are those of the first build.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

TABLES = """
    SELECT oid::regclass::text FROM pg_class c
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY oid
"""
SEQUENCES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""

Rows = dict[str, bytes]
Numbers = dict[str, tuple[int, bool]]


@dataclass(frozen=True)
class Kept:
    """What the builder wrote: rows and columns by table; where the sequences of these tables stood before and after."""

    rows: Rows
    columns: dict[str, str]
    before: Numbers
    after: Numbers


class Replay:
    """The rows and the numbers of sequences that a builder left in a database where nothing else had been written."""

    def __init__(self, build: Callable[[psycopg.Connection[Any]], None]) -> None:
        self._build = build
        self._kept: dict[str, Kept] = {}

    def __call__(self, conn: psycopg.Connection[Any]) -> None:
        """Build, or write what was built: into a database of the same schema where the sequences of its tables stand as
        they did before the first build; committed either way."""
        row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row is not None
        kept = self._kept.get(row[0])
        if kept is None:
            self._kept[row[0]] = self._build_and_keep(conn)
        elif _numbers(conn, list(kept.before)) == kept.before:
            _write(conn, kept)
        else:
            self._build(conn)
        conn.commit()

    def _build_and_keep(self, conn: psycopg.Connection[Any]) -> Kept:
        rows, numbers = _rows(conn), _numbers(conn)
        self._build(conn)
        changed = {name: text for name, text in _rows(conn).items() if text != rows[name]}
        assert not any(rows[name] for name in changed), "the builder changed rows that every database has"
        after = {name: at for name, at in _numbers(conn).items() if at != numbers[name]}
        columns = {name: _columns(conn, name) for name in changed}
        return Kept(changed, columns, {name: numbers[name] for name in after}, after)


def _write(conn: psycopg.Connection[Any], kept: Kept) -> None:
    conn.execute("SET session_replication_role = replica")  # the rows of triggers are among the others
    for name, text in kept.rows.items():
        with conn.cursor().copy(f"COPY {name} ({kept.columns[name]}) FROM STDIN".encode()) as copy:
            copy.write(text)
    conn.execute(
        "SELECT setval(name::regclass, at, called) FROM unnest(%s::text[], %s::bigint[], %s::bool[]) AS"
        " s(name, at, called)",
        (list(kept.after), [at for at, _ in kept.after.values()], [called for _, called in kept.after.values()]),
    )
    conn.execute("RESET session_replication_role")


def _columns(conn: psycopg.Connection[Any], table: str) -> str:
    row = conn.execute(COLUMNS, (table,)).fetchone()
    assert row is not None
    return str(row[0])


def _rows(conn: psycopg.Connection[Any]) -> Rows:
    found: Rows = {}
    for (name,) in conn.execute(TABLES).fetchall():
        with conn.cursor().copy(f"COPY {name} ({_columns(conn, name)}) TO STDOUT".encode()) as copy:
            found[name] = b"".join(bytes(part) for part in copy)
    return found


def _numbers(conn: psycopg.Connection[Any], names: list[str] | None = None) -> Numbers:
    if names is None:
        names = [name for (name,) in conn.execute(SEQUENCES).fetchall()]
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, last_value, is_called FROM {}").format(sql.Literal(name), sql.SQL(name)) for name in names
    )
    return {name: (at, called) for name, at, called in conn.execute(query).fetchall()}
