"""Ratings of residents: whose care a rating is about stands in it."""

from database.migrations.run import run_sql

revision = "0292"
down_revision = "0291"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0292_ratings_of_residents")
