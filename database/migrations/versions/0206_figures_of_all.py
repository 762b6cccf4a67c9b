"""Figures that leave nobody out: alerts that wait, every device, the month in which the district began."""

from database.migrations.run import run_sql

revision = "0206"
down_revision = "0205"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0206_figures_of_all")
