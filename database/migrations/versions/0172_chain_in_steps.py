"""A check of the audit's chain in steps, for services."""

from database.migrations.run import run_sql

revision = "0172"
down_revision = "0171"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0172_chain_in_steps")
