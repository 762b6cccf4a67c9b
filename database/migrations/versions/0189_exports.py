"""Bulk exports of other systems."""

from database.migrations.run import run_sql

revision = "0189"
down_revision = "0188"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0189_exports")
