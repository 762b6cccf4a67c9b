"""Service plans of beds, pauses and corrections of grants, reminders of contracts."""

from database.migrations.run import run_sql

revision = "0285"
down_revision = "0281"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0285_beds_in_service")
