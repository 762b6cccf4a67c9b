"""Complaints and quality control."""

from database.migrations.run import run_sql

revision = "0236"
down_revision = "0235"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0236_complaints_and_quality")
