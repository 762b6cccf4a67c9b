"""The reasons of notifications that exist, checked."""

from database.migrations.run import run_sql

revision = "0316"
down_revision = "0315"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0316_notices_checked")
