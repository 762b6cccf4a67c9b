"""Accounts of street elder centers and community stations."""

from database.migrations.run import run_sql

revision = "0141"
down_revision = "0140"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0141_station_role")
