"""People named for visits ahead, and what they may do."""

from database.migrations.run import run_sql

revision = "0390"
down_revision = "0386"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0390_who_is_named")
