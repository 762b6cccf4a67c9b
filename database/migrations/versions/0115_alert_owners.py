"""Owners of alerts, and alerts that are one incident."""

from database.migrations.run import run_sql

revision = "0115"
down_revision = "0110"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0115_alert_owners")
