"""Functions and a view for a role that sees the rows of its viewer alone."""

from database.migrations.run import run_sql

revision = "0161"
down_revision = "0160"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0161_rows_by_viewer")
