"""Signed checkpoints of the audit, and indexes for its search."""

from database.migrations.run import run_sql

revision = "0171"
down_revision = "0170"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0171_audit_checkpoints")
