"""Ladders by grade of ability: what was approved, and why an alert climbs the one it climbs."""

from database.migrations.run import run_sql

revision = "0280"
down_revision = "0272"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0280_ladders_by_grade")
