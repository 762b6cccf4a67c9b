"""A complaint knows the visit that it is about."""

from database.migrations.run import run_sql

revision = "0341"
down_revision = "0340"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0341_complaints_of_visits")
