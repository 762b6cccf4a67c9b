"""The time bank: volunteers, requests, rounds, and minutes in a double-entry ledger."""

from database.migrations.run import run_sql

revision = "0245"
down_revision = "0236"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0245_time_bank")
