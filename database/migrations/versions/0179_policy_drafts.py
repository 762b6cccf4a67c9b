"""Drafts of escalation policies."""

from database.migrations.run import run_sql

revision = "0179"
down_revision = "0178"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0179_policy_drafts")
