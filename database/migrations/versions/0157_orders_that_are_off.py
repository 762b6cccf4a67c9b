"""Orders that are off are told."""

from database.migrations.run import run_sql

revision = "0157"
down_revision = "0156"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0157_orders_that_are_off")
