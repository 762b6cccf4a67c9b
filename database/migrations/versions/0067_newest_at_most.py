"""Repetitions of what was stored before an upgrade stay repetitions."""

from database.migrations.run import run_sql

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0067_newest_at_most")
