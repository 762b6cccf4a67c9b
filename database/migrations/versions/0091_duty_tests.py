"""Tests of the people of a shift before it begins."""

from database.migrations.run import run_sql

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0091_duty_tests")
