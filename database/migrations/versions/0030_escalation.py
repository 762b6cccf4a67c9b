"""Ladders of alerts: policies, the next deadline; call attempts, outcomes, hand-overs, warnings of empty shifts."""

from database.migrations.run import run_sql

revision = "0030"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0030_escalation")
