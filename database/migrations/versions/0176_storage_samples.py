"""Sizes of the tables, once an hour."""

from database.migrations.run import run_sql

revision = "0176"
down_revision = "0175"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0176_storage_samples")
