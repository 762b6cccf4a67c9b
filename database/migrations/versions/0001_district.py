"""Homes, the people who live there, those who care for them, and the devices that watch over them."""

from database.migrations.run import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0001_district")
