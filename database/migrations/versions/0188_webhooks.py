"""Changes of alerts told to other systems."""

from database.migrations.run import run_sql

revision = "0188"
down_revision = "0187"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0188_webhooks")
