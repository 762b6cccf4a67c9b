"""Faults that services notice of themselves."""

from database.migrations.run import run_sql

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0073_service_faults")
