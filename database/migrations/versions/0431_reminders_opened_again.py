"""A certificate's reminder that somebody saw to is opened again, with a reason."""

from database.migrations.run import run_sql

revision = "0431"
down_revision = "0430"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0431_reminders_opened_again")
