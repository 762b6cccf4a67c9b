"""Contacts, staff, shifts, rosters, shared locations, encrypted medical notes; a version of all that changes."""

from database.migrations.run import run_sql

revision = "0020"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0020_care_network")
