"""Roles of the database: an owner for migrations and administration, and a login for each service with least rights.

A service that is taken over reads and writes what it could before, and nothing else: ingest sees no password hash, no
service changes the audit or the history of alerts, none is a superuser. Pure functions give the SQL; ``shouwang
database roles`` prints or runs it, and :func:`database.migrate.migrate` renews the rights after each migration.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import Connection, sql

from database.rights.grants import GRANTS, Rights
from database.rights.grants import role_of as role_of
from database.rights.row_security import renew_row_security

ITERATIONS = 4096
"""Of SCRAM, PostgreSQL's own number; the passwords are random."""
MOST_CONNECTIONS = 40
"""Of one role: a service gone wild does not take the others' connections (PostgreSQL has 100 by default)."""


def roles_sql(verifiers: Mapping[str, str]) -> list[str]:
    """The statements that create the services' roles; for a superuser, or a role with CREATEROLE. Safe to repeat.

    ``verifiers``: the password of each service as PostgreSQL stores it (SCRAM), which is what the server's log may
    show; a service without one logs in by ``pg_hba.conf`` alone (peer, or a certificate).
    """
    statements = []
    for service in GRANTS:
        role = sql.Identifier(role_of(service))
        create = sql.SQL(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN CREATE ROLE {role} LOGIN;"
            " END IF; END $$"
        ).format(name=sql.Literal(role_of(service)), role=role)
        options = sql.SQL(
            "ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
            " CONNECTION LIMIT {most}"
        ).format(role=role, most=sql.Literal(MOST_CONNECTIONS))
        statements += [create, options]
        if service in verifiers:
            password = sql.Literal(verifiers[service])
            statements.append(sql.SQL("ALTER ROLE {role} PASSWORD {password}").format(role=role, password=password))
    # the watcher of the path tells by the sessions of others whether ingest is connected; it can do without
    watcher = sql.SQL(
        "DO $$ BEGIN GRANT pg_read_all_stats TO {}; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
    ).format(sql.Identifier(role_of("path")))
    return [statement.as_string() for statement in (*statements, watcher)]


def grants_sql(database: str, tables: set[str], functions: set[str]) -> list[str]:
    """The statements that give each service its rights and take all others; for the database's owner.

    ``tables``, ``functions``: those that this database has (``name(text,text)``), whatever its grade.
    """
    name = sql.Identifier(database)
    roles = sql.SQL(", ").join(sql.Identifier(role_of(service)) for service in GRANTS)
    statements = [
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, roles),
        sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(name, sql.Identifier(role_of("ingest"))),
        sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(roles),
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(roles),
        *(
            sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function))
            for function in sorted(functions & {one for rights in GRANTS.values() for one in rights.functions.split()})
        ),
    ]
    for service, rights in GRANTS.items():
        statements += _granted(sql.Identifier(role_of(service)), rights, tables, functions)
    return [statement.as_string() for statement in statements]


def _granted(role: sql.Identifier, rights: Rights, tables: set[str], functions: set[str]) -> Iterator[sql.Composed]:
    for right in ("select", "insert", "update", "delete"):
        names = [name for name in getattr(rights, right).split() if name in tables]
        if names:
            listed = sql.SQL(", ").join(map(sql.Identifier, names))
            yield sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(right.upper()), listed, role)
    for right, table, columns in rights.columns:
        listed = sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
        yield sql.SQL("GRANT {} ({}) ON {} TO {}").format(
            sql.SQL(right),
            listed,
            sql.Identifier(table),
            role,
        )
    for function in rights.functions.split():
        if function in functions:
            yield sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), role)


def verifier(password: str, salt: bytes | None = None) -> str:
    """The password as PostgreSQL stores it (SCRAM-SHA-256, RFC 7677): server and log never see the password itself."""
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    client_key, server_key = (hmac.digest(salted, name, "sha256") for name in (b"Client Key", b"Server Key"))
    texts = (base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client_key).digest(), server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *texts)


def create_roles(conn: Connection[Any], passwords: Mapping[str, str]) -> None:
    """Create the services' roles, or set their passwords anew. ``conn``: of a superuser, or with CREATEROLE."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang roles', 0))")
        for statement in roles_sql({name: verifier(word) for name, word in passwords.items()}):
            conn.execute(statement.encode())


def missing_roles(conn: Connection[Any]) -> list[str]:
    """The services' roles that are not there, where some are; empty for a server without roles of their own."""
    wanted = [role_of(service) for service in GRANTS]
    there = {name for (name,) in conn.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (wanted,))}
    return [role for role in wanted if role not in there] if there else []


def renew_grants(conn: Connection[Any]) -> bool:
    """Give the services their rights in this database; False where it has not all of their roles (yet).

    ``conn``: of the database's owner.
    """
    row = conn.execute(
        "SELECT current_database(), (SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s))",
        ([role_of(service) for service in GRANTS],),
    ).fetchone()
    if row is None or row[1] < len(GRANTS):
        return False
    tables = {
        name
        for (name,) in conn.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
        )
    }
    functions = {
        name
        for (name,) in conn.execute(
            "SELECT replace(oid::regprocedure::text, 'timestamp with time zone', 'timestamptz') FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace"
        )
    }
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang roles', 0))")
        for statement in grants_sql(row[0], tables, functions):
            conn.execute(statement.encode())
        renew_row_security(conn, tables)
    return True
