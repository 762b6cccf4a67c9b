"""No service goes around the chain, and the check finds it; audit and histories of alerts are sought together."""

from database.migrations.run import run_sql

revision = "0200"
down_revision = "0197"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0200_around_the_chain")
