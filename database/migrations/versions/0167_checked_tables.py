"""Keep a table of records that was checked, until it is stored."""

from database.migrations.run import run_sql

revision = "0167"
down_revision = "0166"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0167_checked_tables")
