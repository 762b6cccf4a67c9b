"""People who are named for visits ahead, found quickly whatever the planner expects."""

from database.migrations.run import run_sql

revision = "0440"
down_revision = "0432"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0440_who_is_named_whatever_is_ahead")
