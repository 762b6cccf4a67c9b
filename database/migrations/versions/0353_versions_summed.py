"""Sums of device models by the version of their program."""

from database.migrations.run import run_sql

revision = "0353"
down_revision = "0352"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0353_versions_summed")
