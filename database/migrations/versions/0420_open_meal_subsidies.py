"""Meals whose subsidy hangs on facts that nobody knew are found by their day."""

from database.migrations.run import run_sql

revision = "0420"
down_revision = "0410"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0420_open_meal_subsidies")
