"""Whom a viewer sees in the time bank is found by the areas in which volunteers help."""

from database.migrations.run import run_sql

revision = "0432"
down_revision = "0431"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0432_helpers_by_area")
