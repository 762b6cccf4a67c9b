"""Holes in the roster are told by message: a notification is about an alert or about a hole."""

from database.migrations.run import run_sql

revision = "0060"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0060_roster_holes_are_told")
