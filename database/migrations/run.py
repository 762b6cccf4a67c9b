"""Run the SQL files of migrations."""

from pathlib import Path
from typing import Any

from alembic import context, op

from database.grade import Grade

SQL = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Run ``sql/<name>.sql``, which may hold several statements, in the migration's transaction."""
    connection: Any = op.get_bind().connection.dbapi_connection
    # Straight to psycopg and without parameters: a percent sign in the SQL stays one.
    connection.execute((SQL / f"{name}.sql").read_bytes())


def grade() -> Grade:
    """The grade this database is being built for."""
    built_for: Grade = context.config.attributes["grade"]
    return built_for
