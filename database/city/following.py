"""The city's database: its tables and its reader, and one subscription for each district."""

from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database.city.names import PUBLICATION, READER, code_of, subscription_of
from database.city.schema import KEYS, SQL, bring_up, newest_version, version
from database.rights.roles import verifier

CONNECTION = {
    "application_name": "shouwang-city",
    "connect_timeout": "10",
    # a district whose machine has vanished answers nothing
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
WORKERS = {
    "max_logical_replication_workers": 2,
    "max_worker_processes": 4,
    "max_replication_slots": 2,
    "max_active_replication_origins": 2,
}
"""Settings of the city's server, each at least the number of districts and so many more, which copy. PostgreSQL starts
no worker for a subscription beyond them and says so in its log alone. The last is PostgreSQL 18's."""
READERS = 40
"""Connections of the reading role."""


def init(conn: psycopg.Connection[Any], password: str | None, to: int | None = None) -> int:
    """Make or upgrade the city's database, follow what districts publish anew, and return its version; safe to repeat.

    ``conn``: in autocommit, of a superuser (before PostgreSQL 16 nobody else may subscribe). ``password``: of the role
    READER; None: as it is.
    """
    before = version(conn)
    after = bring_up(conn, to)
    with conn.transaction():
        conn.execute((SQL / "city.sql").read_bytes())
        for table, key in KEYS.items():
            _guard(conn, table, key)
        for statement in _rights(conn, password):
            conn.execute(statement)
    if before and after > before:
        for name in joined(conn):
            _refresh(conn, name)
    return after


def joined(conn: psycopg.Connection[Any]) -> list[str]:
    """List the districts that the city follows."""
    rows = conn.execute(
        "SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname ="
        " current_database()) ORDER BY subname"
    )
    return [code for (name,) in rows if (code := code_of(name)) is not None]


def join(conn: psycopg.Connection[Any], url: str, *, again: bool = False) -> str:
    """Follow a district: copy all that its feed has, then every change; returns its code.

    ``url``: of the feed, as its follower; the server keeps it, with the password, where superusers alone read it.
    ``again``: give up the subscription and its slot that are there, and copy anew; rows that the feed has forgotten
    stay. Raises LookupError where there is no city's database yet or nothing is published, ValueError where the
    district is of a newer version, or is followed already, psycopg.Error.
    """
    if not version(conn):
        raise LookupError("this is no city's database yet: run 'shouwang city init'")
    code, told_version = _ask(url)
    if told_version > version(conn):
        raise ValueError(
            f"{code} tells version {told_version}, this database has {version(conn)}: install the newer program in the"
            f" city and run 'shouwang city init' first (this program knows {newest_version()})"
        )
    name = subscription_of(code)
    if code in joined(conn):
        if not again:
            raise ValueError(f"{code} is followed already; to copy it anew: shouwang city join --again")
        _unsubscribe(conn, name)
    room_for(conn, len({*joined(conn), code}))
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as feed:
        if again:
            _drop_slot(feed, name)
        elif feed.execute("SELECT FROM pg_replication_slots WHERE slot_name = %s", (name,)).fetchone() is not None:
            raise ValueError(
                f"somebody follows {code} already by the slot {name}: another city, or this one that left while the"
                " district was away. If nobody does any more: shouwang city join --again"
            )
    connection = make_conninfo("", **{**conninfo_to_dict(url), **CONNECTION})
    conn.execute(
        sql.SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {}").format(
            sql.Identifier(name), sql.Literal(connection), sql.Identifier(PUBLICATION)
        )
    )
    return code


def leave(conn: psycopg.Connection[Any], code: str, *, forget: bool = False) -> bool:
    """Follow a district no longer; its rows stay unless ``forget``. False where its slot could not be dropped.

    Raises LookupError where it is not followed.
    """
    if code not in joined(conn):
        raise LookupError(f"{code} is not followed")
    url = connection_of(conn, code)
    _unsubscribe(conn, subscription_of(code))
    if forget:
        with conn.transaction():
            for table in KEYS:
                statement = sql.SQL("DELETE FROM {} WHERE district = %s").format(sql.Identifier("city", table))
                conn.execute(statement, (code,))
    try:
        with psycopg.connect(url or "", autocommit=True, connect_timeout=10) as feed:
            _drop_slot(feed, subscription_of(code))
    except psycopg.Error:
        return False
    return True


def connection_of(conn: psycopg.Connection[Any], code: str) -> str | None:
    """The connection string of a subscription, with its password; None where this role may not read it."""
    try:
        row = conn.execute(
            "SELECT subconninfo FROM pg_subscription WHERE subname = %s", (subscription_of(code),)
        ).fetchone()
    except errors.InsufficientPrivilege:
        return None
    return str(row[0]) if row else None


def _ask(url: str) -> tuple[str, int]:
    """The code and the version of the feed."""
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as feed:
        if feed.execute("SELECT FROM pg_publication WHERE pubname = %s", (PUBLICATION,)).fetchone() is None:
            raise LookupError("nothing is published there: run 'shouwang city publish' in the district")
        row = feed.execute("SELECT district, feed_version FROM city.district").fetchone()
        if row is None:
            raise LookupError("the feed is of no district yet: run 'shouwang city publish' in the district")
        return str(row[0]), int(row[1])


def room_for(conn: psycopg.Connection[Any], districts: int) -> None:
    """Raise ValueError where the city's server would start no worker for so many districts."""
    rows = conn.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", (list(WORKERS),)).fetchall()
    small = {name: districts + WORKERS[name] for name, value in rows if int(value) < districts + WORKERS[name]}
    if small:
        wanted = ", ".join(f"{name} = {least} or more" for name, least in small.items())
        raise ValueError(
            f"the city's server takes no {districts} districts: set {wanted} (for 139: 200 each), and restart it"
        )


def _unsubscribe(conn: psycopg.Connection[Any], name: str) -> None:
    """Drop a subscription without its slot, so that it works while the district is away, too."""
    subscription = sql.Identifier(name)
    conn.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(subscription))
    conn.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(subscription))
    conn.execute(sql.SQL("DROP SUBSCRIPTION {}").format(subscription))


def _drop_slot(feed: psycopg.Connection[Any], name: str) -> None:
    """Drop the slot, and those of tables that were being copied; a connection that still holds one is ended."""
    feed.execute(
        r"""
        SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
        WHERE active AND database = current_database() AND (slot_name = %s OR slot_name LIKE 'pg\_%%\_sync\_%%')
        """,
        (name,),
    )
    # PostgreSQL waits for the ended process: acquiring a slot that is active is refused, so ask until it is free
    for _ in range(100):
        try:
            feed.execute(
                r"""
                SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
                WHERE database = current_database() AND (slot_name = %s OR slot_name LIKE 'pg\_%%\_sync\_%%')
                """,
                (name,),
            )
        except errors.ObjectInUse:
            feed.execute("SELECT pg_sleep(0.05)")
        else:
            return
    raise RuntimeError(f"the slot {name} stays in use: does another city follow this district?")


def _refresh(conn: psycopg.Connection[Any], code: str) -> None:
    """Look for tables that the district publishes since; it may be away, then its next 'city init' does it."""
    try:
        conn.execute(sql.SQL("ALTER SUBSCRIPTION {} REFRESH PUBLICATION").format(sql.Identifier(subscription_of(code))))
    except psycopg.Error:
        return


def _guard(conn: psycopg.Connection[Any], table: str, key: tuple[str, ...]) -> None:
    """Have rows from subscriptions pass through city.take()."""
    target = sql.Identifier("city", table)
    arguments = sql.SQL(", ").join(sql.Literal(column) for column in key if column != "district")
    conn.execute(
        sql.SQL(
            "CREATE OR REPLACE TRIGGER take BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION city.take({})"
        ).format(target, arguments)
    )
    conn.execute(sql.SQL("ALTER TABLE {} ENABLE REPLICA TRIGGER take").format(target))


def _rights(conn: psycopg.Connection[Any], password: str | None) -> list[sql.Composed]:
    reader = sql.Identifier(READER)
    row = conn.execute("SELECT current_database(), to_regrole(%s) IS NULL", (READER,)).fetchone()
    name, missing = row if row else ("", True)
    database = sql.Identifier(name)
    statements = [sql.SQL("CREATE ROLE {}").format(reader)] if missing else []
    statements += [
        sql.SQL(
            "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT {}"
        ).format(reader, sql.Literal(READERS)),
        sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(reader),
        sql.SQL("ALTER ROLE {} SET statement_timeout = '60s'").format(reader),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, reader),
        sql.SQL("GRANT USAGE ON SCHEMA city TO {}").format(reader),
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA city TO {}").format(reader),
    ]
    if password is not None:
        statements.append(sql.SQL("ALTER ROLE {} PASSWORD {}").format(reader, sql.Literal(verifier(password))))
    return statements
