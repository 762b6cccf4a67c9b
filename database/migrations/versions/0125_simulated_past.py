"""Homes of a demonstration with a simulated past."""

from database.migrations.run import run_sql

revision = "0125"
down_revision = "0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0125_simulated_past")
