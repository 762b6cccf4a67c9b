"""Retention can be made to wait, for a time that ends by itself; since when TimescaleDB's policies are set."""

from database.grade import Grade
from database.migrations.run import grade, run_sql

revision = "0065"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0065_retention_waits")
    if grade() is Grade.COMMUNITY:
        run_sql("0065_policies")
