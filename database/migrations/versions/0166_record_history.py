"""The history of records, written by triggers: who changed what, and how a record was at a moment."""

from database.migrations.run import run_sql

revision = "0166"
down_revision = "0162"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0166_record_history")
