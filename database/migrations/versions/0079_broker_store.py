"""How full each broker's store is."""

from database.migrations.run import run_sql

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0079_broker_store")
