"""Too many sessions of one certificate."""

from database.migrations.run import run_sql

revision = "0105"
down_revision = "0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0105_session_excess")
