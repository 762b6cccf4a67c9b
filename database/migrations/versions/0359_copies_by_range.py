"""Copies of a person's data with the readings of some days alone."""

from database.migrations.run import run_sql

revision = "0359"
down_revision = "0358"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0359_copies_by_range")
