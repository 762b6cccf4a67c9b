"""Rounds of a ladder, and desks that ask for support."""

from database.migrations.run import run_sql

revision = "0116"
down_revision = "0115"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0116_rounds_of_a_ladder")
