"""The protection picture: now, and how it changed."""

from database.migrations.run import run_sql

revision = "0140"
down_revision = "0135"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0140_protection")
