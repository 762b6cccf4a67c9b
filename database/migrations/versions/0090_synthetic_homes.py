"""Synthetic homes and the proof of the path."""

from database.migrations.run import run_sql

revision = "0090"
down_revision = "0088"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0090_synthetic_homes")
