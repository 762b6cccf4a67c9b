"""Receivers whose counter-signature comes with the answer, and is the delivery."""

from database.migrations.run import run_sql

revision = "0352"
down_revision = "0346"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0352_receipts")
