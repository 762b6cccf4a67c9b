"""Differences of research exports, and who fetched a copy."""

from database.migrations.run import run_sql

revision = "0311"
down_revision = "0310"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0311_research_differences")
