"""Closed alerts in order, and notifications that ask for support."""

from database.migrations.run import run_sql

revision = "0117"
down_revision = "0116"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0117_closed_alerts")
