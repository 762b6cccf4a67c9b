"""Previews of thresholds by replay, kept."""

from database.migrations.run import run_sql

revision = "0205"
down_revision = "0204"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0205_threshold_previews")
