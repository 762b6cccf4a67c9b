"""A press by the link of a visit has no account."""

from database.migrations.run import run_sql

revision = "0342"
down_revision = "0341"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0342_presses_by_link")
