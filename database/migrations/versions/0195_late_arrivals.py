"""Readings that came late, so that other systems miss none."""

from database.migrations.run import run_sql

revision = "0195"
down_revision = "0194"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0195_late_arrivals")
