"""Rows of other systems, by the token that asks."""

from database.migrations.run import run_sql

revision = "0194"
down_revision = "0191"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0194_machine_rows")
