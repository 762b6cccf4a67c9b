"""Rows that were there before 0115 and 0117."""

from database.migrations.run import run_sql

revision = "0156"
down_revision = "0150"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0156_rows_before_0115")
