"""Readings of whole series are erased in two statements, not one by one out of their packs."""

from database.migrations.run import run_sql

revision = "0443"
down_revision = "0442"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0443_readings_erased_whole")
