"""One-time passwords, a second factor, and sessions that end when nobody uses them."""

from database.migrations.run import run_sql

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0080_accounts")
