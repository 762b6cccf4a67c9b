"""Meals ordered by an arrangement, what could not be ordered, and one rule for the last month of a grant."""

from database.migrations.run import run_sql

revision = "0334"
down_revision = "0330"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0334_meals_by_arrangement")
