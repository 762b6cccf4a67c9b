"""How far each alerting process has come."""

from database.migrations.run import run_sql

revision = "0110"
down_revision = "0105"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0110_alerting_workers")
