"""Numbers that a stream misses: seen, asked for, repaired, or lost."""

from database.migrations.run import run_sql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0021_stream_gaps")
