"""A decision for every table at an erasure, silenced devices, and a list for restored backups."""

from database.migrations.run import run_sql

revision = "0310"
down_revision = "0305"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0310_every_table_decided")
