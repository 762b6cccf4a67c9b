"""Roles of desk leads, center managers, auditors and other systems."""

from database.migrations.run import run_sql

revision = "0160"
down_revision = "0158"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0160_more_roles")
