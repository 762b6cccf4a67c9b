"""Tries to open the page of a digest of notices by its link; who of a research file does not agree any more."""

from database.migrations.run import run_sql

revision = "0358"
down_revision = "0353"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0358_openings_and_research")
