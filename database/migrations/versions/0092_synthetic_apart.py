"""No account sees synthetic homes."""

from database.migrations.run import run_sql

revision = "0092"
down_revision = "0091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0092_synthetic_apart")
