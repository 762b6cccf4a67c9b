"""Reasons of notifications, checked."""

from database.migrations.run import run_sql

revision = "0158"
down_revision = "0157"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0158_reasons_checked")
