"""Two functions that ask the same thing once for their rows, not for each again."""

from database.migrations.run import run_sql

revision = "0441"
down_revision = "0440"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0441_asked_once")
