"""Ladders of alerts: policies, the next deadline; call attempts, coded outcomes, hand-overs, warned hours."""

from database.migrations.run import run_sql

revision = "0030"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0030_escalation")
