"""Events of gateways whose clock is wrong."""

from database.migrations.run import run_sql

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0074_events_of_wrong_clocks")
