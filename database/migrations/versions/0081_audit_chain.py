"""The audit and the history of alerts are chained by hashes."""

from database.migrations.run import run_sql

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0081_audit_chain")
