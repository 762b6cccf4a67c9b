"""Readings that other systems bring."""

from database.migrations.run import run_sql

revision = "0187"
down_revision = "0186"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0187_exchange_intake")
