"""The SQL that a superuser runs once: roles with their passwords, the database, its extensions."""

import hashlib
from collections.abc import Mapping

from database.rights import roles
from database.rights.grants import GRANTS, OF_CONSOLE

OWNER = "shouwang_owner"
"""Owns database and schema: migrations and the commands of administrators."""
LISTS = "lists"
"""Runs beside a broker, as the broker's user."""
SERVICES = tuple(service for service in GRANTS if service not in (LISTS, *OF_CONSOLE))
"""Programs with a unit and a user of their own."""
ROLES = (OWNER, *map(roles.role_of, GRANTS))


def superuser_sql(database: str, passwords: Mapping[str, str]) -> str:
    """Write the SQL for ``psql`` as a superuser; safe to repeat. ``passwords``: by role.

    It holds what PostgreSQL stores of a password (SCRAM), not the password. The rights of each role follow with
    ``shouwang migrate``.
    """
    verifiers = {role: _verifier(role, password) for role, password in passwords.items()}
    services = {service: verifiers[roles.role_of(service)] for service in GRANTS}
    lines = [
        "-- Written by `shouwang setup`. As a superuser:",
        "--   runuser -u postgres -- psql -v ON_ERROR_STOP=1 < /etc/shouwang/database.sql",
        f"SELECT 'CREATE ROLE {OWNER}' WHERE to_regrole('{OWNER}') IS NULL \\gexec",
        f"ALTER ROLE {OWNER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        f" PASSWORD '{verifiers[OWNER]}';",
        *(f"{statement};" for statement in roles.roles_sql(services)),
        # a cluster that was made without a locale has SQL_ASCII, where text is any bytes
        f"SELECT $$CREATE DATABASE {database} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'"  # noqa: S608 - ours
        " LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'$$"
        f" WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;",
        f"GRANT CONNECT ON DATABASE {database} TO {', '.join(passwords)};",
        f"\\connect {database}",
        "CREATE EXTENSION IF NOT EXISTS ltree;",
        "-- TimescaleDB where the server has it loaded; plain PostgreSQL works as well.",
        "SELECT 'CREATE EXTENSION IF NOT EXISTS timescaledb' WHERE EXISTS"
        " (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers') \\gexec",
    ]
    return "\n".join(lines) + "\n"


def _verifier(role: str, password: str) -> str:
    """With a salt of the role and the password, so that a repetition writes the same file."""
    return roles.verifier(password, hashlib.sha256(f"{role} {password}".encode()).digest()[:16])
