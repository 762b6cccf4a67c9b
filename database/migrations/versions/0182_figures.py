"""Figures of the area tree by month: facts, and sums of every node."""

from database.migrations.run import run_sql

revision = "0182"
down_revision = "0180"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0182_figures")
