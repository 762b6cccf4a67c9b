"""Panels of homes."""

from database.migrations.run import run_sql

revision = "0135"
down_revision = "0130"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0135_panels")
