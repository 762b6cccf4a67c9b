"""Requests to machines from pages, retired devices, refused pairings, the last word of each device."""

from database.migrations.run import run_sql

revision = "0174"
down_revision = "0172"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0174_upkeep")
