"""Outlines of areas, for the map."""

from database.migrations.run import run_sql

revision = "0126"
down_revision = "0125"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0126_area_outlines")
