"""Channels with a ceiling remember when they reached it."""

from database.migrations.run import run_sql

revision = "0088"
down_revision = "0087"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0088_channel_ceilings")
