"""The end of an alert's cause is told to those who were told of its begin."""

from database.migrations.run import run_sql

revision = "0072"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0072_ends_are_told")
