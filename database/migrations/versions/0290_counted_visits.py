"""Counted visits: planned against done by day, kept by the transactions that change visits."""

from database.migrations.run import run_sql

revision = "0290"
down_revision = "0285"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0290_counted_visits")
