"""Tokens of other systems, and consents to be known to them."""

from database.migrations.run import run_sql

revision = "0186"
down_revision = "0183"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0186_machine_tokens")
