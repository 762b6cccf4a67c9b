"""Minutes of a help whose earning was reversed are earned anew, once, by two people."""

from database.migrations.run import run_sql

revision = "0430"
down_revision = "0420"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0430_minutes_earned_anew")
