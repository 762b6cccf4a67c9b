"""Research without names, and the register of breaches."""

from database.migrations.run import run_sql

revision = "0272"
down_revision = "0271"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0272_research")
