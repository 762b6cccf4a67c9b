"""Own complaints: all at once, where policies ask whose a complaint is."""

from database.migrations.run import run_sql

revision = "0291"
down_revision = "0290"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0291_own_complaints_at_once")
