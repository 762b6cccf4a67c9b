"""Professionals' profiles and reminders; documents with read confirmations; courses, tests and their certificates."""

from database.migrations.run import run_sql

revision = "0250"
down_revision = "0245"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0250_workforce_and_library")
