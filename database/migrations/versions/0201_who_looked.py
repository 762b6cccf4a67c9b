"""A family's right to see who looked at their parent's data."""

from database.migrations.run import run_sql

revision = "0201"
down_revision = "0200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0201_who_looked")
