"""Notices to many and devices of a model, in the time of an index."""

from database.migrations.run import run_sql

revision = "0330"
down_revision = "0325"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0330_quicker_rounds")
