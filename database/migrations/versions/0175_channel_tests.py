"""Test messages of channels."""

from database.migrations.run import run_sql

revision = "0175"
down_revision = "0174"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0175_channel_tests")
