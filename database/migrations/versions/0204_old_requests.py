"""Let old requests and test messages go."""

from database.migrations.run import run_sql

revision = "0204"
down_revision = "0203"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0204_old_requests")
