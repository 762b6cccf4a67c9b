"""The time bank by itself: whom dispatch may send, links that end, jobs of the rounds, hours spent by families."""

from database.migrations.run import run_sql

revision = "0300"
down_revision = "0295"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0300_time_bank_by_itself")
