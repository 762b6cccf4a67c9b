"""State and way of a meal before it was noted at the counter."""

from database.migrations.run import run_sql

revision = "0380"
down_revision = "0370"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0380_meals_taken_back")
