"""The picture's totals of each compound."""

from database.migrations.run import run_sql

revision = "0142"
down_revision = "0141"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0142_protection_totals")
