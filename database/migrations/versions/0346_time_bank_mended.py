"""The time bank mended: its books, promises that were not kept, courses without an account."""

from database.migrations.run import run_sql

revision = "0346"
down_revision = "0342"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0346_time_bank_mended")
