"""Presses of a telephone, once each, and what was found at the door."""

from database.migrations.run import run_sql

revision = "0130"
down_revision = "0126"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0130_field_presses")
