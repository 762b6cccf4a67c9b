"""English words for the system's own entries in the history."""

from database.migrations.run import run_sql

revision = "0055"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0055_history_in_english")
