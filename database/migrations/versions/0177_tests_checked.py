"""Constraints of 0175, checked on the rows that exist."""

from database.migrations.run import run_sql

revision = "0177"
down_revision = "0176"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0177_tests_checked")
