"""The feed of a district: a database of its own that holds what the city may read, its publication and its roles.

A role that may replicate can decode the log of every database that it may connect to, whole rows of every table; a
publication does not bound it. So what the city reads lies in another database than the people, best on a server of its
own, whose log a city that is away holds back without holding back the district's.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import class_row

from database.city.names import FOLLOWER, PUBLICATION, WRITER, check_code
from database.city.schema import KEYS, bring_up, newest_version
from database.rights.roles import verifier

HBA = (
    f"host replication {FOLLOWER} all reject",
    f"hostssl {{database}} {FOLLOWER} CITY-ADDRESS/32 scram-sha-256",
)
"""Lines at the head of pg_hba.conf: the role that may replicate must not copy the whole server."""
MOST_CONNECTIONS = 16
"""Of the city's role: one for a subscription, one for each table while it is copied, one for 'shouwang city status'."""


class ServerSetting(msgspec.Struct, frozen=True):
    """A setting of the feed's server that has to be changed in postgresql.conf."""

    name: str
    value: str
    wanted: str
    reason: str


class Slot(msgspec.Struct, frozen=True):
    """A subscriber's place in the log of the feed's server.

    ``held_bytes``: log that cannot be removed for it; ``behind_bytes``: log not confirmed by it; ``bound_bytes``:
    at which the server gives it up (None: never, so it may fill the disk); ``lost``: given up.
    """

    name: str
    active: bool
    lost: bool
    held_bytes: int
    behind_bytes: int
    bound_bytes: int | None


def wrong_settings(conn: psycopg.Connection[Any]) -> list[ServerSetting]:
    """Find the settings of the feed's server with which nothing could be followed, or a disk could run full."""
    rows = conn.execute(
        "SELECT name, setting FROM pg_settings WHERE name IN"
        " ('wal_level', 'max_slot_wal_keep_size', 'max_replication_slots', 'max_wal_senders')"
    ).fetchall()
    found = dict(rows)
    wrong = []
    if found["wal_level"] != "logical":
        wrong.append(
            ServerSetting("wal_level", found["wal_level"], "logical", "nothing can be followed; needs a restart")
        )
    if int(found["max_slot_wal_keep_size"]) < 0:
        wrong.append(
            ServerSetting("max_slot_wal_keep_size", "-1", "2GB", "a city that is away would fill this server's disk")
        )
    return wrong + [
        ServerSetting(name, found[name], "10", "one for the city, and one for each table that it copies")
        for name in ("max_replication_slots", "max_wal_senders")
        if int(found[name]) < len(KEYS) + 1
    ]


def publish(
    conn: psycopg.Connection[Any],
    code: str,
    names: tuple[str, str],
    passwords: Mapping[str, str],
) -> None:
    """Make the feed: tables, publication, the roles WRITER and FOLLOWER with the least rights. Safe to repeat.

    ``conn``: in autocommit, of a superuser of the feed's server (a role that may replicate is made by no other).
    ``names``: of the district, in Chinese and English. ``passwords``: by role; a role without one keeps its own.
    Raises ValueError for a code that cannot be one, for the feed of another district, and for the district's own
    database.
    """
    check_code(code)
    own = conn.execute("SELECT to_regclass('public.resident') IS NOT NULL").fetchone()
    if own == (True,):
        raise ValueError(
            "this is the district's own database: whoever follows a database can read all of it. Make another one for"
            " the city: createdb shouwang_feed (docs/city.md)"
        )
    bring_up(conn)
    with conn.transaction():
        row = conn.execute("SELECT district FROM city.district WHERE district <> %s", (code,)).fetchone()
        if row is not None:
            raise ValueError(f"this feed is of the district {row[0]}; the code of a district never changes")
        conn.execute(
            "INSERT INTO city.district VALUES (%s, %s, %s, NULL, %s) ON CONFLICT (district) DO UPDATE"
            " SET name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en, feed_version = EXCLUDED.feed_version",
            (code, *names, newest_version()),
        )
        for statement in _rights(conn, passwords):
            conn.execute(statement)
        _publication(conn)


def withdraw(conn: psycopg.Connection[Any]) -> list[str]:
    """End the publication: the city cannot connect any more, and no slot holds the log. Returns the slots dropped."""
    conn.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(FOLLOWER)))
    conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (FOLLOWER,))
    conn.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(PUBLICATION)))
    names = [
        name
        for (name,) in conn.execute(
            "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() AND slot_type = 'logical'"
        )
    ]
    for name in names:
        conn.execute("SELECT pg_drop_replication_slot(%s)", (name,))
    return names


def slots(conn: psycopg.Connection[Any]) -> list[Slot]:
    """Load the places of the feed's subscribers; those of tables that are being copied are left out."""
    with conn.cursor(row_factory=class_row(Slot)) as cursor:
        return cursor.execute(
            r"""
            SELECT slot_name AS name, active, coalesce(wal_status = 'lost', false) AS lost,
                   coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint AS held_bytes,
                   coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::bigint AS behind_bytes,
                   nullif(bound.setting::bigint, -1) * 1024 * 1024 AS bound_bytes
            FROM pg_replication_slots, pg_settings bound
            WHERE database = current_database() AND slot_type = 'logical' AND slot_name NOT LIKE 'pg\_%'
              AND bound.name = 'max_slot_wal_keep_size'
            ORDER BY slot_name
            """
        ).fetchall()


def _rights(conn: psycopg.Connection[Any], passwords: Mapping[str, str]) -> list[sql.Composed]:
    writer, follower = sql.Identifier(WRITER), sql.Identifier(FOLLOWER)
    row = conn.execute("SELECT current_database()").fetchone()
    database = sql.Identifier(row[0] if row else "")
    there = {name for (name,) in conn.execute("SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s)",
                                              (WRITER, FOLLOWER))}  # fmt: skip
    statements = [
        sql.SQL("CREATE ROLE {}").format(role)
        for name, role in ((WRITER, writer), (FOLLOWER, follower))
        if name not in there
    ]
    least = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOBYPASSRLS CONNECTION LIMIT {}"
    statements += [
        sql.SQL("ALTER ROLE {} NOREPLICATION " + least).format(writer, sql.Literal(4)),
        sql.SQL("ALTER ROLE {} REPLICATION " + least).format(follower, sql.Literal(MOST_CONNECTIONS)),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC").format(),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(database, writer, follower),
        sql.SQL("GRANT USAGE ON SCHEMA city TO {}, {}").format(writer, follower),
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA city TO {}, {}").format(writer, follower),
    ]
    for name in KEYS:
        table = sql.Identifier("city", name)
        rights = "UPDATE" if name == "district" else "INSERT, UPDATE, DELETE"
        statements.append(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), table, writer))
    statements += [
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier(password)))
        for role, password in passwords.items()
    ]
    return statements


def _publication(conn: psycopg.Connection[Any]) -> None:
    """Publish every table, without deletes: the city's history is the city's."""
    tables = sql.SQL(", ").join(sql.Identifier("city", name) for name in KEYS)
    name = sql.Identifier(PUBLICATION)
    if conn.execute("SELECT FROM pg_publication WHERE pubname = %s", (PUBLICATION,)).fetchone() is None:
        conn.execute(
            sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH (publish = 'insert, update')").format(name, tables)
        )
    else:
        conn.execute(sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(name, tables))
