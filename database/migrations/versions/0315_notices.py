"""Notices of care, and the digests in which they are sent."""

from database.migrations.run import run_sql

revision = "0315"
down_revision = "0312"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0315_notices")
