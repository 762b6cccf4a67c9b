"""Assessments of ability, and what a grade proposes."""

from database.migrations.run import run_sql

revision = "0211"
down_revision = "0210"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0211_assessments")
