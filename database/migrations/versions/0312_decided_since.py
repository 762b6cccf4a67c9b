"""Decisions for tables that came since."""

from database.migrations.run import run_sql

revision = "0312"
down_revision = "0311"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0312_decided_since")
