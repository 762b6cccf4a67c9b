"""The SQL that a superuser runs once: roles with their passwords, the database, its extensions."""

from collections.abc import Mapping

OWNER = "shouwang_owner"
"""Owns database and schema: migrations and the commands of administrators."""
SERVICES = ("ingest", "maintain", "alerting", "dispatch", "notify", "orders", "console", "issuer")


def role_of(service: str) -> str:
    """The role with which a service logs in."""
    return f"shouwang_{service}"


ROLES = (OWNER, *map(role_of, SERVICES), role_of("lists"))
"""``lists`` runs beside a broker, as the broker's user."""


def roles_sql(database: str, passwords: Mapping[str, str]) -> str:
    """Write the SQL for ``psql`` as a superuser; safe to repeat. ``passwords``: by role, of URL-safe characters."""
    lines = [
        "-- Written by `shouwang setup`; it holds passwords. As a superuser:",
        "--   runuser -u postgres -- psql -v ON_ERROR_STOP=1 < /etc/shouwang/database.sql",
        "SET password_encryption = 'scram-sha-256';",
        "SET log_statement = 'none';",
    ]
    for role, password in passwords.items():
        lines += [
            f"SELECT 'CREATE ROLE {role} LOGIN' WHERE to_regrole('{role}') IS NULL \\gexec",
            f"ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
            f" PASSWORD '{password}';",
        ]
    lines += [
        f"SELECT 'CREATE DATABASE {database} OWNER {OWNER}'"  # noqa: S608 - names of ours, checked in the answers
        f" WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec",
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {', '.join(passwords)};",
        f"\\connect {database}",
        "CREATE EXTENSION IF NOT EXISTS ltree;",
        "-- TimescaleDB where the server has it loaded; plain PostgreSQL works as well.",
        "SELECT 'CREATE EXTENSION IF NOT EXISTS timescaledb' WHERE EXISTS"
        " (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers') \\gexec",
        *_grants(),
    ]
    return "\n".join(lines) + "\n"


def _grants() -> list[str]:
    """Every service reads and writes rows; the owner alone, and maintenance in its name, changes tables."""
    services = ", ".join(ROLES[1:])
    rows, numbers = "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT"
    return [
        f"GRANT USAGE ON SCHEMA public TO {services};",
        f"GRANT {rows} ON ALL TABLES IN SCHEMA public TO {services};",
        f"GRANT {numbers} ON ALL SEQUENCES IN SCHEMA public TO {services};",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT {rows} ON TABLES TO {services};",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT {numbers} ON SEQUENCES TO {services};",
        f"GRANT {OWNER} TO {role_of('maintain')};",
    ]
