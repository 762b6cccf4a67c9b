"""Ratings of visits by time."""

from database.migrations.run import run_sql

revision = "0226"
down_revision = "0225"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0226_ratings_by_time")
