"""Receivers of packages, the packages, attempts to deliver them, and of whom they tell."""

from database.migrations.run import run_sql

revision = "0261"
down_revision = "0260"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0261_reports")
