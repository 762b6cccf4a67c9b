"""Indexes of lists and pages with a year behind them."""

from database.migrations.run import run_sql

revision = "0191"
down_revision = "0189"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0191_quicker_lists")
