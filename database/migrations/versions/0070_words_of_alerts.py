"""The order of severities and the open states are written once in SQL."""

from database.migrations.run import run_sql

revision = "0070"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0070_words_of_alerts")
